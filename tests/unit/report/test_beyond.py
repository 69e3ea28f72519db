"""What right and wrong do not say: tables and sentences, from frames by hand."""

from math import nan

import pandas as pd

from knowcost.report import beyond
from knowcost.report.table import GONE, MINUS

ABOUT = {"family": "encoder_decoder", "model": "b", "variant": "wanda-2of4@overall", "benchmark": "boolq"}
BIAS = {"answer": "no", "given_percent": 98.8, "dense_given_percent": 40.0, "right_percent": 37.8, "drop_points": 14.3,
        "explained_points": 9.5, "explained_low": 6.5, "explained_high": 12.5, "left_points": 4.8, "left_low": 2.0,
        "left_high": 7.6}  # fmt: skip
PHRASED = {"facts": 400, "any_percent": 91.0, "all_percent": 55.5, "consistency_percent": 70.2, "consistency_low": 66.0,
           "consistency_high": 74.4, "forgotten": 120, "known_elsewhere_percent": 62.5, "known_elsewhere_low": 54.0,
           "known_elsewhere_high": 71.0, "unrelated_percent": 71.1, "guessed_percent": 50.0}  # fmt: skip
PROBABLE = {"probability": 0.61, "probability_points": 14.0, "probability_low": 12.0, "probability_high": 16.0,
            "probability_decision": "costs", "log_change": 0.25, "log_low": 0.2, "log_high": 0.3, "forgotten": 12,
            "gained": 3, "changed": 5, "kl_mean": 0.41, "kl_low": 0.38, "kl_high": 0.44, "kl_p99": 2.5, "brier": 0.2,
            "brier_change": -0.05, "brier_low": -0.06, "brier_high": -0.04, "ece": 0.08, "ece_change": 0.03,
            "ece_low": 0.01, "ece_high": 0.05}  # fmt: skip


def frame(*rows):
    return pd.DataFrame([ABOUT | row for row in rows])


def test_probabilities():
    (made,) = beyond.probabilities(frame(PROBABLE))
    assert made.folded and made.title == "More than right and wrong: b on boolq"
    assert [cell.text.replace(MINUS, "-") for cell in made.rows[0]] == [
        "everything pruned 2:4 (Wanda)", "61.0", "14.0", "0.250", "12", "3", "5", "0.410", "2.500", "0.200", "-0.050",
        "8.0", "3.0",
    ]  # fmt: skip
    assert made.rows[0][12].below == "1.0 to 5.0"


def test_probabilities_that_are_missing_are_dashes():
    (made,) = beyond.probabilities(frame(dict.fromkeys(PROBABLE, nan) | {"probability_decision": ""}))
    assert {cell.text for cell in made.rows[0][1:]} == {GONE} and not any(cell.below for cell in made.rows[0][2:4])


def test_a_loss_that_is_a_shifted_threshold():
    unsure = BIAS | {"variant": "int8@overall", "explained_points": 20.0, "explained_low": -1.0}
    assert list(beyond.shifted(frame(BIAS, unsure))) == [
        "A shifted threshold explains 9.5 (6.5 to 12.5) of the 14.3 points that b loses on boolq with everything "
        "pruned 2:4 (Wanda), which answers “no” to 98.8% (the most of 2 cells, not corrected for that)."
    ]
    (line,) = beyond.shifted(frame(BIAS))
    assert line.endswith("to 98.8%.")
    assert list(beyond.shifted(frame(unsure))) == []
    (made,) = beyond.answer_bias(frame(BIAS))
    assert [cell.text for cell in made.rows[0][1:]] == ["boolq", "no", "98.8", "40.0", "37.8", "14.3", "9.5", "4.8"]


def test_known_under_another_phrasing():
    less = PHRASED | {"variant": "int8@overall", "forgotten": 2, "known_elsewhere_percent": 100.0}
    assert list(beyond.elsewhere(frame(PHRASED, less))) == [
        "Forgotten in one phrasing, right in another: 62.5% (54.0 to 71.0) of the 120 answers that b lost on boolq "
        "with everything pruned 2:4 (Wanda) (50.0% by guessing alone, 71.1% if answers to a fact's phrasings were "
        "unrelated), where most was lost of the 2 of 2 variants that show more."
    ]
    guessed = PHRASED | {"known_elsewhere_low": 49.0, "forgotten": 999}
    assert list(beyond.elsewhere(frame(guessed))) == [
        "What b lost is not shown to be known in another phrasing: guessing gives as much."
    ]
    (line,) = beyond.elsewhere(frame(guessed, PHRASED))  # most was forgotten of the other, which shows nothing
    assert "of the 120 answers" in line
    assert list(beyond.elsewhere(frame(PHRASED | {"known_elsewhere_low": nan}))) == []
    (made,) = beyond.phrasings(frame(PHRASED))
    assert [cell.text for cell in made.rows[0][2:]] == ["400", "91.0", "55.5", "70.2", "62.5", "71.1", "50.0"]


def test_bits_are_told_where_they_are_shown_to_be_above_zero():
    about = {"bits_known": 2345.0, "bits_per_fact": 3.2, "bits_low": 2.9, "bits_high": 3.5, "level": nan}
    about |= {"dense_bits_known": 2345.0, "bits_per_parameter": 0.00125, "experiment": "dense", "scope": ""}
    dense = frame(about | {"variant": "dense"})
    (line,) = beyond.bits(dense)
    assert "Beyond guessing, of boolq: b knows 2,345 bits (3.20, 2.90 to 3.50 a fact; 1.25 for a thousand" in line
    assert list(beyond.bits(dense.assign(bits_low=-0.1))) == []
    (made,) = beyond.capacity(dense)
    assert [cell.text for cell in made.rows[0]] == ["dense", "boolq", "3.20", "2,345", "2,345", "1.25"]
