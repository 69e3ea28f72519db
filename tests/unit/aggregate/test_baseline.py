"""Above chance: leads, what is lost of them, and what was known beyond guessing, by hand."""

import numpy as np
import pytest
from helpers.groups import group

from knowcost.aggregate import baseline

SLUGS = ["dense", "int8@overall", "wanda-60@overall"]


def of(dense, one, other, **more):
    right = {"dense": "1" * dense + "0" * (100 - dense)}
    right |= {"int8@overall": "1" * one + "0" * (100 - one), "wanda-60@overall": "1" * other + "0" * (100 - other)}
    return baseline.above(group(right, **more), SLUGS)


def test_a_loss_of_the_whole_lead():
    """80, 65 and 50% of a two-choice task whose majority is 50%: half of the lead is lost, then all of it."""
    found = of(80, 65, 50, majority=0.5, guess=0.5)
    assert found["lead_points"].tolist() == pytest.approx([30, 15, 0])
    assert found["lead_lost_percent"].tolist()[1:] == pytest.approx([50, 100])
    assert found["not_guessed_percent"].tolist() == pytest.approx([60, 30, 0])  # (a - 1/2) / (1 - 1/2)
    assert found["not_guessed_kept_percent"].tolist()[1:] == pytest.approx([50, 0], abs=1e-9)
    assert np.isnan(found.loc["dense", ["lead_lost_percent", "not_guessed_kept_percent"]].astype(float)).all()
    one = found.loc["int8@overall"]
    assert one["lead_low"] < 15 < one["lead_high"] and one["lead_lost_low"] < 50 < one["lead_lost_high"]
    assert one["not_guessed_kept_low"] < 50 < one["not_guessed_kept_high"]


def test_what_is_most_often_right_may_be_better_than_guessing():
    """Always "yes" is right to 62%: 72% is a lead of 10 points, though 44% are known beyond a coin's toss."""
    dense = of(72, 67, 62, majority=0.62, guess=0.5).loc["dense"]
    assert (dense["lead_points"], dense["not_guessed_percent"]) == (pytest.approx(10), pytest.approx(44))


@pytest.mark.parametrize("dense", [50, 53, 40])
def test_a_model_at_chance_has_no_share_of_a_lead(dense):
    """A loss of 3 of 53% would be all of a lead that is none: 53 of 100 is no more than chance."""
    found = of(dense, 50, 45, majority=0.5, guess=0.5)
    assert found["lead_lost_percent"].isna().all() and found["not_guessed_kept_percent"].isna().all()
    assert found["lead_points"].notna().all()


def test_open_questions_have_no_baseline():
    assert of(80, 70, 60).isna().all(axis=None)


@pytest.mark.parametrize(("dense", "other"), [(100, 0), (0, 100), (0, 0), (100, 100)])
def test_nothing_and_everything_right(dense, other):
    found = of(dense, other, other, majority=0.5, guess=0.5)
    assert found["lead_points"].tolist() == [dense - 50, other - 50, other - 50]
    assert found["lead_lost_percent"].notna().sum() == (2 if dense else 0)


def test_one_cluster_one_fact_and_no_dense_model_make_no_claim():
    facts = {"dense": "1111", "int8@overall": "1000"}
    alone = baseline.above(group(facts, cluster="c", majority=0.5, guess=0.5), list(facts))
    assert alone[["lead_low", "lead_lost_percent", "not_guessed_kept_percent"]].isna().all(axis=None)
    one = baseline.above(group({"dense": "1", "int8@overall": "0"}, majority=0.5, guess=0.5), ["dense", "int8@overall"])
    assert one["lead_low"].isna().all() and one["lead_lost_percent"].isna().all()
    without = baseline.above(group({"int8@overall": "1111"}, majority=0.5, guess=0.5), ["int8@overall"])
    assert without["lead_points"].tolist() == [50] and without["lead_lost_percent"].isna().all()
    assert baseline.above(group(facts), []).empty


def test_a_single_choice_cannot_be_guessed_wrong():
    assert of(80, 70, 60, guess=1.0)["not_guessed_percent"].isna().all()
