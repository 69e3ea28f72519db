"""What the numbers of a claim's comparisons bear: its verdict, the same for and against.

A claim that makes several comparisons holds only if all of them do (the largest p counts), and fails if one speaks
against it (the smallest p, times how many there are). A p value is worth nothing where too few clusters make the
difference, or where the difference is too small to speak of. Holm's correction is over all claims that are judged
together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from knowcost.aggregate import ALPHA, FEWEST_CLUSTERS, rule
from knowcost.aggregate.comparisons import Measured, Number
from knowcost.aggregate.statistics import holm
from knowcost.papers.claim import FAILS, HOLDS, NO_DIFFERENCE, UNSURE


@dataclass(frozen=True)
class Judged:
    """A verdict; worst: the number of the comparison that speaks most against the claim; p, corrected: of the verdict,
    before and after Holm's correction; together: over how many verdicts; against: whether p speaks against the claim.
    """

    worst: int
    p: float
    against: bool
    equal: bool
    corrected: float = 1.0
    together: int = 1
    verdict: str = field(default=UNSURE)


def judge(claims: Sequence[Sequence[Measured]], margins: Sequence[float | None]) -> list[Judged]:
    """A verdict on each claim, from what its comparisons measured. margins: a difference within it is none; None where
    any difference counts."""
    first = [_one(measured, margin) for measured, margin in zip(claims, margins, strict=True)]
    corrected = holm(np.array([each.p for each in first]))
    return [
        replace(each, corrected=float(p), together=len(first), verdict=_verdict(each, p))
        for each, p in zip(first, corrected, strict=True)
    ]


def _verdict(judged: Judged, p: float) -> str:
    if p < ALPHA and judged.against:
        return FAILS
    if judged.equal:
        return NO_DIFFERENCE
    return HOLDS if p < ALPHA else UNSURE


def _one(measured: Sequence[Measured], margin: float | None) -> Judged:
    equal = [margin is not None and is_equal(each.points, margin) for each in measured]
    p = [1.0 if same else _p(each) for each, same in zip(measured, equal, strict=True)]
    signs = [np.sign(each.points.value) for each in measured]
    for_it = [each if sign > 0 else 1.0 for each, sign in zip(p, signs, strict=True)]
    against = [each if sign < 0 else 1.0 for each, sign in zip(p, signs, strict=True)]
    holds, fails = max(for_it), min(1.0, len(p) * min(against))
    if fails < holds:
        worst = int(np.argmin(against))
    else:  # one without a difference, else that which supports the claim least
        worst = min(range(len(p)), key=lambda i: (not equal[i], -for_it[i], measured[i].points.value))
    return Judged(worst, min(holds, fails), fails < holds, any(equal))


def _p(measured: Measured) -> float:
    return 1.0 if np.isnan(measured.points.p) or not is_borne(measured) else measured.points.p


def is_equal(points: Number, margin: float) -> bool:
    """Whether the interval lies within the margin."""
    return rule.decide(points.value, points.low, points.high, margin) == rule.EQUAL


def excludes_zero(points: Number) -> bool:
    """Whether the interval leaves out zero."""
    return bool(points.low > 0 or points.high < 0)


def is_borne(measured: Measured) -> bool:
    """Whether enough clusters bear a difference: FEWEST_CLUSTERS that differ; or as many altogether where a tolerance
    alone would leave the interval on its side of zero, since there it is what stayed the same that counts, and the
    interval counts it."""
    points = measured.points
    if measured.clusters >= FEWEST_CLUSTERS and measured.allowance * points.value > 0:
        uncertain = points.value - points.low if points.value > 0 else points.high - points.value
        if min(abs(measured.allowance), abs(points.value)) > uncertain:
            return True
    return measured.differing >= FEWEST_CLUSTERS
