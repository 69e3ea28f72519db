"""Above chance, beyond guessing, and the rare, on the page: from frames by hand."""

from math import nan

import pandas as pd

from knowcost.draw.words import RARE_FIRST
from knowcost.report import leads

NAMES = ["variant", "benchmark", "lead_points", "lead_low", "lead_high", "lead_lost_percent", "lead_lost_low",
         "lead_lost_high", "not_guessed_percent", "not_guessed_kept_percent", "not_guessed_kept_low",
         "not_guessed_kept_high"]  # fmt: skip


def scores(*rows):
    return pd.DataFrame([dict(zip(NAMES, row, strict=True)) | {"model": "m"} for row in rows])


DATA = scores(
    ("int8@overall", "boolq", 10, 8, 12, 50, 40, 61, 20, 50, 39, 60),
    ("dense", "boolq", 20, 18, 22, nan, nan, nan, 40, nan, nan, nan),
    ("dense", "piqa", 1, -1, 3, nan, nan, nan, 2, nan, nan, nan),
    ("int8@overall", "piqa", 0, -2, 2, nan, nan, nan, 0, nan, nan, nan),
    ("dense", "trex", nan, nan, nan, nan, nan, nan, nan, nan, nan, nan),
)


def test_a_lead_and_what_is_lost_of_it():
    (table,) = leads.above_chance(DATA)
    assert [name for name, _ in table.columns] == ["variant", "boolq", "piqa"] and table.folded
    assert "100 is the baseline" in table.note  # which need not be chance
    dense, int8 = table.rows
    assert [cell.text for cell in dense[1:]] == ["20.0", "1.0"] and dense[1].below == "18.0 to 22.0"
    assert [cell.text for cell in int8[1:]] == ["50.0", "no lead"] and int8[1].below == "40.0 to 61.0"


def test_what_was_known_beyond_guessing():
    (table,) = leads.not_guessed(DATA)
    dense, int8 = table.rows
    assert [cell.text for cell in dense[1:]] == ["40.0", "2.0"]
    assert [cell.text for cell in int8[1:]] == ["50.0", "no lead"] and int8[1].below == "39.0 to 60.0"


def test_the_rare_in_the_style_of_their_decision():
    row = {"model": "m", "variant": "int8@overall", "benchmark": "facts", "by": "popularity", "difference_points": 12.0,
           "difference_low": 5.0, "difference_high": 19.0, "decision": "costs"}  # fmt: skip
    unsure = row | {"by": "frequency", "difference_low": -5.0, "decision": "not precise enough"}
    (table,) = leads.rare(pd.DataFrame([row, unsure]))
    assert table.title == f"{RARE_FIRST} m"  # captions point at it
    assert [name for name, _ in table.columns[1:]] == ["facts, by popularity", "facts, by frequency of the answer"]
    assert [cell.text for cell in table.rows[0][1:]] == ["12.0", "12.0?"]
    assert [cell.style for cell in table.rows[0][1:]] == ["number costs", "number unsure"]


def test_nothing_to_tell_makes_no_table():
    assert list(leads.above_chance(DATA[DATA["benchmark"] == "trex"])) == []
    assert list(leads.not_guessed(DATA[:0])) == []
    assert list(leads.rare(pd.DataFrame(columns=["model", "benchmark", "by"]))) == []
