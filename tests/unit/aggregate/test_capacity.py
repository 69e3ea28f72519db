"""Known bits by hand."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.groups import group
from scipy.stats import t

from knowcost.aggregate.capacity import COLUMNS, capacity, priors

SLUG = "magnitude-40@overall"


def asked(probability, **more):
    n = len(probability["dense"])
    made = group(dict.fromkeys(probability, "1" * n), **more)
    return replace(made, probability={slug: np.array(each) for slug, each in probability.items()})


def test_bits_are_against_what_guessing_gives():
    """Of four choices each: certainty is 2 bits, a half 1 bit, a quarter none, an eighth one less than none."""
    made = asked({"dense": [1.0, 0.5], SLUG: [0.25, 0.125]}, guess=0.25)
    dense, pruned = capacity([made], {("m", "dense"): 100, ("m", SLUG): 100}).to_dict("records")
    assert (dense["bits_known"], dense["bits_per_fact"], dense["bits_per_parameter"]) == (3, 1.5, 0.03)
    assert (pruned["bits_known"], pruned["dense_bits_known"], pruned["bits_per_parameter"]) == (-1, 3, -0.01)
    assert (dense["n"], dense["model_parameters"]) == (2, 100) and dense["bits_low"] < 1.5 < dense["bits_high"]


def test_open_questions_are_guessed_from_the_answers_of_their_relation():
    facts = group({"dense": "1" * 6}, ["a"] * 4 + ["b"] * 2, answer=list("xxxyzz")).facts
    assert priors(facts).tolist() == [3 / 4] * 3 + [1 / 4] + [1.0] * 2


def test_certainty_of_something_else_has_a_floor():
    (row,) = capacity([asked({"dense": [0.0, 0.0]}, guess=0.5)], {}).to_dict("records")
    assert row["bits_per_fact"] == pytest.approx(np.log2(1e-6 / 0.5)) and np.isnan(row["bits_per_parameter"])


def test_without_probabilities_there_are_no_rows():
    assert capacity([group({"dense": "11"})], {}).empty and list(capacity([], {})) == COLUMNS
    assert capacity([asked({"dense": [np.nan, np.nan]})], {}).empty


def test_a_fact_in_several_phrasings_counts_once():
    """Two facts, the first asked three times: 2, 1 and 0 bits are 1 on average, the second is 2."""
    made = asked({"dense": [1.0, 0.5, 0.25, 1.0]}, guess=0.25, fact=["a", "a", "a", "b"])
    (row,) = capacity([made], {}).to_dict("records")
    assert row["bits_known"] == 3 and row["bits_per_fact"] == 1.25


def test_bits_that_are_the_same_of_all_facts_have_the_width_of_one_that_was_not_seen():
    (row,) = capacity([asked({"dense": [0.5] * 30}, guess=0.25)], {}).to_dict("records")
    square = t.ppf(0.975, 29) ** 2
    unseen = np.log2(1e6) * square / (30 + square)
    assert (row["bits_per_fact"], row["bits_high"]) == (pytest.approx(1), pytest.approx(1 + unseen))
