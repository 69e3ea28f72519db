"""Lines and bars: which numbers they show, how a missing one looks, and that nothing covers the data."""

from math import nan

import matplotlib
import pandas as pd
import pytest
from helpers.plotted import TWO_MODELS, cells, crosses, diamonds, dots, points

from knowcost.aggregate import rule
from knowcost.draw import plots
from knowcost.draw.plots import MISSING, UNKNOWN
from knowcost.draw.style import COLOURS, GREY, STYLE


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(STYLE):
        yield


def test_lines_start_at_the_dense_model_and_show_means():
    (axis,) = plots.lines(TWO_MODELS, "title").axes
    assert [list(line.get_xdata()) for line in axis.lines if line.get_linestyle() == "-"] == [[0, 20, 40]] * 2
    assert points(axis)[COLOURS["overall"]] == [0, 3, 15] and points(axis)[COLOURS["attention"]] == [0, 0.5, 4]
    baseline = [line for line in axis.lines if line.get_linestyle() == "--"]
    assert [set(line.get_ydata()) for line in baseline] == [{30.0}]
    band = axis.collections[0].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == (0, 20)  # least and most harmed model


DECIDED = TWO_MODELS.assign(mean_decision=[rule.EQUAL] * 2 + [rule.COSTS] * 2 + [rule.UNSURE] * 2 + [rule.SMALL] * 2)


def test_dots_show_what_the_mean_of_models_bears():
    figure = plots.lines(DECIDED, "title")
    assert dots(figure.axes[0]) == {
        (COLOURS["overall"], 20): "small",
        (COLOURS["overall"], 40): "filled",
        (COLOURS["attention"], 20): "hollow",
        (COLOURS["attention"], 40): "filled",
    }
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["everything", "attention", "not precise enough", "practically equal", "majority baseline"]
    undecided = plots.lines(TWO_MODELS, "title")
    assert set(dots(undecided.axes[0]).values()) == {"filled"}
    assert len(undecided.legends[0].get_texts()) == 3


def test_bars_show_what_each_model_lost_for_sure():
    rows = TWO_MODELS[TWO_MODELS["level"] == 40]
    rows = rows.assign(decision=[rule.UNSURE, rule.COSTS, rule.EQUAL, rule.COSTS], mean_decision=rule.COSTS)
    figure = plots.bars(rows, "title")
    (axis,) = figure.axes
    hollow = [[bar.get_facecolor()[:3] == (1, 1, 1) for bar in bars] for bars in axis.containers]
    assert hollow == [[False, True, False], [False, False, False]]  # mean, a, b
    grey = {text.get_text() for text in axis.texts if text.get_color() == GREY}
    assert "10.0?" in {text.get_text() for text in axis.texts} and grey == {"3.0", "10.0?"}
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words[2:] == ["not precise enough", "practically equal", "majority baseline"]


def test_bars_show_models_and_their_mean():
    rows = TWO_MODELS[TWO_MODELS["level"] == 40]
    (axis,) = plots.bars(rows, "title").axes
    assert [label.get_text() for label in axis.get_yticklabels()] == [plots.MEAN, "a", "b"]
    widths = [[bar.get_width() for bar in bars] for bars in axis.containers]
    assert widths == [[15, 10, 20], [4, 3, 5]]  # overall, attention
    assert [bars[0].get_facecolor()[:3] for bars in axis.containers] == [
        pytest.approx(matplotlib.colors.to_rgb(COLOURS[scope])) for scope in ("overall", "attention")
    ]
    baselines = [line.get_xdata()[0] for line in axis.lines if line.get_linestyle() == "--"]
    assert baselines == [30, 20, 40]


def test_legend_and_title_cover_no_data():
    each = pd.concat([TWO_MODELS.assign(panel=name) for name in ("x", "y", "z")])
    for figure in (plots.lines(each, "title"), plots.bars(TWO_MODELS, "title")):
        figure.draw_without_rendering()
        data = [axis.get_window_extent() for axis in figure.axes]
        for artist in (figure.legends[0], figure._suptitle):
            assert not any(artist.get_window_extent().overlaps(box) for box in data)


def test_a_last_row_of_panels_leaves_no_empty_axes_and_keeps_its_numbers():
    each = pd.concat([TWO_MODELS.assign(panel=name) for name in "vwxyz"])
    axes = plots.lines(each, "title").axes
    assert [axis.get_title(loc="left") for axis in axes] == list("vwxyz")
    assert [bool(axis.get_xlabel()) for axis in axes] == [False, False, True, True, True]
    assert [bool(axis.get_ylabel()) for axis in axes] == [True, False, False, True, False]


@pytest.mark.parametrize(("values", "expected"), [([0, 0], (-0.055, 1)), ([0, 0.4], (-0.05, 1)), ([0, 30], (0, 34.8)),
                                                  ([-5, 0], (-5.8, 1))])  # fmt: skip
def test_bars_of_next_to_nothing_look_like_nothing(values, expected):
    rows = cells(model=["a"] * 2, scope=["overall", "attention"], level=None, drop_percent=values)
    (axis,) = plots.bars(rows, "title").axes
    assert axis.get_xlim() == pytest.approx(expected, abs=0.02)


def test_lines_of_nothing_lie_at_the_bottom():
    (axis,) = plots.lines(TWO_MODELS.assign(drop_percent=0.0, majority_drop_percent=nan), "title").axes
    assert axis.get_ylim() == pytest.approx((-0.055, 1), abs=0.01)


def holes(why=MISSING):
    """TWO_MODELS, of which b has no cell of overall at 40, and a none of attention at all."""
    gone = ((TWO_MODELS["model"] == "b") & (TWO_MODELS["scope"] == "overall") & (TWO_MODELS["level"] == 40)) | (
        (TWO_MODELS["model"] == "a") & (TWO_MODELS["scope"] == "attention")
    )
    return TWO_MODELS.assign(drop_percent=TWO_MODELS["drop_percent"].mask(gone), why=gone.map({True: why, False: ""}))


def test_a_cross_stands_where_a_models_cell_is_missing():
    figure = plots.lines(holes(), "title")
    (axis,) = figure.axes
    assert crosses(axis) == {COLOURS["overall"]: [40], COLOURS["attention"]: [20, 40]}
    assert points(axis) == {COLOURS["overall"]: [0, 3, 10], COLOURS["attention"]: [0, 1, 5]}  # of those that are there
    feet = [line.get_ydata()[0] for line in axis.lines if line.get_marker() == "x"]
    data = axis.transLimits.transform([(0, 0)])[0][1]  # the lowest drop, in shares of the panel
    assert max(feet) < data
    assert "missing cells" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert "missing cells" not in [text.get_text() for text in plots.lines(TWO_MODELS, "t").legends[0].get_texts()]


def test_a_line_breaks_where_every_cell_is_missing():
    gone = TWO_MODELS["level"] == 20
    rows = TWO_MODELS.assign(
        drop_percent=TWO_MODELS["drop_percent"].mask(gone), why=gone.map({True: MISSING, False: ""})
    )
    (axis,) = plots.lines(rows, "title").axes
    assert [value != value for value in points(axis)[COLOURS["overall"]]] == [False, True, False]


def test_models_that_knew_nothing_are_no_gap():
    gone = TWO_MODELS["model"] == "b"
    rows = TWO_MODELS.assign(
        drop_percent=TWO_MODELS["drop_percent"].mask(gone), why=gone.map({True: UNKNOWN, False: ""})
    )
    (axis,) = plots.lines(rows, "title").axes
    assert crosses(axis) == {}
    assert points(axis)[COLOURS["overall"]] == [0, 2, 10]
    (axis,) = plots.bars(rows[gone & (rows["level"] == 40)].assign(majority_drop_percent=nan), "title").axes
    assert {text.get_text() for text in axis.texts} == {"nothing known"}


def test_missing_bars_are_named_and_their_mean_says_how_many_it_has():
    rows = holes().assign(majority_drop_percent=nan)
    (axis,) = plots.bars(rows[rows["level"] == 40], "title").axes
    texts = {(text.get_text(), round(text.xy[1], 3)) for text in axis.texts}
    # three rows (mean, a, b), overall above attention; each bar 0.41 high
    assert texts == {("10.0 (1 of 2)", -0.205), ("5.0 (1 of 2)", 0.205), ("10.0", 0.795), ("missing", 1.205),
                     ("missing", 1.795), ("5.0", 2.205)}  # fmt: skip


def test_a_scope_that_a_model_does_not_have_is_not_missing():
    rows = TWO_MODELS[
        (TWO_MODELS["level"] == 40) & ~((TWO_MODELS["model"] == "a") & (TWO_MODELS["scope"] == "attention"))
    ]
    (axis,) = plots.bars(rows, "title").axes
    assert {text.get_text() for text in axis.texts} == {"15.0", "5.0", "10.0", "20.0"}


def test_diamonds_mark_what_was_printed_and_their_mean_only_if_all_have_one():
    rows = TWO_MODELS[TWO_MODELS["level"] == 40].assign(mark=[12.0, 18.0, 4.0, nan])
    figure = plots.bars(rows, "title", mark="printed")
    assert sorted(diamonds(figure.axes[0])) == [(4, 1.205), (12, 0.795), (15, -0.205), (18, 1.795)]
    assert "printed" in [text.get_text() for text in figure.legends[0].get_texts()]
    without = plots.bars(rows.assign(mark=nan), "title", mark="printed")
    assert "printed" not in [text.get_text() for text in without.legends[0].get_texts()]


def test_numbers_stand_clear_of_diamonds():
    rows = cells(
        model=["a"] * 2, scope=["overall", "attention"], level=None, drop_percent=[10.0, 10.0], mark=[12.0, 60.0]
    )
    (axis,) = plots.bars(rows, "title", columns=1, mark="printed").axes
    assert [text.xy[0] for text in axis.texts] == [12, 10]


@pytest.mark.parametrize(("baseline", "drawn", "words"), [(41.0, False, "↑ majority baseline: 41"), (39.0, True, None)])
def test_a_baseline_far_from_the_data_does_not_squash_them(baseline, drawn, words):
    """The highest drop is 20: a baseline is drawn up to as far above that as that is above zero."""
    figure = plots.lines(TWO_MODELS.assign(majority_drop_percent=baseline), "title")
    (axis,) = figure.axes
    assert (baseline in [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == "--"]) == drawn
    assert [text.get_text() for text in axis.texts] == ([words] if words else [])
    assert ("majority baseline" in [text.get_text() for text in figure.legends[0].get_texts()]) == drawn
    assert (20 < axis.get_ylim()[1] < 25) != drawn and axis.get_xlim()[1] > 40
    assert axis.get_ylim()[0] < 0 and (not drawn or axis.get_ylim()[1] > 39)


def test_far_baselines_of_bars_are_words_below_them():
    rows = TWO_MODELS[TWO_MODELS["level"] == 40].assign(majority_drop_percent=[49.0, 80.0] * 2)
    figure = plots.bars(rows, "title")
    (axis,) = figure.axes
    assert axis.texts[0].get_text() == "majority baseline: 49 to 80 →"  # of a and b, and their mean between
    assert axis.get_xlim()[1] < 30 and not [line for line in axis.lines if line.get_linestyle() == "--"]
    figure.draw_without_rendering()
    words = axis.texts[0].get_window_extent()
    assert not any(words.overlaps(bar.get_window_extent()) for bars in axis.containers for bar in bars)
    (axis,) = plots.bars(rows.assign(majority_drop_percent=-60.0), "title").axes
    assert axis.texts[0].get_text() == "← majority baseline: -60"


def test_equal_lines_lie_beside_each_other():
    rows = TWO_MODELS.assign(drop_percent=[2.0, 4.0, 10.0, 20.0] * 2)
    (axis,) = plots.lines(rows, "title").axes
    axis.figure.draw_without_rendering()
    drawn = {line.get_color(): line for line in axis.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 1}
    assert len(drawn) == 2
    at = [line.get_transform().transform((40, 15)) for line in drawn.values()]
    assert abs(at[0][0] - at[1][0]) > 3 and at[0][1] == pytest.approx(at[1][1])


def test_a_lone_level_is_a_dot_without_a_line():
    (axis,) = plots.lines(TWO_MODELS[TWO_MODELS["level"] == 40], "title").axes
    assert points(axis) == {} and dots(axis) == {
        (COLOURS["overall"], 40): "filled",
        (COLOURS["attention"], 40): "filled",
    }


def test_dots_of_one_model_have_their_intervals():
    one = TWO_MODELS[TWO_MODELS["model"] == "a"].assign(percent_low=[1, 9, -1, 2], percent_high=[3, 11, 1, 4.5])
    (axis,) = plots.lines(one, "title").axes
    ends = {tuple(path.vertices[:, 1]) for each in axis.collections for path in each.get_paths()}
    assert ends == {(1, 3), (9, 11), (-1, 1), (2, 4.5)}


def test_long_titles_of_panels_of_bars_do_not_run_into_each_other():
    rows = TWO_MODELS[TWO_MODELS["level"] == 40]
    names = ["world-winogrande, 20% pruned, then quantized", "world-winogrande, 40% pruned, then quantized"]
    rows = pd.concat(
        [rows.assign(panel=name, model=rows["model"].map("a-model-with-a-long-name-{}".format)) for name in names]
    )
    figure = plots.bars(rows, "title", columns=2)
    figure.draw_without_rendering()
    left, right = (axis._left_title.get_window_extent() for axis in figure.axes)
    assert left.x1 < right.x0 and right.x1 < figure.bbox.x1
