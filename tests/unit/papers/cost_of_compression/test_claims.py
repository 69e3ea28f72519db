"""The paper's findings as claims: their signs against its own tables, and which levels they take."""

import pytest

from knowcost.papers.claim import mean_of
from knowcost.papers.cost_of_compression.claims import CLAIMS

BY_ID = {claim.id: claim for claim in CLAIMS}


def contrast(claim, accuracies):
    """{words: value} of a claim's contrasts on a dict of accuracies."""
    made = BY_ID[claim].contrasts(set(accuracies))
    return {
        words: sum(weight * accuracies[slug] for slug, weight in mean_of(by_level).items())
        for words, by_level in made.items()
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
        for by_level in made.values():
            assert all(sum(weights.values()) == pytest.approx(0) for weights in by_level.values())
