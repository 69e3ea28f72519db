"""Why a verdict on a claim is what it is, in words."""

from collections.abc import Sequence

from knowcost.aggregate import ALPHA, FEWEST_CLUSTERS, rule
from knowcost.aggregate.comparisons import Comparison, Measured
from knowcost.aggregate.judging import Judged, excludes_zero, is_borne
from knowcost.papers.claim import (
    FAILS,
    FAILS_IN_PART,
    HOLDS,
    HOLDS_IN_PART,
    NO_DIFFERENCE,
    UNSURE,
)

SHOWN = 4  # cells that are named, of those that are missing


def missing(cells: Sequence[str]) -> str:
    """Why a claim was not run; cells: those that are missing."""
    if not cells:
        return "no variants of this kind were run"
    return "; ".join(cells[:SHOWN]) + (f"; and {len(cells) - SHOWN} more cells" if len(cells) > SHOWN else "")


def nothing_known(left_out: Sequence[str]) -> str:
    """Why nothing can be said where no benchmark counts."""
    return "no benchmark bears on it: " + missing(left_out)


def words(judged: Judged, worst: Comparison, verdict: str, at: dict[int, Judged], margin: float) -> str:
    """Why the verdict is what it is; "" where the numbers say it. worst: the comparison that speaks most against it."""
    said = [_of(judged, worst.mean, verdict, margin), _levels(verdict, at), _per_weight(worst.mean, verdict)]
    return "; ".join(each for each in said if each)


def _of(judged: Judged, measured: Measured, verdict: str, margin: float) -> str:
    points = measured.points
    if verdict == NO_DIFFERENCE:
        return f"within {margin:g} point{'s' * (margin != 1)}"
    if verdict != UNSURE:
        small = rule.decide(points.value, points.low, points.high, margin) == rule.SMALL
        return f"small: no more than {margin:g} point{'s' * (margin != 1)}" if small and measured.allowance == 0 else ""
    if points.low != points.low:
        return "there is no interval"
    if not excludes_zero(points):
        return "the interval takes in zero"
    if not is_borne(measured):
        if measured.clusters < FEWEST_CLUSTERS:
            return f"it rests on {_clusters(measured.clusters)}, fewer than {FEWEST_CLUSTERS}"
        makes = "makes" if measured.differing == 1 else "make"
        return f"only {_clusters(measured.differing)} {makes} the difference, fewer than {FEWEST_CLUSTERS}"
    if judged.corrected >= ALPHA:
        return (
            f"the interval leaves out zero, but not after the correction for {judged.together} verdicts "
            f"(p = {judged.corrected:.2g})"
        )
    return ""


def _clusters(count: int) -> str:
    return f"{count} cluster{'s' * (count != 1)} of facts"


def _levels(verdict: str, at: dict[int, Judged]) -> str:
    """At which levels a claim that speaks of several holds or fails, and what is said of the others."""
    if verdict not in (HOLDS_IN_PART, FAILS_IN_PART):
        return ""
    by_verdict: dict[str, list[int]] = {}
    for level, each in at.items():
        by_verdict.setdefault(each.verdict, []).append(level)
    first = HOLDS if verdict == HOLDS_IN_PART else FAILS
    order = [first, *(each for each in by_verdict if each != first)]
    parts = [f"{each} at {_percents(by_verdict[each])}" for each in order if each in by_verdict]
    return ", ".join(["at the mean of its levels" if first not in by_verdict else "", *parts]).strip(", ")


def _percents(levels: Sequence[int]) -> str:
    return ", ".join(map(str, levels[:-1])) + (" and " if len(levels) > 1 else "") + f"{levels[-1]}%"


def _per_weight(measured: Measured, verdict: str) -> str:
    """Where the effect per weight points the other way."""
    scaled, points = measured.per_weight, measured.points
    if verdict in (NO_DIFFERENCE, UNSURE) or not excludes_zero(scaled) or scaled.value * points.value > 0:
        return ""
    return "the other way round per weight removed"
