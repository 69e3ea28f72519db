"""What accuracy hides: which variants are joined, with which bands, and what the caption says of them."""

from itertools import pairwise
from math import nan

import matplotlib
import pandas as pd
import pytest
from helpers.plotted import dots, points

from knowcost.aggregate import rule, tables
from knowcost.draw import averaging, strengths
from knowcost.draw.style import COLOURS, STYLE

SUBJECT = averaging.Subject("encoder", "Who.", 1)


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(STYLE):
        yield


def row(slug, drop, probability, decision=rule.COSTS, probable=rule.COSTS, **more):
    """A row of the table of drops, with intervals of 2 points on both sides; a tenth of the loss was gained too."""
    made = {"family": "encoder", **tables.describe(slug), "decision": decision, "probability_decision": probable}
    for name, value in (
        ("drop", drop),
        ("probability", probability),
        ("forgotten", 1.1 * drop),
        ("gained", 0.1 * drop),
    ):
        made |= {f"{name}_points": value, f"{name}_low": value - 2, f"{name}_high": value + 2}
    return made | more


ROWS = [
    row("magnitude-60@overall", 20.0, 40.0),
    row("magnitude-20@overall", 0.5, 1.5, rule.EQUAL, rule.UNSURE),  # levels are put in order
    row("magnitude-20@attention", 0.0, 3.0, rule.EQUAL),
    row("magnitude-60@attention", 1.0, 14.0, rule.UNSURE),
    row("wanda-60@overall", 30.0, 50.0),
    row("magnitude-60@canonical.attention", 99.0, 99.0), row("magnitude-60@self_attention", 99.0, 99.0),
    row("int8@overall", 99.0, 99.0), row("wanda-2of4@overall", 99.0, 99.0), row("magnitude-60@final", 99.0, 99.0),
]  # fmt: skip


def hidden(rows):
    return list(strengths.hidden(pd.DataFrame(rows), SUBJECT))


def test_losses_over_sparsity_by_scope_and_by_method():
    (made,) = hidden(ROWS)
    assert (made.name, made.family) == ("hidden_encoder", "encoder") and made.caption.endswith("Who.")
    axes = made.figure.axes
    assert [axis.get_title(loc="left") for axis in axes[:3]] == list(strengths.TITLES.values())
    whole, attention = COLOURS["overall"], COLOURS["attention"]
    assert points(axes[0]) == {whole: [0, 0.5, 20], attention: [0, 0, 1]}
    assert points(axes[1]) == {whole: [0, 1.5, 40], attention: [0, 3, 14]}
    assert points(axes[3]) == {whole: [0, 0.5, 20]}  # Wanda's lone level is a dot: what lies before it is not known
    (lone,) = {colour for colour, _ in dots(axes[3])} - {whole}
    assert dots(axes[3])[lone, 60] == "filled" and not {colour for colour, _ in dots(axes[0])} - {whole, attention}


def test_bands_are_the_intervals_and_dots_the_decisions():
    (made,) = hidden(ROWS)
    accuracy, probability, _ = made.figure.axes[:3]
    box = accuracy.collections[0].get_paths()[0].get_extents()
    assert (box.ymin, box.ymax) == (-1.5, 22)  # 0.5 - 2, 20 + 2
    assert dots(accuracy) == {
        (COLOURS["overall"], 20): "small", (COLOURS["overall"], 60): "filled",
        (COLOURS["attention"], 20): "small", (COLOURS["attention"], 60): "hollow",
    }  # fmt: skip
    assert dots(probability)[COLOURS["overall"], 20] == "hollow"
    assert dots(probability)[COLOURS["attention"], 20] == "filled"


def test_flips_have_a_line_for_each_way():
    (made,) = hidden(ROWS)
    lines = [(line.get_color(), line.get_linestyle(), list(line.get_ydata())) for line in made.figure.axes[2].lines]
    whole = [(dash, values) for colour, dash, values in lines if colour == COLOURS["overall"] and dash != "None"]
    assert whole == [("-", pytest.approx([0, 0.55, 22])), ("--", pytest.approx([0, 0.05, 2]))]
    assert "(solid: right to wrong; dashed: wrong to right)" in made.caption
    (made,) = hidden([each | {"changed_points": 7.0, "changed_low": 6.0, "changed_high": 8.0} for each in ROWS])
    dotted = [list(line.get_ydata()) for line in made.figure.axes[2].lines if line.get_linestyle() == ":"]
    assert dotted == [[0, 7, 7]] * 2
    assert "; dotted: wrong to another wrong)" in made.caption


def test_the_caption_says_how_much_accuracy_does_not_show():
    (made,) = hidden(ROWS)
    assert "2 of the 5 variants shown are found to cost probability, but not accuracy. " in made.caption
    worst = (
        "attention pruned by 60%, 14.0 points (12.0 to 16.0) of probability beside 1.0 points (-1.0 to 3.0) of accuracy"
    )
    assert f"The largest such loss: {worst}. " in made.caption
    (made,) = hidden([*ROWS[:3], row("magnitude-60@attention", 1.0, 14.0, rule.SMALL)])
    words = "1 of the 4 variants shown is found to cost probability, but not accuracy. The largest such loss: attention"
    assert f"{words} pruned by 20%, " in made.caption  # by 60% accuracy is lost too, if little
    (made,) = hidden([row | {"drop_points": nan, "decision": rule.NOTHING} for row in ROWS[:2]])
    assert "such loss" not in made.caption  # accuracy hides nothing where nothing is known of it
    (made,) = hidden(ROWS[:2])
    assert "such loss" not in made.caption and len(made.figure.axes) == 3


def test_one_variant_and_nothing_lost_are_sentences():
    (made,) = hidden(ROWS[:1])
    assert made.figure is None and made.caption == (
        "Of everything pruned by 60%, the one sparsity that was run, 20.0 points (18.0 to 22.0) of accuracy and "
        "40.0 points (38.0 to 42.0) of probability were lost. Who."
    )
    (made,) = hidden([row(f"magnitude-{n}@overall", 0.5, -0.9) for n in (20, 60)])
    assert made.figure is None and "of 2 variants none lost more than 0.9 points of accuracy or" in made.caption
    (made,) = hidden([row("magnitude-20@overall", 0.5, 0.5), row("magnitude-60@overall", 0.5, 1.1)])
    assert made.figure


def test_ways_to_flip_that_are_rare_are_not_drawn_but_said():
    (made,) = hidden([row("magnitude-20@overall", 2.0, 2.0), row("magnitude-60@overall", 9.0, 9.0)])
    assert {line.get_linestyle() for line in made.figure.axes[2].lines} == {"-", "None"}
    assert "(solid: right to wrong)" in made.caption
    assert "From wrong to right at most 0.9% flipped, which is not drawn. " in made.caption


def test_flips_have_bands_and_numbers_of_levels_do_not_overlap():
    (made,) = hidden([row(f"magnitude-{n}@overall", float(n), 9.0) for n in (10, 55, 60, 63, 65, 70, 80)])
    accuracy, _, flips = made.figure.axes
    box = flips.collections[0].get_paths()[0].get_extents()
    assert (box.ymin, box.ymax) == (0, pytest.approx(90))  # 1.1 times 80, and 2
    made.figure.draw_without_rendering()
    labels = [label for label in accuracy.get_xticklabels() if label.get_text()]
    boxes = [label.get_window_extent() for label in labels]
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))
    assert labels[0].get_text() == "0" and labels[-1].get_text() == "80"


def test_the_caption_says_what_bands_and_lone_markers_are_where_there_are_any():
    bands, lone = "Bands: 95% intervals. ", "A lone marker: the one sparsity that was run"
    (made,) = hidden(ROWS)
    assert f"{bands}{lone}, with its 95% interval; right: from right to wrong. " in made.caption
    (made,) = hidden(ROWS[:2])
    assert bands in made.caption and lone not in made.caption
    none = {f"{name}_{end}": nan for name in ("drop", "probability") for end in ("low", "high")}
    (made,) = hidden([ROWS[0] | none, ROWS[4] | none])
    assert bands not in made.caption and f"{lone}; right: from right to wrong. " in made.caption


def test_without_probabilities_there_is_no_figure():
    assert not hidden([row(each["variant"], 1.0, nan, probable="") for each in ROWS])
    assert not hidden([row("int8@overall", 1.0, 1.0)])
    assert not list(strengths.hidden(pd.DataFrame(ROWS).iloc[:0], SUBJECT))


def test_a_study_of_another_method_alone_has_its_row():
    (made,) = hidden([row("wanda-20@overall", 1.0, 2.0), row("wanda-60@overall", 3.0, 4.0)])
    assert len(made.figure.axes) == 3 and "magnitude" not in made.caption
    assert list(points(made.figure.axes[0]).values()) == [[0, 1, 3]]


def test_one_cluster_has_no_band_and_is_decided_by_nothing():
    one = row("magnitude-20@overall", 5.0, 5.0, rule.UNSURE, rule.UNSURE, drop_low=nan, drop_high=nan)
    (made,) = hidden([one, one | tables.describe("magnitude-60@overall")])
    made.figure.draw_without_rendering()
    assert set(dots(made.figure.axes[0]).values()) == {"hollow"}
    (made,) = hidden([one, one | tables.describe("wanda-20@overall")])
    made.figure.draw_without_rendering()
    assert "(solid: right to wrong)" in made.caption  # dots cannot be dashed
