"""The figures of judged texts, from rows by hand: what stands where, and what is left out."""

from math import nan

import matplotlib
import pytest
from helpers import wrote
from helpers.plotted import dots, points

from knowcost.aggregate import rule
from knowcost.draw import judged
from knowcost.draw.style import GREY, LOOKS, STYLE

WANDA = [f"wanda-{level}@overall" for level in (20, 50)]


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(STYLE):
        yield


def drawn(rows):
    return {each.name: each for each in judged.figures(wrote.frames(verdicts=rows), "decoder")}


def scored(slug, score, part="", **more):
    """Scores beside the dense model's 8, within 0.4 of each."""
    about = {"score": score, "other_score": 8.0, "score_change": score - 8}
    about |= {"score_low": score - 8.4, "score_high": score - 7.6}
    return wrote.judgement(slug, "kick_summary", "news", part, **about | more)


def test_nothing_is_drawn_of_nothing():
    assert drawn([]) == {}
    assert drawn([wrote.judgement("dense", preference=0.0)]) == {}  # the null is no variant


def test_summaries_have_a_row_of_panels_for_each_size_class():
    rows = [scored(slug, score, part) for part, scores in (("", (8, 5)), ("small", (8, 6)), ("large", (8, 4)))
            for slug, score in zip(WANDA, scores, strict=True)]  # fmt: skip
    made = drawn([*rows, scored("wanda-2of4@overall", 2.0, "small"), scored("gptq-4bit@overall", 7.6, "large")])
    figure = made["written_summaries_kick_summary_m_news"].figure
    axes = figure.axes
    assert [axis.get_title(loc="left") for axis in axes] == ["small stories", "", "", "large stories", "", ""]
    assert [axis.get_xlabel() for axis in axes[3:]] == ["sparsity (%)", "N:M", "bits a weight"]
    wanda = LOOKS[1][0]  # as it looks in every figure of methods
    assert points(axes[0]) == {wanda: [100, 100, 75]} and points(axes[3]) == {wanda: [100, 100, 50]}
    assert dots(axes[0]) == {(wanda, 20): "hollow", (wanda, 50): "filled"}
    (band,) = axes[0].patches
    assert (band.get_y(), band.get_y() + band.get_height()) == (95, 100)
    assert [tick.get_text() for tick in axes[4].get_xticklabels()] == ["2:4"] and dots(axes[4]) == {}
    assert "grey: within 5% of it" in made["written_summaries_kick_summary_m_news"].caption


def test_conversations_have_a_row_for_each_rubric_and_verdicts_stand_beside_one_half():
    rows = [wrote.judgement(slug, "kick_general", score=4.0, other_score=8.0, score_low=-5, score_high=-3)
            for slug in WANDA]  # fmt: skip
    rows += [wrote.judgement(WANDA[0], "mt_bench_pair", preference=-20.0, low=-30.0, high=-10.0, score=nan)]
    figure = drawn(rows)["written_conversations_m_talk"].figure
    first, second = figure.axes
    assert [axis.get_title(loc="left") for axis in (first, second)] == ["kick_general", "mt_bench_pair"]
    assert points(first) == {LOOKS[1][0]: [100, 50, 50]}
    (lone,) = [line for line in second.lines if line.get_linestyle() == "None"]
    assert list(lone.get_ydata()) == [30]
    (dense,) = [line for line in second.lines if line.get_color() == GREY]
    assert list(dense.get_ydata()) == [50, 50]
    (band,) = second.patches  # 95% of the dense model's share in the same pairs: w = 0.95 (100 - w)
    assert band.get_y() == pytest.approx(100 * 0.95 / 1.95)


def test_every_variant_has_a_line_among_the_preferred():
    rows = [wrote.judgement(WANDA[0], preference=-20.0, decision=rule.COSTS),
            wrote.judgement("magnitude-40@attention", preference=3.0, decision=rule.UNSURE),
            wrote.judgement(WANDA[0], "kick_general", preference=-5.0, decision=rule.EQUAL, judge="gpt"),
            wrote.judgement(WANDA[0], judge="another", preference=40.0)]  # fmt: skip
    made = drawn(rows)["written_preferred_m_talk"]
    (axis,) = made.figure.axes
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["everything pruned by 20% (Wanda)",
                                                                     "attention pruned by 40%"]  # fmt: skip
    first, second = LOOKS[0][0], LOOKS[1][0]
    assert dots(axis) == {(first, -20): "filled", (first, 3): "hollow", (second, -5): "small"}
    assert "filled" in made.caption and "gpt" in made.caption


def test_beside_long_names_what_the_axis_says_is_not_cut_off():
    rows = [wrote.judgement("sparsegpt-70@overall^lora-r8~half", preference=-20.0, low=-30.0, high=-10.0)]
    figure = drawn(rows)["written_preferred_m_talk"].figure
    figure.draw_without_rendering()
    words = figure.axes[0].xaxis.label.get_window_extent()
    assert words.x0 >= 0 and words.x1 <= figure.bbox.x1


def test_answers_held_against_a_file_are_in_no_figure():
    assert drawn([wrote.judgement(WANDA[0], against="reference")]) == {}


def test_the_figures_of_a_second_model_are_folded():
    made = drawn([wrote.judgement(WANDA[0], model=model) for model in ("m", "k-7b v1.5")])
    assert {name: each.group for name, each in made.items()} == {
        "written_conversations_m_talk": "", "written_preferred_m_talk": "",
        "written_conversations_k-7b_v1.5_talk": "k-7b v1.5", "written_preferred_k-7b_v1.5_talk": "k-7b v1.5",
    }  # fmt: skip
