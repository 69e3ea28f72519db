"""Means over benchmarks and models: what weighs what, what is left out, and what is decided."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.groups import group
from scipy.stats import t, ttest_1samp

from knowcost.aggregate import losses, rule

SLUG = "magnitude-40@overall"


def asked(n, lost, known=None, gained=0, **about):
    """A model on a benchmark: of `known` facts (all n) `lost` are forgotten, of the others `gained` are newly right."""
    known = n if known is None else known
    after = "0" * lost + "1" * (known - lost) + "1" * gained
    return group({"dense": ("1" * known).ljust(n, "0"), SLUG: after.ljust(n, "0")}, **about)


def one(groups, margin=1, by=losses.by_model):
    (row,) = by(groups, margin).to_dict("records")
    return row


def test_two_large_benchmarks_weigh_alike_and_are_independent():
    row = one([asked(400, 80, benchmark="a"), asked(100, 0, benchmark="b", cluster=[f"b{i}" for i in range(100)])])
    assert row["drop_points"] == pytest.approx((20 + 0) / 2)
    quantile = t.ppf(0.975, 99)
    unseen = 100 * quantile**2 / (100 + quantile**2) / quantile  # b: no fact was forgotten
    se = np.hypot(np.std([100] * 80 + [0] * 320, ddof=1) / 20, unseen) / 2
    df = (2 * se) ** 4 / (((2 * se) ** 2 - unseen**2) ** 2 / 399 + unseen**4 / 99)  # Welch and Satterthwaite
    assert row["drop_points"] - row["drop_low"] == pytest.approx(t.ppf(0.975, df) * se)
    assert row["drop_high"] - row["drop_points"] > t.ppf(0.975, df) * se  # losses are skewed
    assert (row["decision"], row["worst_benchmark"], row["worst_points"]) == (rule.COSTS, "a", 20)


def test_noise_measured_on_all_facts_is_more_of_those_that_were_known():
    group = replace(asked(400, 0, known=100), noise={SLUG: 3.0})
    row = one([group])
    assert row["drop_high"] == pytest.approx(3) and row["kept_low"] == pytest.approx(100 - 3 * 400 / 100)
    same = np.full(400, 0.5)
    row = one([replace(group, probability={"dense": same, SLUG: same})])
    square = t.ppf(0.975, 399) ** 2  # the noise is of answers: probabilities have the floor of no change in 400
    assert row["probability_high"] == pytest.approx(100 * square / (400 + square))


def test_phrasings_are_no_further_facts_in_any_mean():
    facts = np.repeat([f"fact{number}" for number in range(25)], 10)
    row = one([asked(250, 0, cluster=facts, fact=facts)])
    square = t.ppf(0.975, 24) ** 2
    assert row["drop_high"] == pytest.approx(100 * square / (25 + square))
    assert row["kept_low"] == pytest.approx(100 - 100 * square / (25 + square))


def test_the_worst_benchmark_is_one_that_counts():
    row = one([asked(100, 10, benchmark="a"), asked(100, 90, benchmark="b", cluster="one")])
    assert (row["worst_benchmark"], row["worst_points"], row["drop_points"]) == ("a", 10, 10)


def test_a_handful_of_facts_does_not_outweigh_a_thousand():
    """One's own four clozes, of which one was gained, beside a loss of 27 points."""
    own = asked(4, 0, known=3, gained=1, benchmark="own")
    trex = asked(1000, 270, benchmark="trex")
    row = one([trex, own])
    assert row["drop_points"] == pytest.approx((27 * 1 - 25 * 3 / 50) / (1 + 3 / 50))
    assert (row["small"], row["worst_benchmark"], row["worst_points"]) == (1, "trex", 27)
    assert row["decision"] == rule.COSTS


def test_what_a_model_only_guesses_is_in_no_mean():
    """55 to 50% of two choices is everything that was known, if it was known; 52% of 100 is not shown to be known."""
    lead = asked(2000, 100, known=1100, majority=0.5, benchmark="a")
    chance = asked(100, 10, known=52, majority=0.5, benchmark="b")
    row = one([lead, chance])
    assert row["drop_points"] == pytest.approx(5) and row["lead_lost_percent"] == pytest.approx(100)
    assert (row["pairs"], row["knowing"], row["leads"]) == (2, 1, 1)


def test_a_model_at_chance_does_not_hide_what_another_lost():
    good = [asked(60, 8, benchmark=name, majority=0.5, family="decoder", model="good") for name in "abc"]
    weak = [
        asked(60, 5, known=32, gained=6, benchmark=name, majority=0.5, family="decoder", model="weak") for name in "abc"
    ]
    rows = losses.by_model([*good, *weak], 1).set_index("model")
    assert rows["decision"].to_dict() == {"good": rule.COSTS, "weak": rule.NOTHING}
    family = one([*good, *weak], by=losses.by_family)
    assert family["drop_points"] == pytest.approx(100 * 8 / 60) and family["decision"] == rule.COSTS
    assert (family["models"], family["pairs"], family["knowing"]) == (2, 6, 3)


def test_models_of_a_family_are_paired_fact_by_fact():
    one_model, other = (asked(200, lost, model=name) for name, lost in (("m", 20), ("o", 40)))
    row = one([one_model, other], by=losses.by_family)
    means = np.mean([[100] * 20 + [0] * 180, [100] * 40 + [0] * 160], axis=0)
    assert row["drop_low"] == pytest.approx(ttest_1samp(means, 0).confidence_interval(0.95).low)


def test_lost_of_the_lead_is_a_ratio():
    """80 to 65% right of two choices: of a lead of 30 points half is lost."""
    row = one([asked(1000, 150, known=800, guess=0.5)])
    assert row["lead_lost_percent"] == pytest.approx(50) and 35 < row["lead_lost_low"] < 50 < row["lead_lost_high"] < 65


def test_the_bound_for_all_variants_at_once_is_below_that_of_one():
    right = {"dense": "1" * 245} | {f"magnitude-{level}@overall": "0" * 10 + "1" * 235 for level in (20, 40, 60, 80)}
    rows = losses.by_model([group(right)], 1)
    kept = np.array([0] * 10 + [100] * 235)
    half = {share: _below(kept, t.ppf(1 - share / 2, 244)) for share in (0.05, 0.05 / 4)}
    assert rows["kept_percent"].tolist() == pytest.approx([kept.mean()] * 4)
    assert rows["kept_low"].tolist() == pytest.approx([kept.mean() - half[0.05]] * 4)
    assert rows["kept_least"].tolist() == pytest.approx([kept.mean() - half[0.05 / 4]] * 4)


def _below(values, quantile):
    """How far the lower bound lies below the mean, which has its skew on that side."""
    n, off = len(values), values - values.mean()
    variance, third = values.var(ddof=1) / n, ((off / (n - 1)) ** 3).sum()
    return quantile * np.sqrt(variance) + min(quantile * np.sqrt(variance), -(quantile**2) / 2 * third / variance)


def test_a_probability_may_fall_where_no_answer_changes():
    sure, less = np.full(500, 0.95), np.full(500, 0.95) - np.linspace(0.1, 0.18, 500)
    asked_too = replace(asked(500, 0), probability={"dense": sure, SLUG: less})
    row = one([asked_too])
    assert (row["drop_points"], row["decision"]) == (0, rule.EQUAL)
    assert row["probability_points"] == pytest.approx(14) and row["probability_decision"] == rule.COSTS


def test_a_variant_that_was_not_asked_everything_has_no_mean():
    whole = asked(100, 10, benchmark="a")
    gone = replace(
        asked(100, 10, benchmark="b"), right={"dense": np.ones(100, bool), "int8@overall": np.ones(100, bool)}
    )
    rows = losses.by_model([whole, gone], 1).set_index("variant")
    assert rows["decision"].tolist() == [rule.NOT_RUN] * 2 and rows["drop_points"].isna().all()


@pytest.mark.parametrize(
    ("made", "decision"),
    [
        (asked(1, 1), rule.UNSURE),  # one fact
        (asked(50, 20, cluster="c"), rule.UNSURE),  # one cluster
        (asked(50, 0, known=0), rule.NOTHING),  # a benchmark at 0%
        (asked(5000, 0), rule.EQUAL),  # at 100%, before and after
        (asked(100, 100), rule.COSTS),  # and at 0% after
        (replace(asked(60, 30), probability=dict.fromkeys(("dense", SLUG), np.full(60, np.nan))), rule.COSTS),
    ],
)
def test_what_bears_nothing_claims_nothing(made, decision):
    row = one([made])
    assert row["decision"] == decision and row["probability_decision"] == ""


def test_nothing_to_compare_makes_no_rows():
    assert losses.by_model([], 1).empty and losses.by_family([], 1).empty


def test_what_is_forgotten_and_newly_right_makes_the_drop():
    """200 facts, of which 100 known; 30 are forgotten, 10 newly right."""
    row = one([asked(200, 30, known=100, gained=10)])
    assert (row["forgotten_points"], row["gained_points"], row["drop_points"]) == (15, 5, 10)
    assert row["forgotten_low"] < 15 < row["forgotten_high"] and row["gained_low"] < 5 < row["gained_high"]


def test_wrong_answers_that_became_other_wrong_ones():
    """30 of 200 facts; where a benchmark does not tell, the mean does not speak."""
    told = replace(asked(200, 30, known=100, benchmark="a"), changed={SLUG: np.repeat([1.0, 0.0], [30, 170])})
    assert one([told])["changed_points"] == 15
    silent = replace(asked(200, 30, known=100, benchmark="b"), changed={SLUG: np.full(200, np.nan)})
    assert np.isnan(one([told, silent])["changed_points"])
    assert np.isnan(one([asked(200, 30, known=100)])["changed_points"])
