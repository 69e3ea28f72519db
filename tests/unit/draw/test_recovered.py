"""The figures of recoveries, from rows by hand: what stands where, and what is left out."""

from math import nan

import matplotlib
import pandas as pd
import pytest

from knowcost.aggregate import recovered as aggregated
from knowcost.aggregate import relearned, rule, tables
from knowcost.aggregate import relearning as words
from knowcost.draw import recovered
from knowcost.draw.style import HOLLOW, STYLE

BITS = "gptq-3bit@overall"


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(STYLE):
        yield


def gained(recovery, points, decision=rule.GAINS, control=nan, benchmark=""):
    row = {"model": "m", "compressed": BITS, "variant": f"{BITS}^{recovery}", "recovery": recovery}
    row |= {"benchmark": benchmark, "decision": decision}
    for name, value in (("regained", points), ("control", control)):
        row |= {f"{name}_points": value, f"{name}_low": value - 2, f"{name}_high": value + 2}
    return row


def trial(texts, untold, told, chance, decision=words.BOTH):
    row = {"model": "m", "compressed": BITS, "recovery": "lora-r4", "told_by": "half", "texts": texts}
    row |= {"decision": decision}
    for name, value in (("untold", untold), ("told", told), ("chance", chance)):
        row |= {f"{name}_percent": value, f"{name}_low": value - 2, f"{name}_high": value + 2}
    return row


def answered(slug, accuracy, benchmark="b", stored=nan, cached=nan):
    row = {"model": "m", **tables.describe(slug), "benchmark": benchmark, "accuracy": accuracy}
    return row | {"adapter_parameters": stored, "cached_parameters": cached}


def data(of_gain=(), of_test=(), scores=()):
    return {
        "recovered": pd.DataFrame(of_gain, columns=aggregated.COLUMNS),
        "relearned": pd.DataFrame(of_test, columns=relearned.COLUMNS),
        "scores": pd.DataFrame(scores, columns=list(answered(BITS, 0))),
        "drops_by_model": pd.DataFrame(columns=["model", "variant", "drop_points", "drop_low", "drop_high"]),
    }


def dots(axis):
    """{(colour, x)} of all dots."""
    return {(line.get_color(), x) for line in axis.lines if line.get_linestyle() == "None" for x in line.get_xdata()}


def test_nothing_is_drawn_of_nothing():
    assert not list(recovered.figures(data(), "decoder", "Who."))


def test_gains_stand_beside_the_control_without_those_that_were_told():
    rows = [gained("lora-r4", 8.0, control=3.0), gained("prompt-50", 1.0, rule.UNSURE, control=-1.0),
            gained("lora-r4~half", 40.0, control=5.0), gained("lora-r4", 70.0, benchmark="b")]  # fmt: skip
    (made,) = recovered.figures(data(rows, [trial("main or half", 30.0, 80.0, 10.0, words.NOT_RUN)]), "decoder", "Who.")
    (axis,) = made.figure.axes
    assert dots(axis) == {
        (recovered.ORANGE, 8.0),
        (recovered.ORANGE, 1.0),
        (recovered.GREY, 3.0),
        (recovered.GREY, -1.0),
    }
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["LoRA r4", "prompt 50"]
    assert "Grey diamonds" in made.caption and "hollow: not precise enough" in made.caption
    (alone,) = recovered.brought_back(data([gained("lora-r4", 8.0)])["recovered"], "decoder", "")
    assert "Grey" not in alone.caption and dots(alone.figure.axes[0]) == {(recovered.ORANGE, 8.0)}


def test_untold_facts_stand_beside_chance_after_the_same_training():
    rows = [trial("main or half", 40.0, 90.0, 20.0), trial("main", 30.0, 31.0, 11.0),
            trial("half", 33.0, 85.0, 12.0), trial("strangers", 28.0, 27.0, 13.0)]  # fmt: skip
    (made,) = recovered.untold(data((), rows)["relearned"], "decoder", "Who.")
    assert dots(made.figure.axes[0]) == {
        (recovered.BLUE, 30.0), (recovered.GREY, 11.0), (recovered.ORANGE, 33.0), (recovered.GREY, 12.0),
        (recovered.GREEN, 85.0),
    }  # fmt: skip
    assert "“half”" in made.caption and made.name == "relearned_decoder"


def test_numbers_stored_and_cached_are_two_dots_at_one_height():
    lora = f"{BITS}^lora-r4"
    rows = [answered("dense", 0.9), answered(BITS, 0.4), answered(lora, 0.6, stored=5e4, cached=5e4),
            answered(f"{BITS}^prompt-50", 0.5, stored=6e3, cached=5e4),
            answered("dense^lora-r4", 0.9, "b", 5e4, 5e4)]  # fmt: skip
    (made,) = recovered.stored(data(scores=rows), "decoder", "Who.")
    (axis,) = made.figure.axes
    found = {(line.get_xdata()[0], line.get_ydata()[0], line.get_markersize() == HOLLOW["markersize"])
             for line in axis.lines if line.get_linestyle() == "None"}  # fmt: skip
    assert found == {(5e4, 60.0, False), (5e4, 60.0, True), (6e3, 50.0, False), (5e4, 50.0, True)}
    assert {line.get_ydata()[0] for line in axis.lines if line.get_linestyle() in ("--", ":")} == {40.0, 90.0}
    rows = [row for row in rows if row["variant"] != lora] + [answered("dense", 0.8, "c")]
    assert not list(recovered.stored(data(scores=rows), "decoder", ""))  # not asked everything


def test_one_recovery_has_room_for_its_line(recwarn):
    (made,) = recovered.brought_back(data([gained("lora-r4", 5, control=1)])["recovered"], "decoder", "Who.")
    made.figure.draw_without_rendering()
    assert not [each for each in recwarn if "constrained_layout" in str(each.message)]
    (axis,) = made.figure.axes
    assert axis.get_position().height * made.figure.get_figheight() > 0.7  # inches


def test_panels_of_two_models_are_called_by_them():
    rows = []
    for model in ("m", "k"):
        made = [answered("dense", 0.9), answered(BITS, 0.4), answered(f"{BITS}^lora-r4", 0.6, stored=5e4, cached=5e4)]
        rows += [row | {"model": model} for row in made]
    (made,) = recovered.stored(data(scores=rows), "decoder", "Who.")
    assert [axis.get_title(loc="left").split()[0] for axis in made.figure.axes] == ["m:", "k:"]


def test_a_recovery_that_was_told_what_is_asked_is_no_dot():
    rows = [answered("dense", 0.9), answered(BITS, 0.4), answered(f"{BITS}^lora-r4", 0.6, stored=5e4, cached=5e4)]
    rows += [answered(f"{BITS}^lora-r4~{texts}", 0.8, stored=5e4, cached=5e4) for texts in ("half", "others")]
    trials = [trial(texts, 30, 80, 10) for texts in ("main or half", "main", "half")]
    made = list(recovered.figures(data(of_test=trials, scores=rows), "decoder", "Who."))
    (axis,) = next(each for each in made if each.name == "stored_decoder").figure.axes
    heights = {line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == "None"}
    assert heights == {60.0, 80.0} and sum(line.get_linestyle() == "None" for line in axis.lines) == 4
