"""What figures of costs are called, and what their captions say was done."""

from math import nan

import matplotlib
import pandas as pd
import pytest
from helpers.plotted import TWO_MODELS, cells

from knowcost.aggregate import rule, tables
from knowcost.compress.registry import METHODS
from knowcost.draw import AS_IN_PAPER, costs
from knowcost.draw.style import BARS, COLOURS, MARKERS, STYLE, decided_in_words
from knowcost.draw.words import everything

STUDY = costs.Study("Who.", margin=1, averaged=True)


def test_numbers_in_captions_are_those_nearest_to_forty_percent_with_their_intervals():
    assert costs._numbers(TWO_MODELS) == "Mean drop at 40% sparsity: everything 15.0%; attention 4.0%. "
    assert costs._numbers(TWO_MODELS.assign(level=None)).startswith("Mean drop: ")
    assert costs._numbers(TWO_MODELS.assign(level=62.5)).startswith("Mean drop at 62.5% sparsity: ")
    decided = TWO_MODELS.assign(mean_points=[9.0, 9.0, 6.2, 6.2, 9.0, 9.0, 1.5, 1.5], mean_low=-0.04, mean_high=8.0)
    assert costs._numbers(decided) == (
        "Mean drop at 40% sparsity, relative, and in points with 95% intervals where the dense model is shown to know "
        "something: "
        "everything 15.0%, 6.2 points (0.0 to 8.0); attention 4.0%, 1.5 points (0.0 to 8.0). "
    )


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        (["magnitude", "gptq", "rtn", "sparsegpt~c4"], "Everything means every linear layer but the final one. "),
        (["int8"], "Everything means every linear layer, the final one too. "),
        (["magnitude+int8"], "Everything means every linear layer but the final one, which int8 takes in too. "),
        (["wanda", "int8"], "Everything means every linear layer but the final one, which int8 takes in too. "),
    ],
)
def test_what_everything_means_follows_the_methods(methods, words):
    """Only int8 takes the final layer in (section 2.4 of the thesis)."""
    assert everything(methods) == words


def test_captions_promise_a_dashed_line_only_where_one_is_drawn():
    """The mean has no baseline where one of the benchmarks has none."""
    each = pd.concat([TWO_MODELS.assign(panel="x"), TWO_MODELS.assign(panel="y", majority_drop_percent=nan)])
    every = pd.concat([TWO_MODELS.assign(majority_drop_percent=nan), each])
    about = {"experiment": "prune", "method": "magnitude", "grouping": "paper"}
    with matplotlib.rc_context(STYLE):
        made = {drawn.name: drawn for drawn in costs.figures(every.assign(**about), "encoder", STUDY)}
    for name, drawn in made.items():
        dashed = any(line.get_linestyle() == "--" for axis in drawn.figure.axes for line in axis.lines)
        assert (
            ("Dashed, where there is one: " in drawn.caption) == dashed == ("by_benchmark" in name or "_model_" in name)
        ), name


def test_a_dashed_line_in_every_panel_is_told_without_a_condition():
    each = pd.concat([TWO_MODELS.assign(panel="x"), TWO_MODELS.assign(panel="y")])
    words = "a model that always gives the most frequent answer. "
    by = ["panel", "model"]
    assert costs._dashed(each, by) == f"Dashed: {words}"
    assert costs._dashed(each.assign(majority_drop_percent=nan), by) == ""
    of_one = each["majority_drop_percent"].where(each["model"] == "a")
    assert costs._dashed(each.assign(majority_drop_percent=of_one), by) == f"Dashed, where there is one: {words}"
    far = "in words since it is far from the data"
    assert costs._dashed(each.assign(majority_drop_percent=50.0), by) == f"Majority baseline, {far}: {words}"
    both = each["majority_drop_percent"].where(each["model"] == "a", 50.0)  # 50 is beyond 20 + 20
    both = each.assign(majority_drop_percent=both)
    assert costs._dashed(both, by) == f"Dashed, or in words where it is far from the data: {words}"


def test_captions_say_which_means_nothing_decides():
    each = TWO_MODELS.assign(panel="x")
    assert "Of the mean of models on one benchmark nothing is decided. " in costs._notes(each)
    assert "nothing is decided" not in costs._notes(TWO_MODELS) + costs._notes(each[each["model"] == "a"])
    assert "nothing is decided" not in costs._notes(each.assign(mean_decision=rule.COSTS))


def test_captions_say_what_dots_are_and_only_those_that_are_there():
    assert decided_in_words(["", rule.NOT_RUN]) == ""
    assert decided_in_words([rule.COSTS]) == "Filled: the 95% interval of the points lost leaves out zero. "
    unsure, equal = "it is not precise enough to say", "practically equal to the dense model"
    assert decided_in_words([rule.EQUAL, rule.NOTHING]) == f"Hollow: {unsure}; small: {equal}. "
    assert decided_in_words([rule.EQUAL], BARS) == f"Grey number: {equal}. "
    for word in (rule.GAINS, rule.SMALL):
        assert decided_in_words([word, rule.EQUAL], BARS).startswith("Black number: the 95% interval ")
    assert decided_in_words([rule.UNSURE], BARS) == f"Hollow bar, and grey number with a question mark: {unsure}. "


def test_panels_of_levels_keep_their_fractions():
    rows = costs._by_level(TWO_MODELS.assign(level=62.5), "pruned")
    assert set(rows["panel"]) == {"62.5% pruned"}
    rows = costs._by_level(TWO_MODELS.assign(panel="trex"), "pruned")
    assert list(rows["panel"].unique()) == ["trex, 20% pruned", "trex, 40% pruned"]


def test_scopes_have_colours_and_markers_of_their_own():
    for scopes in (costs.MAIN, costs.PARTS):
        assert len({COLOURS[scope] for scope in scopes}) == len(scopes)
        assert len({MARKERS[scope] for scope in scopes}) == len(scopes)


def drawn(slug):
    """The first figure of one variant that loses a tenth on one benchmark."""
    row = {"model": "m", "benchmark": "x", "drop_percent": 10.0, **tables.describe(slug)}
    each = cells(**{name: [value] for name, value in row.items()})
    with matplotlib.rc_context(STYLE):
        return next(costs.figures(pd.concat([each, each.assign(panel="x")]), "encoder", STUDY))


@pytest.mark.parametrize(
    ("slug", "title", "what"),
    [
        ("magnitude-50@overall", "Magnitude pruning", "Setting the smallest weights of a scope to zero"),
        ("int8@overall", "Int8", "Computing a scope's layers in 8-bit integers"),
        ("wanda-50@overall+int8@overall", "Wanda, then int8", "Pruning a scope, then quantizing it"),
    ],
)
def test_captions_say_what_the_method_does(slug, title, what):
    made = drawn(slug)
    assert made.title == f"{title}: encoder models"
    assert made.caption.rpartition(" of the thesis. ")[2].startswith(f"{what}: accuracy lost")
    assert made.caption.endswith("Who.")


@pytest.mark.parametrize("slug", ["wanda-50@overall", "magnitude-50@overall~c4", "magnitude-50@canonical.overall"])
def test_what_no_paper_has_is_not_drawn_as_a_paper_would(slug):
    with pytest.raises(StopIteration):
        drawn(slug)


def test_what_is_pruned_and_quantized_is_drawn_once_where_no_paper_has_it():
    assert drawn("wanda-50@overall+int8@overall").group == costs.BOTH
    assert drawn("magnitude-20@overall+int8@overall").group == AS_IN_PAPER


def test_no_two_pruners_say_the_same():
    words = [method.what for method in METHODS.values()]
    assert all(words) and len(set(words)) == len(words)


def pruned(values, **more):
    """Figures of everything and attention pruned by 20% and 40%, on two benchmarks; values: drops on each."""
    each = [
        TWO_MODELS[TWO_MODELS["model"] == "a"].assign(panel=name, drop_percent=drops, **more)
        for name, drops in values.items()
    ]
    mean = each[0].assign(panel="all benchmarks (mean)", drop_percent=sum(rows["drop_percent"] for rows in each) / 2)
    about = {"experiment": "prune", "method": "magnitude", "grouping": "paper", "benchmark": "x"}
    with matplotlib.rc_context(STYLE):
        rows = pd.concat([mean, *each]).assign(**about)
        return {drawn.name: drawn for drawn in costs.figures(rows, "encoder", STUDY)}


def test_what_shows_nothing_is_a_sentence():
    made = pruned({"x": [0.1, -0.2, 0.4, 0.0], "y": [1.0, 0.0, 0.0, 0.0]}, decision=rule.UNSURE)
    mean, each = made["prune_magnitude_encoder"], made["prune_magnitude_encoder_by_benchmark"]
    assert mean.figure is None and each.figure is None and mean.entry["picture"] is False
    words = "Nothing is drawn, since all 8 drops lie between -0.2% and 1.0% (intervals too wide to call it equal: 8). "
    assert each.caption.endswith(f"{words}Who.")


def test_panels_that_show_nothing_are_left_out_and_named():
    made = pruned({"x": [0.1, -0.2, 0.4, 0.0], "y": [1.1, 0.0, 0.0, 0.0]})
    each = made["prune_magnitude_encoder_by_benchmark"]
    assert [axis.get_title(loc="left") for axis in each.figure.axes] == ["y"]
    assert "Not drawn: x, where all 4 drops lie between -0.2% and 0.4%. " in each.caption
    unknown = pruned({"x": [nan] * 4, "y": [9.0, 0.0, 0.0, 0.0]})["prune_magnitude_encoder_by_benchmark"]
    assert "Without a known drop: x. " in unknown.caption and len(unknown.figure.axes) == 1


def test_one_number_alone_is_a_sentence():
    made = drawn("magnitude-40@overall")
    assert made.figure is None and "Mean drop at 40% sparsity: everything 10.0%. " in made.caption
    assert made.caption.endswith("A single number is not drawn. Who.")


def test_models_of_unlike_sizes_have_no_mean_but_in_the_papers_figures():
    rows = TWO_MODELS.assign(experiment="prune_quantize", grouping="paper")
    every = ["mean of models", "a", "b"]
    for method, averaged, expected in (
        ("wanda+int8", False, ["a", "b"]),
        ("wanda+int8", True, every),
        ("magnitude+int8", False, every),
    ):
        study = costs.Study("", 1, averaged)
        cells_ = pd.concat([rows.assign(method=method), rows.assign(method=method, panel="x")])
        with matplotlib.rc_context(STYLE):
            made = next(costs.figures(cells_, "encoder", study))
        assert [label.get_text() for label in made.figure.axes[0].get_yticklabels()] == expected
        assert ("Mean drop" in made.caption) == (len(expected) > 2)
