"""What is kept for the bytes saved: which variants count as good, and what the caption says of the smallest."""

from math import nan

import matplotlib
import pandas as pd
import pytest

from knowcost.aggregate import tables
from knowcost.draw import size
from knowcost.draw.style import COLOURS, HOLLOW, STYLE


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(STYLE):
        yield


def rows(*each):
    """The table of drops from (slug, bytes saved, kept, lower bound for all variants at once)."""
    names = ["variant", "bytes_saved_percent", "kept_percent", "kept_least"]
    frame = pd.DataFrame(each, columns=names)
    return pd.DataFrame([tables.describe(slug) for slug in frame["variant"]]).merge(frame, on="variant")


ROWS = rows(
    ("magnitude-20@overall", 20.0, 99.0, 97.0),
    ("magnitude-40@overall", 40.0, 96.0, 93.0),  # keeps 95%, but is not shown to
    ("int8@overall", 70.0, 98.0, 95.0),
    ("magnitude-40@attention", 10.0, 80.0, nan),  # one cluster: no bound
)


def test_dots_are_filled_where_the_bound_for_all_reaches_the_line():
    (made,) = size.kept(ROWS, "encoder", "Who.")
    (axis,) = made.figure.axes
    hollow = HOLLOW["markersize"]
    found = {x: line.get_markersize() == hollow for line in axis.lines if line.get_marker() != "None"
             for x in line.get_xdata()}  # fmt: skip
    assert found == {20: False, 40: True, 70: False, 10: True}
    lines = {tuple(path.vertices[:, 1]) for each in axis.collections for path in each.get_paths()}
    assert {(97, 99), (93, 96), (95, 98)} <= lines
    dashed = [line for line in axis.lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [95]
    assert axis.get_ylim()[0] < 80 and COLOURS["attention"] in {line.get_color() for line in axis.lines}


def test_the_caption_names_the_smallest_that_is_shown_to_keep_enough():
    (made,) = size.kept(ROWS, "encoder", "Who.")
    assert "filled: the bound reaches 95%. Of the filled ones everything in int8 (98.0% kept, at " in made.caption
    assert "least 95.0%) saves most: 70% of the bytes. Who." in made.caption
    (made,) = size.kept(ROWS[ROWS["kept_least"] < 95], "encoder", "Who.")
    assert "No variant that saves bytes is shown to keep 95%. " in made.caption


def test_all_that_save_the_same_bytes_are_named():
    both = rows(
        ("rtn-4bit@overall", 77.25, 97.0, 95.5),
        ("gptq-4bit@overall", 77.25, 98.0, 96.0),
        ("int8@overall", 70.0, 99.0, 98.0),
    )
    (made,) = size.kept(both, "encoder", "")
    gptq, rtn = "everything in 4 bit (GPTQ)", "everything in 4 bit (round to nearest)"
    words = f"{gptq} (98.0% kept, at least 96.0%) and {rtn} (97.0% kept, at least 95.5%) save most: 77% of the bytes. "
    assert made.caption.endswith(f"Of the filled ones {words}")


def test_the_caption_says_why_some_take_more_bytes_where_it_is_known():
    (made,) = size.kept(ROWS, "encoder", "")
    assert "Left of 0" not in made.caption
    grown = rows(("magnitude-20@final", -6.7, 99.0, 97.0), ("int8@overall", 70.0, 99.0, 98.0))
    (made,) = size.kept(grown, "encoder", "")
    assert "Left of 0: more bytes than the dense model: a final layer that shares its weights with the " in made.caption
    (made,) = size.kept(rows(("rtn-4bit-g4@attention", -1.0, 99.0, 97.0)), "encoder", "")
    assert "Left of 0: more bytes than the dense model. " in made.caption


def test_without_bytes_or_facts_there_is_no_figure():
    assert not list(size.kept(ROWS.assign(kept_percent=nan), "encoder", ""))
    assert not list(size.kept(ROWS.assign(bytes_saved_percent=nan), "encoder", ""))


def test_the_dense_models_recovery_is_no_variant_to_choose():
    more = rows(("gptq-3bit@overall^lora-r4", 75.0, 99.0, 96.0), ("dense^lora-r4", -1.0, 99.9, 99.5))
    (made,) = size.kept(pd.concat([ROWS, more]), "encoder", "Who.")
    (axis,) = made.figure.axes
    assert -1 not in {x for line in axis.lines if line.get_marker() != "None" for x in line.get_xdata()}
    assert "recovered by LoRA r4 (99.0% kept, at least 96.0%) saves most: 75% of the bytes." in made.caption
    assert "those of base and adapter" in made.caption and "Left of 0" not in made.caption
