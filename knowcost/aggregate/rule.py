"""The one rule that says what an estimate bears; tables carry its word in the column `decision`.

An estimate of what is lost has an interval and a margin, the difference that is worth speaking of (`study.margin`).
"""

from __future__ import annotations

from math import ceil, inf, isnan
from typing import TYPE_CHECKING

import numpy as np

from knowcost.aggregate import FEWEST_CLUSTERS

if TYPE_CHECKING:  # which loads scipy; the page reads the words alone
    from knowcost.aggregate.clustered import Estimates

COSTS = "costs"  # the interval lies above zero, the estimate above the margin
GAINS = "gains"  # the same on the other side
EQUAL = "practically equal"  # the interval lies within the margin: two one-sided tests (Schuirmann 1987)
SMALL = "small but real"  # the interval leaves out zero, the estimate does not pass the margin
DIFFERENT = (COSTS, SMALL)  # decisions on accuracy by which a loss is not hidden
UNSURE = "not precise enough"
NOT_RUN = "not run"
NOTHING = "nothing known"  # the dense model is not shown to know anything, so nothing can be lost


def decide(value: float, low: float, high: float, margin: float, differing: float = inf) -> str:
    """What an estimate with its interval bears; one without an interval bears nothing.

    differing: clusters of facts that make the difference. Fewer than FEWEST_CLUSTERS make none that a sign test could
    tell from chance.
    """
    if isnan(value) or isnan(low) or isnan(high):
        return UNSURE
    if -margin < low and high < margin:
        return EQUAL
    if differing < FEWEST_CLUSTERS:
        return UNSURE
    if low > 0:
        return COSTS if value > margin else SMALL
    if high < 0:
        return GAINS if value < -margin else SMALL
    return UNSURE


def needed(n: float, numbers: tuple[float, float, float], margin: float, differing: int = 1) -> float:
    """About how many facts would decide if the estimate stays where it is: so many that its interval, which n facts
    have left that wide, leaves out zero or lies within the margin. nan where there is no interval.

    numbers: value, low, high. differing: clusters that differ; where none does, the width falls with n instead of its
    root.
    """
    value, low, high = numbers
    if isnan(low) or isnan(high):
        return float("nan")
    below, above = value - low, high - value
    apart = value / below if value > 0 else -value / above
    within = min((margin + value) / below, (margin - value) / above)
    return ceil(n / max(apart, within) ** (2 if differing else 1))


def decided(found: Estimates, margin: float) -> dict[str, list[str] | np.ndarray]:
    """Columns of a table: {"decision": words, "needed": facts, nan where the estimates are precise enough}."""
    each = list(zip(found.value, found.low, found.high, strict=True))
    words = [decide(*numbers, margin, count) for numbers, count in zip(each, found.differing, strict=True)]
    counts = [
        needed(n, numbers, margin, differing) if word == UNSURE else float("nan")
        for word, n, numbers, differing in zip(words, found.n, each, found.differing, strict=True)
    ]
    return {"decision": words, "needed": np.array(counts)}
