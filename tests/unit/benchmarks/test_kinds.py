"""What an entry of KINDS says must exist elsewhere: engines, measures, task files, columns."""

import importlib.util
from importlib import resources

import pytest

from knowcost.benchmarks.kinds import GENERATIVE, HARNESS, KINDS, WRITING
from knowcost.score.measures import MEASURES


@pytest.mark.parametrize("name", KINDS)
def test_an_entry_is_whole(name):
    kind = KINDS[name]
    engines = {kind.engine_for(family) for family in kind.families}
    for engine in engines:
        assert importlib.util.find_spec(f"knowcost.score.engines.{engine}")
    assert kind.measure in MEASURES and kind.shown in kind.columns
    asked_by_harness = resources.files("knowcost.score").joinpath(f"tasks/{name}.yaml").is_file()
    assert (HARNESS in engines) == asked_by_harness == bool(kind.choices or kind.answers)
    assert (kind.measure == WRITING) == bool(kind.messages) == bool(kind.new_tokens)
    assert kind.shortened is None or kind.shortened in kind.columns


def test_encoders_fill_the_blank_that_others_go_on_with():
    assert KINDS["cloze"].engine_for("encoder") == "cloze"
    assert {KINDS["cloze"].engine_for(family) for family in GENERATIVE} == {"lm_eval"}
    assert KINDS["cloze_published"].engine_for("encoder") == "cloze_published"
    assert {KINDS["lines"].engine_for(family) for family in ("encoder", *GENERATIVE)} == {"perplexity"}


def test_longer_stories_are_news_as_published():
    row = {"story": "It rained.", "published_end": "@highlightRain", "relation": "small"}
    (small,), (large,) = (KINDS["summary_published"].messages(row | {"relation": each}) for each in ("small", "large"))
    assert small.startswith("Summarize the given story in") and small.endswith("\n\nIt rained.@highlightRain")
    assert large == small.replace("given story", "given news") and large != small
