"""Facts in several phrasings: three facts by hand."""

import numpy as np
import pandas as pd
import pytest
from helpers.groups import frame
from scipy.stats import t

from knowcost.aggregate import phrasings
from knowcost.aggregate.asked import asked

NAN = float("nan")
# facts a and b in three phrasings, c in two, d in one, which says nothing of phrasings
FACTS = frame(
    ["r"] * 9,
    fact=list("aaabbbccd"),
    phrasing=list("123123121"),
    cluster=list("aaabbbccd"),
)


def cell(right, predictions="xxxxxxxxx"):
    said = [None if each == "-" else each for each in predictions]
    return pd.DataFrame({"correct": [each == "1" for each in right], "prediction": said})


def test_shares_by_hand():
    dense, pruned = cell("111110111"), cell("101000011", "xyxuvwxxx")
    found = phrasings.row(FACTS, pruned, dense)
    assert (found["facts"], found["phrasings"], found["accuracy"]) == (3, 8, 3 / 8)
    assert found["any_percent"] == pytest.approx(100 * 2 / 3) and found["all_percent"] == 0
    # pairs with one prediction: 1 of 3 (x, y, x), 0 of 3, 1 of 1
    assert found["consistency_percent"] == pytest.approx(100 * (1 / 3 + 0 + 1) / 3)
    assert found["consistency_low"] < found["consistency_percent"] < found["consistency_high"]
    # wrong: a2, b1, b2, b3, c1; of a and c another phrasing is right
    assert found["wrong_elsewhere_percent"] == pytest.approx(100 * 2 / 5)
    # forgotten: a2, b1, b2, c1 (b3 was never known)
    assert found["forgotten"] == 4 and found["known_elsewhere_percent"] == pytest.approx(50)
    assert found["known_elsewhere_low"] < 50 < found["known_elsewhere_high"]
    # of those known to the dense model: 1 right 1 of 3, 2 right 1 of 3, 3 right 1 of 1; of those unknown 0 of 1
    others = [1 - 2 / 3 * 0, 1 - 2 / 3 * 1, 1 - 2 / 3 * 1, 1 / 3]  # a2: 1 and 3; b1: 2, 3; b2: 1, 3; c1: 2
    assert found["unrelated_percent"] == pytest.approx(100 * np.mean(others))
    assert found["guessed_percent"] == 0


def test_guessing_two_other_phrasings_among_four_choices():
    """1 - (3/4)^2 where two others are asked."""
    facts = frame([None] * 3, fact=["a"] * 3, phrasing=list("123"), cluster=["a"] * 3, guess=0.25)
    found = phrasings.row(facts, cell("000", "xyz"), cell("100", "xyz"))
    assert found["guessed_percent"] == pytest.approx(100 * (1 - 0.75**2))
    assert found["known_elsewhere_percent"] == 0 and np.isnan(found["known_elsewhere_low"])  # one cluster says nothing


def test_the_dense_model_has_no_loss_and_nothing_forgotten_no_share():
    dense = cell("111111111")
    found = phrasings.row(FACTS, dense, dense)
    assert (found["any_percent"], found["all_percent"]) == (100, 100)
    assert "forgotten" not in found and np.isnan(found["wrong_elsewhere_percent"])
    same = phrasings.row(FACTS, cell("111111111"), dense)
    assert same["forgotten"] == 0 and np.isnan(same["known_elsewhere_percent"]) and np.isnan(same["unrelated_percent"])
    alone = phrasings.row(FACTS, cell("000000000"), None)
    assert alone["all_percent"] == 0 and "known_elsewhere_percent" not in alone


def test_an_answer_that_is_missing_is_like_none():
    found = phrasings.row(FACTS, cell("000000000", "---x--xx-"), None)
    assert found["consistency_percent"] == pytest.approx(100 / 3)
    assert phrasings.row(FACTS, cell("000000000", "-" * 9), None)["consistency_percent"] == 0


def test_only_a_benchmark_that_repeats_facts_has_phrasings():
    assert phrasings.repeats(FACTS) and not phrasings.repeats(frame(["r"] * 3))
    assert list(phrasings.frame([])) == phrasings.COLUMNS


def test_phrasings_and_facts_that_belong_together_bear_no_interval_of_their_own():
    dense, pruned = cell("111110111"), cell("101000011", "xyxuvwxxx")
    together = phrasings.row(FACTS.assign(cluster="one"), pruned, dense)
    assert np.isnan(together["consistency_low"]) and np.isnan(together["known_elsewhere_low"])


def test_what_no_phrasing_has_shown_is_of_facts():
    """20 facts in 4 phrasings, each forgotten in two and right in the others: all known elsewhere, in 20 facts."""
    facts = frame(["r"] * 80, fact=np.repeat(np.arange(20), 4).astype(str), phrasing=list("1234") * 20)
    facts = facts.assign(cluster=facts["fact"])
    found = phrasings.row(facts, cell("0011" * 20, "x" * 80), cell("1" * 80, "x" * 80))
    square = t.ppf(0.975, 19) ** 2
    assert found["known_elsewhere_low"] == pytest.approx(100 - 100 * square / (20 + square))


def test_what_was_asked_counts_facts_and_not_their_phrasings():
    """8 rows of b ask 3 facts, one more its only row: 4 facts in 9 / 4 phrasings."""
    scores = pd.DataFrame({"benchmark": ["a", "a", "b", "c", "one"], "n": [2000, np.nan, 9, 600, 1]})
    table = phrasings.frame(
        [{"benchmark": "b", "facts": 3, "phrasings": 8}, {"benchmark": "c", "facts": 200, "phrasings": 600}] * 2
    )
    assert asked(scores, table) == {
        "a": "2,000 facts",
        "b": "4 facts in 2.2 phrasings on average",
        "c": "200 facts in 3 phrasings",
        "one": "1 fact",
    }
    assert asked(scores, phrasings.frame([]))["c"] == "600 facts"
