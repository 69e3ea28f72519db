from math import nan

import pandas as pd

from knowcost.aggregate.affordable import NO, UNSURE, YES
from knowcost.aggregate.tables import describe
from knowcost.report import affordable

LOST = {"drop_points": 1.5, "drop_low": 0.4, "drop_high": 2.6, "worst_points": 3.0, "worst_low": 1.0, "worst_high": 5.0}


def row(slug, verdict, real, **more):
    sizes = {"real_bytes": real, "loaded_bytes": 2 * real, "format": "packed", "bits_per_fact_kept": 1234.0}
    budget = {"size_budget": 8e6, "points_budget": 2.0, "verdict": verdict, "why": "because"}
    about = {"model": "m & n", "kept_percent": 98.0, "seconds_per_1000_tokens": nan, "worst_benchmark": "sciq"}
    return describe(slug) | LOST | sizes | budget | about | more


def made(*rows):
    return affordable.section(pd.DataFrame(rows))


def test_what_is_allowed_stands_first_and_the_smallest_before_the_others():
    rows = [row("dense", NO, 9e6), row("gptq-3bit@overall", UNSURE, 1e6), row("int8@overall", YES, 3e6),
            row("gptq-4bit@overall", YES, 2e6)]  # fmt: skip
    (model,) = made(*rows).models
    assert [line.variant for line in model.lines] == [
        "gptq-4bit@overall", "int8@overall", "gptq-3bit@overall", "dense",
    ]  # fmt: skip
    assert model.smallest == f"{model.lines[0].words}, 2.0 MB"
    (model,) = made(row("int8@overall", NO, 3e6), row("dense", YES, 9e6)).models
    assert model.smallest == "no compression is shown to be within the budget"


def test_a_line_has_what_the_script_judges_by_and_leads_to_what_was_forgotten():
    (model,) = made(row("int8@overall", YES, 3e6), row("dense", YES, 9e6, bits_per_fact_kept=nan)).models
    line = model.lines[0]
    lost = {"mean": "1.5", "low": "0.4", "high": "2.6"}
    assert line.data == {"real": "3000000", "loaded": "6000000"} | lost
    assert line.link == "#facts?m=m+%26+n&a=dense&b=int8%40overall&v=forgotten"
    assert (line.mean.text, line.mean.below, line.worst.text) == ("1.5", "0.4 to 2.6", "3.0 on sciq")


def test_a_budget_is_said_in_words_and_for_inputs():
    section = made(row("int8@overall", YES, 3e6), row("dense", YES, 9e6))
    assert section.budget == "fit into 8.0 MB once loaded, and lose at most 2 points of accuracy"
    assert (section.size, section.points, section.timed) == ("8", "2", False)
    assert made(row("int8@overall", YES, 3e6, size_budget=nan)).budget == "lose at most 2 points of accuracy"


def test_only_models_that_were_timed_have_a_column_of_seconds():
    timed = row("int8@overall", YES, 3e6, model="timed", seconds_per_1000_tokens=0.5)
    section = made(row("int8@overall", YES, 3e6), timed)
    assert section.timed and [model.timed for model in section.models] == [False, True]


def test_without_a_compression_there_is_nothing_to_afford():
    assert made(row("dense", YES, 9e6)) is None
