"""Figures of the statistics: which dots, which level, which means."""

from itertools import pairwise
from math import nan

import matplotlib
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from knowcost.draw import averaging, findings
from knowcost.draw.style import COLOURS, STYLE

SUBJECT = averaging.Subject("encoder", "Who.", 1)


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(STYLE):
        yield


def claims(*rows):
    """A claims table from (sentence, family, estimate, low, high, verdict)."""
    frame = pd.DataFrame(rows, columns=["sentence", "family", "estimate", "low", "high", "verdict"])
    return frame.assign(paper="The Cost of Compression", unit="points more lost by the costlier side")


def test_a_dot_and_an_interval_per_claim_and_family():
    rows = claims(
        ("A.", "encoder", 2.0, 1.0, 3.0, "holds"),
        ("A.", "decoder", 0.5, -1.0, 2.0, "not precise enough"),
        ("B.", "decoder", -20.0, -30.0, -10.0, "fails"),
        ("C.", "decoder", None, None, None, "not run"),
        ("D.", "decoder", 0.0, -0.5, 0.5, "no difference"),
        ("E.", "decoder", 1.0, 0.5, 1.5, "holds in part"),
    )
    (drawn,) = findings.verdicts(rows)
    (axis,) = drawn.figure.axes
    assert drawn.name == "claims"
    assert [label.get_text() for label in axis.get_yticklabels()] == ["A", "B", "D", "E"]
    dots = [line for line in axis.lines if line.get_marker() not in ("None", None)]
    assert [line.get_xdata()[0] for line in dots] == [2.0, 0.5, -20.0, 0.0, 1.0]
    assert [round(line.get_ydata()[0]) for line in dots] == [0, 0, 1, 2, 3]
    assert [line.get_markerfacecolor() == "white" for line in dots] == [False, True, False, False, False]
    bars = [tuple(line.get_xdata()) for line in axis.lines if line.get_linewidth() == 2]
    assert bars == [(1, 3), (-1, 2), (-30, -10), (-0.5, 0.5), (0.5, 1.5)]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the first claim on top
    assert axis.get_xlim()[0] < -30
    assert to_rgb(dots[0].get_color()) != to_rgb(dots[1].get_color())


def test_a_figure_per_paper():
    rows = claims(*[(f"{name}.", "decoder", 1.0, 0.5, 2.0, "holds") for name in "AB"])
    rows.loc[1, "paper"] = "LLM-KICK"
    made = list(findings.verdicts(rows))
    assert [drawn.name for drawn in made] == ["claims", "claims_llm_kick"]
    assert [[each.get_text() for each in drawn.figure.axes[0].get_yticklabels()] for drawn in made] == [["A"], ["B"]]
    assert "LLM-KICK" in made[1].title
    assert [drawn.name for drawn in findings.verdicts(rows.iloc[1:])] == ["claims_llm_kick"]
    rows.loc[1, "paper"] = "Do Compressed LLMs Forget Knowledge?"
    assert [drawn.name for drawn in findings.verdicts(rows.iloc[1:])] == ["claims_do_compressed_llms_forget_knowledge"]


def test_the_caption_says_what_the_numbers_count_and_which_dots_are_filled():
    rows = claims(("A.", "decoder", 2.0, 1.0, 3.0, "holds"), ("B.", "decoder", 1.0, 0.5, 1.5, "holds in part"))
    rows.loc[1, "unit"] = "points lost beyond the tolerance"
    (drawn,) = findings.verdicts(rows)
    assert "points more lost by the costlier side, or points lost beyond the tolerance." in drawn.caption
    assert "at the mean of its levels" in drawn.caption
    (drawn,) = findings.verdicts(rows.iloc[:1])
    assert "in part" not in drawn.caption and "tolerance" not in drawn.caption


def test_without_a_number_there_is_no_figure():
    assert not list(findings.verdicts(claims(("A.", "encoder", None, None, None, "not run"))))
    empty = pd.DataFrame(
        columns=["variant", "by", "model", "part", "known", "forgotten", "forgotten_percent", "net_percent"]
    )
    assert not list(findings.first(empty, SUBJECT))


def shares(slug, model, by, forgotten, benchmark="x", net=nan):
    """Quarters of twenty known facts, 2 x `forgotten` of them forgotten; net: half as many, among equally firm ones."""
    rows = [
        {"variant": slug, "model": model, "benchmark": benchmark, "by": by, "part": str(part), "known": 20}
        for part in range(1, 5)
    ]
    rows = [row | {"net_percent": 10.0 * net} for row in rows]
    return [row | {"forgotten": 2 * n, "forgotten_percent": 10.0 * n} for row, n in zip(rows, forgotten, strict=True)]


def test_first_forgotten_at_the_lowest_level_that_costs_something():
    rows = shares("magnitude-20@overall", "a", "confidence", [1, 0, 0, 0])  # 2 of 80: too little to see
    rows += shares("magnitude-40@overall", "a", "confidence", [6, 2, 0, 0])
    rows += shares("magnitude-40@overall", "a", "confidence", [4, 2, 0, 0], "y")  # a's mean: 5, 2, 0, 0
    two_quarters = shares("magnitude-40@overall", "a", "confidence", [9, 9, 9, 9], "z")[::2]
    rows += two_quarters
    rows += shares("magnitude-40@overall", "b", "confidence", [9, 4, 2, 0])
    rows += shares("magnitude-40@attention", "a", "confidence", [1, 1, 1, 1])
    rows += shares("magnitude-40@canonical.attention", "a", "confidence", [9, 9, 9, 9])
    rows += shares("magnitude-80@overall", "a", "confidence", [9, 9, 9, 9])
    rows += shares("int8@overall", "a", "confidence", [9, 9, 9, 9])
    (drawn,) = findings.first(pd.DataFrame(rows), SUBJECT)
    assert (drawn.name, drawn.family) == ("forgotten_first_encoder", "encoder")
    assert "40% pruned" in drawn.title
    falling = "A line that falls would mean that what was known least firmly goes first. "
    assert drawn.caption.endswith(f"{falling}Who.")
    (axis,) = drawn.figure.axes  # by confidence alone: there is nothing by frequency
    found = {line.get_color(): list(line.get_ydata()) for line in axis.lines}
    assert found == {COLOURS["overall"]: pytest.approx([70, 30, 10, 0]), COLOURS["attention"]: [10, 10, 10, 10]}


def test_popularity_is_told_as_it_is_and_net_of_confidence():
    rows = shares("magnitude-40@overall", "a", "confidence", [5, 5, 5, 5])
    rows += shares("magnitude-40@overall", "a", "popularity", [8, 4, 2, 0], net=3)
    rows += shares("magnitude-40@overall", "a", "frequency", [8, 4, 2, 0], net=3)
    rows += shares("magnitude-40@overall", "a", "frequency", [8, 4, 2, 0], "y")  # net of one benchmark only: not a mean
    (drawn,) = findings.first(pd.DataFrame(rows), SUBJECT)
    first = "was known least firmly or has the rarest answer or is least popular"
    assert f"A line that falls would mean that what {first} goes first. " in drawn.caption
    by = {axis.get_title(loc="left"): axis for axis in drawn.figure.axes}
    assert list(by) == [findings.TITLES[name] for name in ("confidence", "frequency", "popularity")]
    found = [(line.get_linestyle(), list(line.get_ydata())) for line in by["by popularity"].lines]
    assert found == [("-", [80, 40, 20, 0]), ("--", pytest.approx([30] * 4))]
    assert len(by[findings.TITLES["frequency"]].lines) == len(by[findings.TITLES["confidence"]].lines) == 1
    assert (
        "Dashed, where there is one: among facts that the dense model knew equally firmly; of these the tables "
        "“Are the rare forgotten first?” have the first quarter against the last, with intervals. "
    ) in drawn.caption


def test_dots_have_the_benchmarks_intervals_averaged():
    rows = shares("magnitude-40@overall", "a", "confidence", [8, 4, 2, 0])
    rows += shares("magnitude-40@overall", "a", "confidence", [6, 2, 0, 0], "y")
    ends = [
        ({"forgotten_low": row["forgotten_percent"] - 8, "forgotten_high": row["forgotten_percent"] + 12})
        for row in rows
    ]
    (drawn,) = findings.first(pd.DataFrame([row | end for row, end in zip(rows, ends, strict=True)]), SUBJECT)
    (axis,) = drawn.figure.axes
    lines = [tuple(path.vertices[:, 1]) for each in axis.collections for path in each.get_paths()]
    assert lines == [(62, 82), (22, 42), (2, 22), (0, 12)]  # means 70, 30, 10, 0; nothing lies below none
    assert "averaged; those of means are no wider" in drawn.caption and axis.get_ylim()[1] > 82


def test_quarters_of_few_facts_are_a_sentence():
    few = [row | {"known": 19} for row in shares("magnitude-40@overall", "a", "confidence", [10, 5, 5, 0])]
    (drawn,) = findings.first(pd.DataFrame(few), SUBJECT)
    assert drawn.figure is None and drawn.name == "forgotten_first_encoder"
    assert drawn.caption == "Nothing is drawn: no benchmark has four quarters of at least 20 known facts. Who."
    enough = shares("magnitude-40@overall", "a", "confidence", [1, 0, 0, 0], "y")
    (drawn,) = findings.first(pd.DataFrame(few + enough), SUBJECT)
    assert list(drawn.figure.axes[0].lines[0].get_ydata()) == [10, 0, 0, 0]
    flat = [row | {"forgotten_percent": 0.5} for row in enough]
    (drawn,) = findings.first(pd.DataFrame(flat), SUBJECT)
    assert drawn.figure is None and "no quarter of the known facts lost more than 0.5%" in drawn.caption


def test_a_model_by_itself_is_named():
    subject = averaging.Subject("decoder", "Who.", 1, "opt-125m", averaging.MODEL_BY_MODEL)
    (drawn,) = findings.first(
        pd.DataFrame(shares("magnitude-40@overall", "opt-125m", "confidence", [8, 4, 2, 0])), subject
    )
    assert (drawn.name, drawn.group) == ("forgotten_first_decoder_opt-125m", "model by model")
    assert drawn.title == "What is forgotten first, 40% pruned: opt-125m"


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


SCALE = ["family", "model", "method", "experiment", "scope", "level", "benchmark", "accuracy", "majority"]


def on_one_scale(*models):
    """The scores of models (family, name, benchmark, dense accuracy, pruned one), with 5 points around each loss."""
    made = [
        (family, model, method, experiment, "overall", level, benchmark, accuracy, 0.25)
        for family, model, benchmark, dense, pruned in models
        for method, experiment, level, accuracy in (("dense", "dense", None, dense), ("magnitude", "prune", 40, pruned))
    ]
    rows = pd.DataFrame(made, columns=SCALE)
    dense = rows.groupby(["model", "benchmark"])["accuracy"].transform("first")
    lost = (100 * (dense - rows["accuracy"])).where(rows["method"] != "dense")
    return rows.assign(dense_accuracy=dense, drop_low=lost - 5, drop_high=lost + 5)


MODELS = (
    ("encoder", "a", "shared", 0.9, 0.5),
    ("decoder", "b", "shared", 0.8, 0.4),
    ("decoder", "b", "own", 0.7, 0.6),
)


def test_families_share_one_scale_where_they_share_a_benchmark():
    (drawn,) = findings.one_scale(on_one_scale(*MODELS))
    (axis,) = drawn.figure.axes
    assert drawn.name == "one_scale" and "shared" in drawn.caption and "own" not in drawn.caption
    assert [line.get_ydata().tolist() for line in axis.lines[:2]] == [[90, 50], [80, 40]]
    assert axis.lines[2].get_ydata()[0] == 25
    assert "majority baseline" in legend(drawn.figure)
    dashed = " Dashed: a model that always gives the most frequent answer."
    assert drawn.caption.endswith(dashed)
    assert list(findings.one_scale(on_one_scale(*MODELS[1:]))) == []
    (open_questions,) = findings.one_scale(on_one_scale(*MODELS).assign(majority=nan))
    assert dashed not in open_questions.caption
    assert "majority baseline" not in legend(open_questions.figure)  # what is not drawn is not in the legend


def test_every_model_has_a_line_of_its_own_with_intervals():
    (drawn,) = findings.one_scale(on_one_scale(*MODELS[:2], ("decoder", "c", "shared", 0.6, 0.5)))
    (axis,) = drawn.figure.axes
    lines = axis.lines[:3]
    assert [line.get_ydata().tolist() for line in lines] == [[90, 50], [80, 40], [60, 50]]
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 3
    assert lines[1].get_color() == lines[2].get_color() != lines[0].get_color()
    assert legend(drawn.figure)[:3] == ["a", "b", "c"]
    ends = [path.vertices[:, 1].tolist() for each in axis.collections for path in each.get_paths()]
    assert [pytest.approx(found) for found in ends if found[0] == found[0]] == [[45, 55], [35, 45], [45, 55]]
    alone = on_one_scale(*MODELS[:2])
    alone = alone[(alone["model"] != "b") | (alone["method"] == "dense")]
    assert list(findings.one_scale(alone)) == []  # of b there is one point


def test_findings_of_many_lines_do_not_run_into_each_other():
    sentences = [f"{' '.join(['words'] * 40)} {n}." for n in range(3)]
    (drawn,) = findings.verdicts(claims(*[(sentence, "decoder", 1.0, 0.5, 2.0, "holds") for sentence in sentences]))
    drawn.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in drawn.figure.axes[0].get_yticklabels()]
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))


def test_a_papers_title_becomes_a_name_for_a_file():
    rows = claims(("A.", "decoder", 1.0, 0.5, 2.0, "holds")).assign(paper="Do Compressed LLMs Forget Knowledge?")
    assert [drawn.name for drawn in findings.verdicts(rows)] == ["claims_do_compressed_llms_forget_knowledge"]
