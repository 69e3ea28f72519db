"""Claims: signs against the published tables, averages by hand, and every way to a verdict."""

import numpy as np
import pytest
from helpers.groups import group

from knowcost.aggregate import verdicts
from knowcost.papers.claim import MAJORITY
from knowcost.papers.cost_of_compression.claims import CLAIMS

BY_ID = {claim.id: claim for claim in CLAIMS}
FINAL = {"magnitude-20@final", "magnitude_structured-20@final"}


def contrast(claim, accuracies):
    """{words: value} of a claim's contrasts on a dict of accuracies."""
    made = BY_ID[claim].contrasts(set(accuracies))
    return {
        words: sum(weight * accuracies[slug] for slug, weight in weights.items()) for words, weights in made.items()
    }


def paper(dense, overall, attention, feed_forward, *both):
    """A row of the paper's Tables 3 to 5."""
    found = {"dense": dense, "int8@overall": overall, "int8@attention": attention, "int8@feed_forward": feed_forward}
    slugs = [
        f"magnitude-{level}@{scope}+int8@{scope}"
        for scope in ("overall", "attention", "feed_forward")
        for level in (20, 40)
    ]
    return found | dict(zip(slugs, both, strict=True))


BERT = paper(30.27, 11.536, 29.903, 16.614, 5.552, 4.233, 29.675, 29.217, 14.691, 14.628)  # bert-base, T-REx
T5 = paper(86.45, 80.34, 86.15, 81.65, 64.98, 56.18, 85.6, 41.07, 81.9, 79.69)  # flan-t5-large, BoolQ


def test_contrasts_are_positive_where_the_paper_found_so():
    assert list(contrast("int8_feed_forward", BERT).values()) == [pytest.approx(29.903 - 16.614)]
    assert contrast("int8_everything", BERT) == {
        "everything costs more than attention": pytest.approx(29.903 - 11.536),
        "everything costs more than feed-forward": pytest.approx(16.614 - 11.536),
    }
    assert list(contrast("prune_int8_20", BERT).values()) == [pytest.approx(29.675 - 14.691)]
    assert list(contrast("prune_int8_40", BERT).values()) == [pytest.approx(29.217 - 14.628)]
    assert list(contrast("prune_int8_20", T5).values()) == [pytest.approx(85.6 - 81.9)]
    assert list(contrast("prune_int8_40_attention", T5).values()) == [pytest.approx(79.69 - 41.07)]


def pruned(**levels):
    """{"magnitude-<level>@<scope>": accuracy} from scope={level: accuracy}, and dense at 1."""
    return {"dense": 1.0} | {
        f"magnitude-{n}@{scope}": value for scope, each in levels.items() for n, value in each.items()
    }


def test_levels_in_range_count_alike():
    run = pruned(
        attention={20: 0, 30: 0.9, 50: 0.5, 60: 0}, feed_forward={20: 1, 30: 0.8, 50: 0.2, 60: 1}, overall={20: 0.1}
    )
    assert contrast("prune_medium_feed_forward", run) == {
        "feed-forward costs more than attention at 30 to 50% (mean of 2 levels)": pytest.approx((0.1 + 0.3) / 2)
    }
    assert list(contrast("prune_medium_attention", run).values()) == [pytest.approx(-0.2)]


def test_the_cliff_compares_slopes():
    run = pruned(overall={20: 0.9, 50: 0.8, 60: 0.5, 90: 0.0})  # 0.2 in 50%, then 0.8 in 40%
    assert list(contrast("prune_cliff", run).values()) == [pytest.approx(0.8 / 4 - 0.2 / 5)]
    assert contrast("prune_cliff", pruned(overall={60: 0.5})) == {}
    assert contrast("prune_cliff", pruned(overall={50: 0.5})) == {}


def test_final_layer():
    run = {"magnitude-20@final": 0.9, "magnitude_structured-20@final": 0.6,
           "magnitude-40@final": 0.8, "magnitude_structured-40@final": 0.2}  # fmt: skip
    assert list(contrast("final_rows", run).values()) == [pytest.approx((0.3 + 0.6) / 2)]


def test_differences_of_drops_weigh_the_cells_to_zero():
    slugs = {f"magnitude-{n}@{s}" for n in (20, 40, 60) for s in ("overall", "attention", "feed_forward", "final")}
    slugs |= {f"{slug}+int8@{slug.partition('@')[2]}" for slug in slugs}
    slugs |= {f"magnitude_structured-{n}@final" for n in (20, 40)}
    for claim in CLAIMS:
        made = claim.contrasts(slugs)
        assert made
        for weights in made.values():
            assert sum(weights.values()) == pytest.approx(0)


def ints(attention, feed_forward, overall="0" * 10, **more):
    """Ten facts times four, in int8."""
    right = {"dense": "1" * 10, "int8@attention": attention, "int8@feed_forward": feed_forward, "int8@overall": overall}
    return group({slug: text * 4 for slug, text in right.items()}, **more)


def verdict(groups, claim, family="encoder"):
    rows = verdicts.verdicts(groups, CLAIMS).set_index(["claim", "family"])
    return rows.loc[(claim, family)]


def test_verdicts():
    row = verdict([ints("1111111000", "1110000000")], "int8_feed_forward")
    assert (row["verdict"], row["estimate"]) == ("holds", pytest.approx(40))
    assert 0 < row["low"] < 40 < row["high"]
    assert (row["facts"], row["differing"], row["models"], row["benchmarks"]) == (40, 16, 1, 1)
    row = verdict([ints("1110000000", "1111111000")], "int8_feed_forward")
    assert (row["verdict"], row["estimate"]) == ("fails", pytest.approx(-40))
    row = verdict([ints("1110000000", "0011110000")], "int8_feed_forward")
    assert (row["verdict"], row["estimate"]) == ("undecided", pytest.approx(-10))
    row = verdict([ints("1110000000", "0000000111")], "int8_feed_forward")
    assert (row["verdict"], row["estimate"], row["differing"]) == ("undecided", pytest.approx(0), 24)


def test_a_claim_of_several_comparisons_needs_them_all():
    all_hold = [ints("1111111000", "1110000000", "1000000000")]
    row = verdict(all_hold, "int8_everything")
    assert (row["verdict"], row["estimate"], row["contrast"]) == (
        "holds", pytest.approx(20), "everything costs more than feed-forward",
    )  # fmt: skip
    assert verdict([ints("1111111000", "1000000000", "1000000000")], "int8_everything")["verdict"] == "undecided"
    row = verdict([ints("1111111000", "0000000000", "1100000000")], "int8_everything")
    assert (row["verdict"], row["contrast"]) == ("fails", "everything costs more than feed-forward")


@pytest.mark.parametrize(("facts", "expected"), [(5, "undecided"), (6, "holds")])
def test_few_facts_decide_nothing(facts, expected):
    right = {"int8@attention": "1" * 40, "int8@feed_forward": "0" * facts + "1" * (40 - facts)}
    row = verdict([group({"dense": "1" * 40} | right)], "int8_feed_forward")
    assert (row["verdict"], row["differing"]) == (expected, facts)
    assert row["low"] > 0


def test_means_are_over_benchmarks_then_models():
    """Model a: 40 points on x, 20 on y; model b: 10 on x alone: (30 + 10) / 2."""
    groups = [
        ints("1111111000", "1110000000", benchmark="x", model="a"),
        ints("1111111000", "1111100000", benchmark="y", model="a"),
        ints("1111111000", "1111110000", benchmark="x", model="b"),
        ints("0" * 10, "1" * 10, model="c", family="decoder"),
    ]
    row = verdict(groups, "int8_feed_forward")
    assert (row["estimate"], row["models"], row["benchmarks"], row["facts"]) == (pytest.approx(20), 2, 2, 80)
    assert row["differing"] == 16 + 8  # on x the facts of a and of b are the same facts
    assert verdict(groups, "int8_feed_forward", "decoder")["estimate"] == pytest.approx(-100)


def test_models_asked_the_same_facts_are_resampled_together():
    """Two models that differ on the same facts tell no more than one of them; on other facts they tell more."""
    one = [ints("1111100000", "0" * 10, model="a")]
    same = [*one, ints("1111100000", "0" * 10, model="b")]
    other = [*one, ints("0000011111", "0" * 10, model="b")]
    rows = [verdict(groups, "int8_feed_forward") for groups in (one, same, other)]
    widths = [row["high"] - row["low"] for row in rows]
    assert widths[1] == pytest.approx(widths[0])
    assert widths[2] == pytest.approx(0)  # every fact counts one half, whichever is drawn


def test_missing_cells_are_named():
    right = {"dense": "1" * 40, "int8@attention": "1" * 40}
    groups = [ints("1" * 10, "0" * 10, model="a"), group(right, model="b")]
    row = verdict(groups, "int8_feed_forward")
    assert (row["verdict"], row["missing"]) == ("undecided", "b int8@feed_forward on b")
    assert np.isnan(row["estimate"])
    for claim in ("prune_everything", "prune_int8_20"):
        assert verdict(groups, claim)["missing"] == "no variants of this kind were run"
    pruned_alone = [group({"dense": "1", "magnitude-20@overall": "0"})]
    assert verdict(pruned_alone, "int8_everything")["missing"] == "no variants of this kind were run"
    many = verdict(
        [ints("1" * 10, "0" * 10, benchmark=name) for name in "xyz"]
        + [group(right, benchmark=name) for name in "abcdef"],
        "int8_feed_forward",
    )
    assert many["missing"].endswith("m int8@feed_forward on d; and 2 more cells")
    row = verdict(groups, "prune_cliff")
    assert (row["verdict"], row["missing"]) == ("undecided", "no variants of this kind were run")


def test_claims_are_made_only_of_families_they_speak_of_and_that_were_run():
    rows = verdicts.verdicts([ints("1" * 10, "0" * 10, family="decoder")], CLAIMS)
    expected = {claim.id for claim in CLAIMS if "decoder" in claim.families}
    assert set(rows["claim"]) == expected
    assert set(rows["family"]) == {"decoder"}
    assert "final_rows" not in expected
    assert verdicts.verdicts([], CLAIMS).empty


def finals(right, majority, **more):
    """100 facts, `right` of which stay right."""
    text = "1" * right + "0" * (100 - right)
    return group({"dense": "1" * 100} | dict.fromkeys(FINAL, text), family="decoder", majority=majority, **more)


def test_close_to_the_majority_baseline():
    row = verdict([finals(40, 0.5)], "final_majority", "decoder")
    assert (row["verdict"], row["estimate"]) == ("holds", pytest.approx(50 + 5 - 40))
    row = verdict([finals(80, 0.5)], "final_majority", "decoder")
    assert (row["verdict"], row["estimate"]) == ("fails", pytest.approx(50 + 5 - 80))
    assert verdict([finals(54, 0.5)], "final_majority", "decoder")["verdict"] == "undecided"  # within, but uncertain


def test_benchmarks_without_a_majority_baseline_are_left_out_of_it():
    groups = [finals(40, 0.5, benchmark="x"), finals(90, np.nan, benchmark="y")]
    row = verdict(groups, "final_majority", "decoder")
    assert (row["estimate"], row["benchmarks"], row["missing"]) == (pytest.approx(15), 1, "")
    row = verdict(groups[1:], "final_majority", "decoder")
    assert (row["verdict"], row["missing"]) == ("undecided", f"{MAJORITY} of these benchmarks")
