"""Verdicts: every way to each of them, the same for and against a claim."""

import dataclasses

import numpy as np
import pytest
from helpers.claimed import BY_ID, FINAL, alone, finals, ints, level_run, scopes, tables
from helpers.groups import group
from scipy import stats

from knowcost.aggregate import why
from knowcost.papers.cost_of_compression.claims import CLAIMS


def test_verdicts():
    row = alone([ints("1111111000", "1110000000")], "int8_feed_forward")
    assert (row["verdict"], row["estimate"]) == ("holds", pytest.approx(40))
    assert 0 < row["low"] < 40 < row["high"]
    assert (row["facts"], row["clusters"], row["differing"], row["models"], row["benchmarks"]) == (40, 40, 16, 1, 1)
    row = alone([ints("1110000000", "0011110000")], "int8_feed_forward")
    assert (row["verdict"], row["estimate"]) == ("not precise enough", pytest.approx(-10))
    assert row["why"] == "the interval takes in zero"
    row = alone([ints("1110000000", "0000000111")], "int8_feed_forward")
    assert (row["verdict"], row["estimate"], row["differing"]) == ("not precise enough", pytest.approx(0), 24)


def test_an_estimate_is_the_paired_t_interval_where_facts_share_nothing():
    """20 of 100 facts one way, 20 the other and 5 more: no skew worth speaking of, so scipy's interval."""
    attention, feed_forward = "1" * 60 + "0" * 40, "1" * 35 + "0" * 25 + "1" * 20 + "0" * 20
    right = {"dense": "1" * 100, "int8@attention": attention, "int8@feed_forward": feed_forward}
    row = alone([group(right)], "int8_feed_forward")
    change = 100 * (np.array([*attention], int) - np.array([*feed_forward], int))
    found = stats.ttest_1samp(change, 0)
    assert row["estimate"] == pytest.approx(5)
    assert row["high"] == pytest.approx(found.confidence_interval().high)
    assert row["low"] == pytest.approx(found.confidence_interval().low, rel=0.1)


def test_fails_is_the_mirror_image_of_holds():
    """Swapped answers give swapped verdicts, intervals and p values."""
    for lost in range(1, 40):
        one = {"dense": "1" * 40, "int8@overall": "0" * 40, "int8@attention": "1" * 40}
        one["int8@feed_forward"] = "0" * lost + "1" * (40 - lost)
        other = one | {"int8@attention": one["int8@feed_forward"], "int8@feed_forward": one["int8@attention"]}
        rows = [alone([group(each)], "int8_feed_forward") for each in (one, other)]
        mirror = {"holds": "fails"}.get(rows[0]["verdict"], rows[0]["verdict"])
        assert rows[1]["verdict"] == mirror
        assert (rows[1]["low"], rows[1]["high"], rows[1]["holm_p"]) == pytest.approx(
            (-rows[0]["high"], -rows[0]["low"], rows[0]["holm_p"])
        )


def test_a_claim_of_several_comparisons_needs_them_all():
    all_hold = [ints("1111111000", "1110000000", "1000000000")]
    row = alone(all_hold, "int8_everything")
    assert (row["verdict"], row["estimate"], row["contrast"]) == (
        "holds", pytest.approx(20), "everything costs more than feed-forward",
    )  # fmt: skip
    row = alone([ints("1111111000", "1000000000", "1000000000", times=200)], "int8_everything")
    assert (row["verdict"], row["contrast"]) == ("no difference", "everything costs more than feed-forward")
    row = alone([ints("1111111000", "0000000000", "1100000000")], "int8_everything")
    assert (row["verdict"], row["contrast"]) == ("fails", "everything costs more than feed-forward")


def test_the_comparison_that_is_shown_is_the_one_that_stands_in_the_way():
    """Everything costs 8 of 100 facts more than attention, one way only; 9 more than feed-forward, 39 against 30."""
    attention, feed_forward = "1" * 68 + "0" * 32, "0" * 30 + "1" * 69 + "0"
    overall = "1" * 60 + "0" * 40
    row = alone([ints(attention, feed_forward, overall, times=1, dense="1" * 100)], "int8_everything")
    assert (row["verdict"], row["contrast"]) == ("not precise enough", "everything costs more than feed-forward")
    assert (row["why"], row["estimate"]) == ("the interval takes in zero", pytest.approx(9))


def test_one_of_two_comparisons_against_a_claim_counts_twice():
    """p of the verdict is twice that of the comparison that speaks against it."""
    row = alone([ints("1111111000", "0000000000", "1100000000")], "int8_everything")
    assert row["holm_p"] == pytest.approx(2 * row["p"])


@pytest.mark.parametrize(("facts", "expected"), [(5, "not precise enough"), (6, "holds")])
def test_few_facts_decide_nothing(facts, expected):
    right = {"int8@attention": "1" * 40, "int8@feed_forward": "0" * facts + "1" * (40 - facts)}
    row = alone([group({"dense": "1" * 40} | right)], "int8_feed_forward")
    assert (row["verdict"], row["differing"]) == (expected, facts)
    assert row["low"] > 0
    if facts == 5:
        assert row["why"] == "only 5 clusters of facts make the difference, fewer than 6"


def test_facts_of_one_cluster_are_one():
    """Thirty facts that differ, all of four passages."""
    right = {"dense": "1" * 100, "int8@attention": "1" * 100, "int8@feed_forward": "0" * 40 + "1" * 60}
    passages = [f"passage {place // 10}" for place in range(100)]
    row = alone([group(right, cluster=passages)], "int8_feed_forward")
    assert (row["verdict"], row["differing"], row["clusters"]) == ("not precise enough", 4, 10)
    assert alone([group(right)], "int8_feed_forward")["verdict"] == "holds"


@pytest.mark.parametrize(("clusters", "expected"), [(5, "not precise enough"), (6, "holds")])
def test_a_border_takes_clusters_too(clusters, expected):
    """Nothing is right, 50 points below the baseline: of five passages that is not said, of six it is."""
    passages = [f"passage {place % clusters}" for place in range(300)]
    wrong = group({"dense": "1" * 300} | dict.fromkeys(FINAL, "0" * 300), family="decoder", majority=0.5,
                  cluster=passages)  # fmt: skip
    row = alone([wrong], "final_majority", "decoder")
    assert (row["verdict"], row["estimate"], row["clusters"]) == (expected, pytest.approx(55), clusters)
    assert row["why"] == ("it rests on 5 clusters of facts, fewer than 6" if clusters == 5 else "")


def test_three_of_a_hundred_answers_are_no_finding():
    """Whole rows cost 3 of 100 facts more."""
    right = {"dense": "1" * 100, "magnitude-20@final": "1" * 100, "magnitude_structured-20@final": "0" * 3 + "1" * 97}
    row = alone([group(right)], "final_rows")
    assert (row["verdict"], row["estimate"], row["differing"]) == ("not precise enough", pytest.approx(3), 3)


def test_verdicts_are_corrected_for_how_many_there_are():
    """p = 0.02 alone is no verdict beside another claim that is as weak."""
    right = {"dense": "1" * 40, "int8@attention": "1" * 40, "int8@feed_forward": "0" * 6 + "1" * 34}
    right["int8@overall"] = right["int8@feed_forward"]
    right |= {f"magnitude-20@{scope}+int8@{scope}": right[f"int8@{scope}"] for scope in ("attention", "feed_forward")}
    one, two = BY_ID["int8_feed_forward"], BY_ID["prune_int8_20"]
    (single,) = tables([group(right)], [one])[0].to_dict("records")
    both = tables([group(right)], [one, two])[0].to_dict("records")
    assert single["verdict"] == "holds" and 0.025 > single["p"] == single["holm_p"]
    assert [row["holm_p"] for row in both] == pytest.approx([2 * single["p"]] * 2)
    many = tables([group(right)], [one] * 5)[0].to_dict("records")  # as later claims would add
    assert {row["verdict"] for row in many} == {"not precise enough"}
    assert many[0]["why"].startswith("the interval leaves out zero, but not after the correction for 5 verdicts (p = ")
    assert np.isnan(many[0]["needed"])  # more facts are not what is missing
    swapped = right | {"int8@attention": right["int8@feed_forward"], "int8@feed_forward": right["int8@attention"]}
    assert {row["verdict"] for row in tables([group(swapped)], [one] * 5)[0].to_dict("records")} == {
        "not precise enough"
    }
    assert tables([group(swapped)], [one])[0]["verdict"].item() == "fails"
    not_run = tables([group(right)], [one, *[BY_ID["prune_everything"]] * 5])[0]
    assert not_run["holm_p"][0] == single["p"]  # what was not run is no verdict


def test_no_difference_is_within_the_margin():
    row = alone([ints("1110000000", "1110000000", times=100)], "int8_feed_forward")
    assert (row["verdict"], row["estimate"], row["why"]) == ("no difference", 0, "within 1 point")
    t = stats.t.ppf(0.975, 999)
    assert row["high"] == pytest.approx(100 * t**2 / (1000 + t**2)) and row["low"] == -row["high"]
    row = alone([ints("1110000000", "1110000000")], "int8_feed_forward")
    assert (row["verdict"], row["differing"]) == ("not precise enough", 0)
    half = 100 * stats.t.ppf(0.975, 39) ** 2 / (40 + stats.t.ppf(0.975, 39) ** 2)
    assert row["high"] == pytest.approx(half)
    assert row["needed"] == np.ceil(40 * half)  # no fact changed: the width falls with n
    wide = alone([ints("1110000000", "1110000000")], "int8_feed_forward", margin=10.0)
    assert (wide["verdict"], wide["why"]) == ("no difference", "within 10 points")


def test_a_level_without_support_makes_a_claim_hold_in_part():
    run = level_run({20: scopes(0, 0, 0), 40: scopes(50, 10, 10), 60: scopes(200, 50, 60)})
    row = alone([run], "prune_everything")
    assert row["verdict"] == "holds in part"
    assert row["why"] == "holds at 40 and 60%, no difference at 20%"
    assert row["estimate"] == pytest.approx(100 * (0 + 40 + 140) / 3 / 400)
    _, levels = tables([run], [BY_ID["prune_everything"]])
    assert levels.groupby("level")["verdict"].unique().map(list).to_dict() == {
        20: ["no difference"], 40: ["holds"], 60: ["holds"]
    }  # fmt: skip
    other = levels[levels["contrast"].str.contains("feed-forward")]
    assert other["estimate"].tolist() == pytest.approx([0, 10, 35]) and set(other["mean"]) == {row["estimate"]}
    whole = level_run({40: scopes(50, 10, 10), 60: scopes(200, 50, 60)})
    assert alone([whole], "prune_everything")["verdict"] == "holds"


def test_a_claim_fails_in_part_as_it_holds_in_part():
    names = ("prune_medium_feed_forward", "prune_medium_attention")
    run = level_run({30: scopes(0, 2, 2), 50: scopes(0, 100, 10)})
    row = alone([run], names[0])
    assert (row["verdict"], row["why"]) == ("fails in part", "fails at 50%, no difference at 30%")
    decoder = dataclasses.replace(run, family="decoder")
    row = alone([decoder], names[1], "decoder")
    assert (row["verdict"], row["why"]) == ("holds in part", "holds at 50%, no difference at 30%")


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_handful_of_facts_is_no_exception_and_no_claim(n):
    right = {"dense": "1" * n, "int8@attention": "1" * n, "int8@feed_forward": "0" * n, "int8@overall": "0" * n}
    rows, _ = tables([group(right)], CLAIMS)
    run = rows[rows["verdict"] != "not run"]
    assert list(run["claim"]) == ["int8_feed_forward", "int8_everything"]
    assert set(run["verdict"]) == {"not precise enough"} and run["why"].str.len().min() > 10
    if n == 1:
        assert run["why"].iloc[0] == "no benchmark bears on it: m on b: its facts are one cluster"


def test_all_right_or_all_wrong_is_no_exception():
    for text in ("1" * 400, "0" * 400):
        right = dict.fromkeys(("int8@attention", "int8@feed_forward", "int8@overall"), text)
        rows, _ = tables([group({"dense": "1" * 400} | right)], CLAIMS)
        assert set(rows["verdict"]) == {"no difference", "not run"}


def test_claims_are_made_only_of_families_they_speak_of_and_that_were_run():
    rows, _ = tables([ints("1" * 10, "0" * 10, family="decoder")])
    expected = {claim.id for claim in CLAIMS if "decoder" in claim.families}
    assert set(rows["claim"]) == expected
    assert set(rows["family"]) == {"decoder"}
    assert "final_rows" not in expected
    assert all(frame.empty for frame in tables([]))


def test_close_to_the_majority_baseline():
    row = alone([finals(40, 0.5)], "final_majority", "decoder")
    assert (row["verdict"], row["estimate"]) == ("holds", pytest.approx(50 + 5 - 40))
    assert row["unit"] == "points below the border, 5 above the majority baseline"
    row = alone([finals(80, 0.5)], "final_majority", "decoder")
    assert (row["verdict"], row["estimate"]) == ("fails", pytest.approx(50 + 5 - 80))
    row = alone([finals(54, 0.5)], "final_majority", "decoder")
    assert row["verdict"] == "not precise enough"  # within, but uncertain
    sure = group({"dense": "1" * 4000} | dict.fromkeys(FINAL, "1" * 2200 + "0" * 1800), family="decoder", majority=0.55)
    row = alone([sure], "final_majority", "decoder")
    assert row["verdict"] == "holds"  # a border has no margin
    assert row["high"] < 7


@pytest.mark.parametrize(
    ("claim", "family", "lost", "says"),
    [
        ("prune_medium_feed_forward", "encoder", {40: scopes(0, 40, 20)}, "magnitude pruning at 40%"),
        ("prune_medium_feed_forward", "encoder", {x: scopes(0, 40, 20) for x in (30, 50, 60)},
         "magnitude pruning at 30 and 50% (mean)"),
        ("prune_everything", "encoder", {x: scopes(90, 40, 20) for x in (10, 30, 50, 70, 90)},
         "magnitude pruning at 10 to 90% (mean of 5 levels)"),
        ("prune_cliff", "encoder", {x: scopes(90, 40, 20) for x in (20, 40, 80)}, "magnitude pruning at 0, 40 and 80%"),
    ],
)  # fmt: skip
def test_what_was_looked_at_is_named(claim, family, lost, says):
    assert alone([level_run(lost)], claim, family)["measured"] == says


def test_methods_and_levels_are_named_of_the_variants_that_were_compared():
    half = {f"{method}-{level}@overall" for method in ("wanda", "sparsegpt") for level in (40, 60)}
    assert why.measured({"int8@overall", *half}, False, True) == "SparseGPT and Wanda at 40 and 60% (mean), int8"
    patterns = {"wanda-2of4@overall", "wanda-4of8@overall"}
    assert why.measured(patterns, False, False) == "Wanda at 2:4 and 4:8"
    both = {f"magnitude-40@{scope}+int8@{scope}" for scope in ("attention", "feed_forward")}
    assert why.measured(both, False, False) == "magnitude pruning at 40%, int8"
    assert why.measured({"magnitude-25@overall", "wanda-35@overall"}, False, False) == (
        "magnitude pruning at 25%, Wanda at 35%"
    )
    assert alone([ints("1" * 10, "0" * 10)], "int8_feed_forward")["measured"] == "int8"
    assert alone([group({"dense": "1", "magnitude-20@overall": "0"})], "int8_feed_forward")["measured"] == ""
