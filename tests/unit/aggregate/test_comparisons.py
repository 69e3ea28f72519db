"""What comparisons measure: means, weights and intervals by hand, per weight removed, and what bears on nothing."""

import dataclasses

import numpy as np
import pytest
from helpers.claimed import BY_ID, FINAL, alone, finals, ints, level_run, scopes, tables, verdict
from helpers.groups import group
from scipy import stats

from knowcost.aggregate import comparisons
from knowcost.papers.claim import MAJORITY


def manifest(scope, zeros=None, touched=100, total=1000):
    return {"parameters": {"total": total, "touched": touched, "scope": {scope: {"zeros": zeros}} if zeros else {}}}


def test_weights_removed_are_the_zeros_of_pruning_and_what_else_touches():
    manifests = {
        ("m", "magnitude-40@attention"): manifest("attention", 40),
        ("m", "magnitude-40@canonical.attention"): manifest("canonical.attention", 50),
        ("m", "int8@attention"): manifest("attention"),
        ("m", "magnitude-40@attention+int8@attention"): manifest("attention", 40),
        ("m", "dense"): manifest("attention", 3, touched=0),
        ("m", "brought-x"): {},
    }
    assert comparisons.removed(manifests) == {
        ("m", "magnitude-40@attention"): 4, ("m", "magnitude-40@canonical.attention"): 5,
        ("m", "int8@attention"): 10, ("m", "magnitude-40@attention+int8@attention"): 10,
    }  # fmt: skip


def test_per_weight_an_effect_can_be_the_other_way_round():
    """Feed-forward loses 55% with 60 of 100 weights, attention 30% with 20: more by 25 points, less per weight."""
    lost = {40: scopes(240, 120, 220)}
    removed = {("m", "magnitude-40@attention"): 20.0, ("m", "magnitude-40@feed_forward"): 60.0}
    row = alone([level_run(lost)], "prune_medium_feed_forward", removed=removed)
    assert (row["verdict"], row["estimate"]) == ("holds", pytest.approx(25))
    assert row["per_weight"] == pytest.approx(55 / 60 - 30 / 20)
    assert row["per_weight_low"] < row["per_weight"] < row["per_weight_high"] < 0
    assert row["why"] == "the other way round per weight removed"
    unknown = alone([level_run(lost)], "prune_medium_feed_forward", removed={("m", "magnitude-40@attention"): 20.0})
    assert np.isnan(unknown["per_weight"]) and unknown["verdict"] == "holds" and unknown["why"] == ""
    same = tables([finals(90, 0.5)], [BY_ID["final_majority"]], removed)[0]
    assert same["per_weight"].isna().all()


def test_per_weight_means_are_over_levels():
    run = level_run({30: scopes(0, 40, 20), 50: scopes(0, 80, 200)})
    removed = {("m", f"magnitude-{level}@{scope}"): level * share / 100
               for level in (30, 50) for scope, share in (("attention", 10), ("feed_forward", 30))}  # fmt: skip
    row = alone([run], "prune_medium_feed_forward", removed=removed)
    assert row["per_weight"] == pytest.approx(((5 / 9 - 10 / 3) + (50 / 15 - 20 / 5)) / 2)


def test_means_are_over_benchmarks_then_models():
    """Model a: 40 points on x, 20 on y; model b: 10 on x alone: (30 + 10) / 2."""
    groups = [
        ints("1111111000", "1110000000", times=5, benchmark="x", model="a"),
        ints("1111111000", "1111100000", times=5, benchmark="y", model="a", cluster=[f"y{i}" for i in range(50)]),
        ints("1111111000", "1111110000", times=5, benchmark="x", model="b"),
        ints("0" * 10, "1" * 10, model="c", family="decoder"),
    ]
    row = verdict(groups, "int8_feed_forward")
    assert (row["estimate"], row["models"], row["benchmarks"], row["facts"]) == (pytest.approx(20), 2, 2, 100)
    assert row["differing"] == 20 + 10  # on x the facts of a and of b are the same facts
    same = [
        dataclasses.replace(each, facts=each.facts.assign(cluster=groups[0].facts["cluster"])) for each in groups[:3]
    ]
    assert verdict(same, "int8_feed_forward")["differing"] == 20  # people asked about on x and y are the same people
    assert verdict(groups, "int8_feed_forward", "decoder")["estimate"] == pytest.approx(-100)


def test_a_benchmark_of_few_facts_weighs_by_what_is_known():
    """200 facts with a difference of 40 points, and 10 that all speak for the other side, which weigh 10 / 50."""
    groups = [
        ints("1111111000", "1110000000", times=20, benchmark="x"),
        ints("0000000000", "1111111111", times=1, benchmark="y"),
    ]
    row = verdict(groups, "int8_feed_forward")
    assert row["estimate"] == pytest.approx((40 * 1 - 100 * 0.2) / 1.2)


def test_models_asked_the_same_facts_tell_no_more_than_one_of_them():
    one = [ints("1111100000", "0" * 10, model="a")]
    same = [*one, ints("1111100000", "0" * 10, model="b")]
    other = [*one, ints("0000011111", "0" * 10, model="b")]
    rows = [verdict(groups, "int8_feed_forward") for groups in (one, same, other)]
    widths = [row["high"] - row["low"] for row in rows]
    assert widths[1] == pytest.approx(widths[0])
    t = stats.t.ppf(0.975, 39)
    assert widths[2] == pytest.approx(200 * t**2 / (40 + t**2))  # every fact counts one half: only the floor is left


def test_missing_cells_are_named_and_nothing_is_said():
    right = {"dense": "1" * 40, "int8@attention": "1" * 40}
    groups = [ints("1" * 10, "0" * 10, model="a"), group(right, model="b")]
    row = verdict(groups, "int8_feed_forward")
    assert (row["verdict"], row["missing"], row["why"]) == ("not run", *["b int8@feed_forward on b"] * 2)
    assert np.isnan(row["estimate"]) and np.isnan(row["holm_p"])
    for claim in ("prune_everything", "prune_int8_20", "prune_cliff"):
        row = verdict(groups, claim)
        assert (row["verdict"], row["missing"]) == ("not run", "no variants of this kind were run")
    pruned_alone = [group({"dense": "1", "magnitude-20@overall": "0"})]
    assert verdict(pruned_alone, "int8_everything")["missing"] == "no variants of this kind were run"
    many = verdict(
        [ints("1" * 10, "0" * 10, benchmark=name) for name in "xyz"]
        + [group(right, benchmark=name) for name in "abcdef"],
        "int8_feed_forward",
    )
    assert many["missing"].endswith("m int8@feed_forward on d; and 2 more cells")


def test_without_the_dense_model_nothing_is_said():
    right = ints("1111111000", "1110000000").right
    without = group({"int8@attention": "1" * 40})
    without = dataclasses.replace(without, right={slug: each for slug, each in right.items() if slug != "dense"})
    row = verdict([without], "int8_feed_forward")
    assert (row["verdict"], row["missing"]) == ("not run", "m dense on b")


def test_one_cluster_says_nothing_and_does_not_hide_what_others_say():
    lone = ints("1111111000", "1110000000", benchmark="y", cluster="all")
    row = verdict([lone], "int8_feed_forward")
    assert row["verdict"] == "not precise enough" and "one cluster" in row["why"]
    both = verdict([ints("1111111000", "1110000000", benchmark="x"), lone], "int8_feed_forward")
    assert (both["verdict"], both["benchmarks"], both["left_out"]) == (
        "holds", 1, "m on y: its facts are one cluster",
    )  # fmt: skip


def test_a_model_at_chance_is_left_out_and_named():
    """Two choices, half right: what is lost there was guessed."""
    guessed = {"dense": "10" * 50, "int8@attention": "10" * 50, "int8@feed_forward": "01" * 50}
    chance = group(guessed, model="c", guess=0.5)
    knows = ints("1111111000", "1110000000", model="k")
    row = verdict([chance, knows], "int8_feed_forward")
    assert (row["estimate"], row["models"], row["left_out"]) == (
        pytest.approx(40), 1, "c on b: not shown to know anything there",
    )  # fmt: skip
    row = verdict([chance], "int8_feed_forward")
    assert (row["verdict"], row["why"]) == (
        "not precise enough", "no benchmark bears on it: c on b: not shown to know anything there",
    )  # fmt: skip
    nothing = group({slug: "0" * 40 for slug in guessed})
    assert "not shown to know anything" in verdict([nothing], "int8_feed_forward")["why"]


def test_benchmarks_without_a_majority_baseline_are_left_out_of_it():
    groups = [finals(40, 0.5, benchmark="x"), finals(90, np.nan, benchmark="y")]
    row = verdict(groups, "final_majority", "decoder")
    assert (row["estimate"], row["benchmarks"], row["missing"]) == (pytest.approx(15), 1, "")
    row = verdict(groups[1:], "final_majority", "decoder")
    assert (row["verdict"], row["missing"]) == ("not run", f"{MAJORITY} of these benchmarks")


def test_close_to_the_baseline_is_asked_of_models_at_chance_too():
    chance = group({"dense": "10" * 50} | dict.fromkeys(FINAL, "10" * 50), family="decoder", majority=0.7)
    row = alone([chance], "final_majority", "decoder")
    assert (row["verdict"], row["estimate"], row["left_out"]) == ("holds", pytest.approx(25), "")


def test_a_mean_of_levels_is_no_surer_than_a_level_where_nothing_changed():
    """A fact that flips does so at all levels from some point on, so that one would move the mean as much."""
    row = alone([level_run({30: scopes(0, 0, 0), 50: scopes(0, 0, 0)}, n=100)], "prune_medium_feed_forward")
    t = stats.t.ppf(0.975, 99)
    assert row["high"] == pytest.approx(100 * t**2 / (100 + t**2))


def test_noise_of_a_repetition_widens_an_interval():
    """Two int8 variants that move by 3 points each when they are asked again."""
    run = ints("1110000000", "1110000000", times=100)
    noisy = dataclasses.replace(run, noise={"int8@attention": 3.0, "int8@feed_forward": 3.0})
    row = alone([noisy], "int8_feed_forward")
    assert (row["verdict"], row["high"]) == ("not precise enough", pytest.approx(3 * 2**0.5))
