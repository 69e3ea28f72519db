import numpy as np
import pytest
from helpers.groups import group

from knowcost.aggregate import smaller
from knowcost.aggregate.smaller import Sizes
from knowcost.aggregate.verdicts import verdicts
from knowcost.papers.claim import FAILS, HOLDS, NOT_RUN
from knowcost.papers.llm_kick.claims import CLAIMS

(CLAIM,) = (claim for claim in CLAIMS if claim.id == "kick_smaller_dense")
HALF, MOST = "wanda-50@overall", "wanda-80@overall"
SIZES = Sizes({"small": "s", "large": "s", "other": "t"}, {(name, "dense"): count for name, count in
              (("small", 40_000_000), ("large", 100_000_000), ("other", 10_000_000))})  # fmt: skip
REMOVED = {("large", HALF): 52.0, ("large", MOST): 72.0}  # 48 and 28 million are left


def groups(small, large, **more):
    """Models of 20 facts and more, each answer repeated five times."""
    made = [group({"dense": small * 5}, model="small", family="decoder")]
    made += [group({slug: text * 5 for slug, text in ({"dense": "1111"} | large).items()}, model="large",
                   family="decoder")]  # fmt: skip
    return [*made, group({"dense": "1111" * 5}, model="other", family="decoder", **more)]


def test_the_larger_one_is_taken_where_it_has_as_many_weights_as_the_smaller_or_little_more():
    made = list(smaller.comparisons(CLAIM, groups("1110", {HALF: "1000", MOST: "0000"}), SIZES, REMOVED))
    ((slug, compared),) = made
    assert slug == HALF and compared.models == 1 and compared.facts == 20
    assert compared.mean.points.value == pytest.approx(50)  # 15 of 20 against 5 of 20
    assert compared.words == "large with everything pruned (Wanda), 48 million weights left, against small"


@pytest.mark.parametrize(
    ("series", "removed"),
    [
        ({"small": "s", "large": "t"}, REMOVED),
        ({}, REMOVED),
        ({"small": "s", "large": "s"}, {("large", MOST): 72.0}),  # too few weights left for a fair comparison
        ({"small": "s", "large": "s"}, {("large", HALF): 62.1}),  # 37.9 million are fewer than 95% of 40
        ({"small": "s", "large": "s"}, {("large", HALF): 45.0}),  # 55 million are more than 40 and a quarter of it
        ({"small": "s", "large": "s"}, {}),
    ],
)
def test_what_is_no_pair_is_not_compared(series, removed):
    sizes = Sizes(series, SIZES.parameters)
    assert not list(smaller.comparisons(CLAIM, groups("1110", {HALF: "1000", MOST: "0000"}), sizes, removed))


def test_the_claim_gets_a_verdict_and_not_run_without_a_series():
    asked = groups("1111", {HALF: "0000"})
    judged, _ = verdicts(asked, [CLAIM], 1, REMOVED, sizes=SIZES)
    (row,) = judged.to_dict("records")
    assert (row["verdict"], row["estimate"], row["models"]) == (HOLDS, 100, 1)
    (row,) = verdicts(asked, [CLAIM], 1, REMOVED)[0].to_dict("records")
    assert row["verdict"] == NOT_RUN and np.isnan(row["estimate"]) and row["why"].startswith("no two sizes of a model")


def test_facts_that_only_one_was_asked_are_not_compared():
    asked = groups("1111", {HALF: "0000"})
    asked[0].facts["id"] = [f"another {i}" for i in range(20)]
    (made,) = smaller.comparisons(CLAIM, asked, SIZES, REMOVED)
    assert made[1].missing == [f"small {HALF} on b"] and made[1].models == 0


def test_what_the_larger_one_alone_knows_counts_too():
    asked = groups("0000", {HALF: "1110"})
    (row,) = verdicts(asked, [CLAIM], 1, REMOVED, sizes=SIZES)[0].to_dict("records")
    assert (row["verdict"], row["estimate"], row["left_out"]) == (FAILS, -75, "")


def test_what_neither_knows_is_left_out():
    asked = groups("0000", {"dense": "0000", HALF: "1000"})
    (made,) = smaller.comparisons(CLAIM, asked, SIZES, REMOVED)
    assert made[1].left_out == ["small on b: not shown to know anything there"] and made[1].models == 0


def test_a_smaller_one_that_was_not_asked_is_missing():
    asked = groups("1111", {HALF: "0000"})
    del asked[0].right["dense"]
    (made,) = smaller.comparisons(CLAIM, asked, SIZES, REMOVED)
    assert made[1].missing == ["small dense on b"]
