"""The tables of what was lost: the style of a cell follows the decision of its row."""

import pandas as pd
import pytest
from helpers.answers import data, kept, row

from knowcost.aggregate import rule
from knowcost.report import drops, table


@pytest.mark.parametrize(
    ("decision", "text", "style"),
    [
        (rule.COSTS, "2.0", "number costs"),
        (rule.GAINS, "2.0", "number gains"),
        (rule.EQUAL, "2.0", "number quiet"),
        (rule.SMALL, "2.0", "number small"),
        (rule.UNSURE, "2.0?", "number unsure"),
    ],
)
def test_cells_follow_decisions(decision, text, style):
    rows = [row("decoder", "magnitude-40@overall", (2.0, -1.5, 3.5), decision)]
    rows += [row("decoder", "magnitude-60@overall", (float("nan"),) * 3, rule.NOT_RUN)]
    (made,) = drops.drops(data(rows, scores=[])["drops"])
    method, scope, at_40, at_60 = made.rows[0]
    assert (method.text, scope.text, at_40, at_60.text) == (
        "magnitude pruning",
        "everything",
        (text, style),
        table.GONE,
    )
    assert (at_40.below.replace(table.MINUS, "-"), at_40.title) == ("-1.5 to 3.5", decision)


def test_smallest_variants_are_said_in_words():
    best = kept("a", "gptq-4bit@overall", 70.0, 99.0, 95.5) | {"drop_points": 0.5, "drop_low": 0.0, "drop_high": 1.0}
    (made,) = drops.cheapest(pd.DataFrame([best, kept("b", "", *[float("nan")] * 3)]))
    first, second = ([cell.text for cell in cells] for cells in made.rows)
    assert first == ["a", "95", "everything in 4 bit (GPTQ)", "70.0", "99.0", "95.5", "0.5"]
    assert second == ["b", "95", "none is shown to", *[table.GONE] * 4]
    assert made.rows[0][2].title == "gptq-4bit@overall"
