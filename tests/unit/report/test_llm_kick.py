"""The index of LLM-KICK's figures: where each is, and what it would take."""

import pandas as pd
import pytest
from helpers import wrote

from knowcost.papers.llm_kick import index
from knowcost.report import llm_kick


def contents(names, kinds=("mmlu", "sciq"), family="decoder", measures=()):
    data = wrote.frames(measures)
    data["scores"] = pd.DataFrame({"family": family, "benchmark": list(kinds)})
    data["benchmarks"] = pd.DataFrame({"benchmark": list(kinds), "kind": list(kinds)})
    figures = [{"name": name, "title": name.upper(), "family": family} for name in names]
    return llm_kick.contents(data, figures)


def test_a_run_without_decoders_has_no_index():
    assert contents(["written_measures_m_talk"], family="encoder") is None
    assert contents([], kinds=(), measures=[wrote.measured("dense", "tokens")]).here == 0


def test_where_each_is_and_what_the_others_take():
    names = ["pruning_decoder_overall", "pruning_decoder_overall_by_benchmark", "bits_decoder_overall_by_benchmark",
             "perplexity_decoder", "written_summaries_kick_summary_m_news", "written_measures_m_talk"]  # fmt: skip
    found = contents(names)
    assert (found.here, found.missing, [row.name for row in found.rows]) == (4, 2, [f"Figure {n}" for n in range(1, 7)])
    links = {row.name: [id for id, _ in row.links] for row in found.rows}
    assert links["Figure 3"] == [f"figure-{name}" for name in names[1:3]]
    assert links["Figure 1"] == ["figure-perplexity_decoder"] and links["Figure 2"] == []
    remarks = {row.name: row.remark for row in found.rows}
    assert remarks["Figure 2"] == "missing: it takes a benchmark of the format freebaseqa"
    assert remarks["Figure 6"].endswith("; not here: judged conversations (a, b)")
    assert "not here" not in remarks["Figure 5"] + remarks["Figure 1"]


@pytest.mark.parametrize(
    ("name", "kinds", "shown"),
    [
        ("pruning_decoder_overall", ["mmlu"], True),
        ("pruning_decoder_overall", ["mmlu", "sciq"], False),  # a mean over both
        ("pruning_decoder_overall_by_benchmark", ["mmlu", "sciq"], True),
        ("pruning_decoder_overall_by_benchmark", ["boolq", "sciq"], False),
        ("written_measures_m_talk", ["mmlu"], False),
    ],
)
def test_a_benchmark_is_shown_where_it_has_a_panel_of_its_own(name, kinds, shown):
    (entry,) = [each for each in index.figures() if each["number"] == 3]
    assert index.shows(entry, name, kinds) is shown
