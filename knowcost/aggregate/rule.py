"""The one rule that says what an estimate bears; tables carry its word in the column `decision`.

An estimate of what is lost has an interval and a margin, the difference that is worth speaking of (`study.margin`).
"""

from math import ceil, isnan

import numpy as np

from knowcost.aggregate.clustered import Estimates

COSTS = "costs"  # the interval lies above zero, the estimate above the margin
GAINS = "gains"  # the same on the other side
EQUAL = "practically equal"  # the interval lies within the margin: two one-sided tests (Schuirmann 1987)
SMALL = "small but real"  # the interval leaves out zero, the estimate does not pass the margin
UNSURE = "not precise enough"
NOT_RUN = "not run"
NOTHING = "nothing known"  # the dense model is not shown to know anything, so nothing can be lost


def decide(value: float, low: float, high: float, margin: float) -> str:
    """What an estimate with its interval bears; one without an interval bears nothing."""
    if isnan(value) or isnan(low) or isnan(high):
        return UNSURE
    if -margin < low and high < margin:
        return EQUAL
    if low > 0:
        return COSTS if value > margin else SMALL
    if high < 0:
        return GAINS if value < -margin else SMALL
    return UNSURE


def needed(n: float, low: float, high: float, margin: float) -> float:
    """About how many facts would bring half the width of an interval from n facts to the margin; nan where there is no
    interval."""
    half = (high - low) / 2
    return float("nan") if isnan(half) else ceil(n * (half / margin) ** 2)


def decided(found: Estimates, margin: float) -> dict[str, list[str] | np.ndarray]:
    """Columns of a table: {"decision": words, "needed": facts, nan where the estimates are precise enough}."""
    each = list(zip(found.value, found.low, found.high, strict=True))
    words = [decide(*numbers, margin) for numbers in each]
    counts = [
        needed(n, low, high, margin) if word == UNSURE else float("nan")
        for word, n, (_, low, high) in zip(words, found.n, each, strict=True)
    ]
    return {"decision": words, "needed": np.array(counts)}
