"""Why a verdict on a claim is what it is, and on what it rests, in words."""

from collections.abc import Collection, Sequence

from knowcost.aggregate import ALPHA, FEWEST_CLUSTERS, rule
from knowcost.aggregate.comparisons import Comparison, Measured
from knowcost.aggregate.judging import Judged, excludes_zero, is_borne
from knowcost.compress.registry import METHODS
from knowcost.papers.claim import (
    FAILS,
    FAILS_IN_PART,
    HOLDS,
    HOLDS_IN_PART,
    NO_DIFFERENCE,
    UNSURE,
)
from knowcost.recover import registry as recoveries
from knowcost.spec import levels
from knowcost.spec.levels import Level
from knowcost.spec.variants import parse

SHOWN = 4  # cells that are named, of those that are missing
FEW = 4  # levels that are named one by one


def measured(slugs: Collection[str], from_dense: bool, mean: bool) -> str:
    """With which methods, and at which levels, a claim was looked at: "Wanda and SparseGPT at 40 and 60% (mean), int8".

    slugs: the compared variants. from_dense: whether the dense model is the lowest level of the comparison; mean:
    whether the numbers are the mean of the levels. Recoveries stand behind.
    """
    by_method: dict[str, set[Level]] = {}
    for step in (step for slug in sorted(slugs) for step in parse(slug).steps):
        found = by_method.setdefault(METHODS[step.method].label, {0} if from_dense else set())
        found |= set() if step.level is None else {step.level}
    by_levels: dict[tuple[Level, ...], list[str]] = {}
    for method, found in by_method.items():
        ordered = sorted(found, key=lambda level: (isinstance(level, str), level))
        by_levels.setdefault(tuple(ordered), []).append(method)
    parts = [
        _and(methods) + (f" at {_levels_run(found, mean)}" if found else "")
        for found, methods in sorted(by_levels.items(), key=lambda each: not each[0])  # those without a level last
    ]
    return ", ".join(parts) + _recovered(slugs)


def _recovered(slugs: Collection[str]) -> str:
    """By what these variants were recovered, the smallest size first; "" where none was."""
    found = {each for slug in slugs if (each := parse(slug).recovery)}
    ordered = sorted(found, key=lambda each: (each.method, each.sizes, str(each)))
    return f"; recovered by {_and([recoveries.label(str(each)) for each in ordered])}" if ordered else ""


def _levels_run(found: Sequence[Level], mean: bool) -> str:
    """ "40%", "40 and 60% (mean)", "10 to 90% (9 levels)", "2:4 and 4:8"."""
    if not all(isinstance(level, int) for level in found):
        return _and([levels.words(level) for level in found])
    if len(found) > FEW:
        return f"{found[0]} to {found[-1]}% ({'mean of ' if mean else ''}{len(found)} levels)"
    return f"{_and(found)}%" + (" (mean)" if mean and len(found) > 1 else "")


def _and(parts: Sequence[object]) -> str:
    return ", ".join(map(str, parts[:-1])) + (" and " if len(parts) > 1 else "") + f"{parts[-1]}"


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
    parts = [f"{each} at {_and(by_verdict[each])}%" for each in order if each in by_verdict]
    return ", ".join(["at the mean of its levels" if first not in by_verdict else "", *parts]).strip(", ")


def _per_weight(measured: Measured, verdict: str) -> str:
    """Where the effect per weight points the other way."""
    scaled, points = measured.per_weight, measured.points
    if verdict in (NO_DIFFERENCE, UNSURE) or not excludes_zero(scaled) or scaled.value * points.value > 0:
        return ""
    return "the other way round per weight removed"
