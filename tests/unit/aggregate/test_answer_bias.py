"""Which answer is given, and what a moved threshold brings back: by hand."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from helpers.groups import frame

from knowcost.aggregate import answer_bias

NO_YES = ["no", "yes"]


def asked(odds, yes):
    """A cell of yes-no questions with these log-odds of "yes"; yes: which of them are to be answered so."""
    choices = [np.array([0.0, each], np.float32) for each in odds]
    return pd.DataFrame(
        {"choice_logprobs": choices, "correct": [(each > 0) == right for each, right in zip(odds, yes, strict=True)]}
    )


def facts(yes, **more):
    return frame([None] * len(yes), place=np.array(yes, float), **more)


def test_a_model_that_says_no_to_all_may_still_know_which_is_which():
    yes = [True, True, True, False, False, False]
    dense = asked([3, 2, 1, -1, -2, -3], yes)
    shifted = asked([-0.5, -1, -3, -2, -4, -5], yes)  # the three highest: two of three yes, and a no
    found = answer_bias.row(facts(yes), NO_YES, shifted, dense)
    assert (found["answer"], found["given_percent"], found["dense_given_percent"]) == ("no", 100, 50)
    assert (found["right_percent"], found["shares"]) == (50, "no 100.0%, yes 0.0%")
    assert (found["accuracy"], found["accuracy_at_threshold"]) == (0.5, pytest.approx(4 / 6))
    assert (found["drop_points"], found["left_points"]) == (50, pytest.approx(100 / 3))
    assert found["explained_points"] == pytest.approx(50 - 100 / 3)
    assert found["explained_low"] < found["explained_points"] < found["explained_high"]


def test_the_threshold_gives_the_second_answer_as_often_as_it_is_right():
    second = np.array([True, False, False, False])
    assert answer_bias.at_threshold(np.array([0.1, 0.2, -1, -2]), second).tolist() == [0, 0, 1, 1]
    tied = answer_bias.at_threshold(np.zeros(4), second)  # a model that says nothing: given to a quarter of each
    assert tied.tolist() == [0.25, 0.75, 0.75, 0.75]
    for alike in (np.ones(3, bool), np.zeros(3, bool)):
        assert answer_bias.at_threshold(np.array([1.0, 2, 3]), alike).tolist() == [1, 1, 1]


def test_more_choices_have_shares_and_no_threshold():
    rows = pd.DataFrame({"choice_logprobs": [[-1, -2, -3], [-3, -1], [-1.0, -2, -3], [-2, -3, -1]],
                         "correct": [True, False, True, True]})  # fmt: skip
    found = answer_bias.row(facts([0, 0, 0, 2]), ["a", "b", "c"], rows, rows)
    assert (found["choices"], found["answer"], found["given_percent"], found["right_percent"]) == (3, "a", 50, 75)
    assert found["shares"] == "a 50.0%, b 25.0%, c 25.0%" and "accuracy_at_threshold" not in found


def test_without_a_dense_model_there_is_no_loss_to_explain():
    yes = [True, False]
    found = answer_bias.row(facts(yes), NO_YES, asked([1, -1], yes), None)
    assert found["accuracy_at_threshold"] == 1 and "explained_points" not in found
    dense = asked([1, -1], yes)
    assert "explained_points" not in answer_bias.row(facts(yes), NO_YES, dense, dense)


@pytest.mark.parametrize("spoiled", [None, [0.0, np.nan], [np.nan, np.nan]])
def test_probabilities_that_are_missing_make_no_row(spoiled):
    yes = [True, False]
    rows = asked([1, -1], yes)
    rows.at[1, "choice_logprobs"] = spoiled
    assert answer_bias.row(facts(yes), NO_YES, rows, None) is None
    found = answer_bias.row(facts(yes), NO_YES, asked([1, -1], yes), rows)
    assert "dense_given_percent" not in found and "explained_points" not in found


def test_one_cluster_and_infinite_odds_make_no_claim():
    yes = [True, False]
    rows = asked([np.inf, -np.inf], yes)
    found = answer_bias.row(facts(yes, cluster="c"), NO_YES, rows, asked([1, -1], yes))
    assert found["accuracy_at_threshold"] == 1 and np.isnan(found["explained_low"])


def test_places_are_those_of_kinds_with_places():
    boolq = pa.table({"question": ["?"] * 2, "passage": [""] * 2, "label": [1, 0]})
    places, words = answer_bias.places(boolq, {"kind": "boolq"})
    assert places.tolist() == [1, 0] and words == NO_YES
    piqa = pa.table({"goal": ["g"] * 2, "sol1": ["a", "b"], "sol2": ["c", "d"], "label": [0, 1]})
    assert answer_bias.places(piqa, {"kind": "piqa"})[1] == ["number 1", "number 2"]
    cloze = pa.table({"cloze": ["[MASK]"], "answer": ["x"], "candidates": [["x", "y"]]})
    places, words = answer_bias.places(cloze, {"kind": "cloze"})
    assert np.isnan(places).all() and words == []
    assert answer_bias.row(frame([None], place=places), words, asked([1], [True]), None) is None


def test_a_fact_whose_choices_are_all_impossible_makes_no_row():
    rows = asked([1.0, -1.0], [True, False])
    rows.at[0, "choice_logprobs"] = np.array([-np.inf, -np.inf], np.float32)
    assert answer_bias.row(facts([True, False]), NO_YES, rows, None) is None
