"""The noise floor: how far a score moves when nothing about the model was changed.

The dense model and those that are only quantized are asked twice, the second time in batches of half the size
(asking.py); facts whose verdict differs between the two count as noise. Float models hardly move; dynamic int8 does,
because its activations are scaled by whatever shares the batch. If d of n facts differ and each is as likely to be lost
as won, the difference of two scores has a standard deviation of sqrt(d) / n: the floor is 1.96 times that, and at least
the difference seen. A difference to the dense model that is not above the floor is reported as none.
"""

from math import nan, sqrt

import pandas as pd

from knowcost.aggregate.metrics import Z95
from knowcost.compress.registry import METHODS
from knowcost.spec.variants import DENSE, parse

COLUMNS = ["family", "model", "variant", "benchmark", "n", "differing", "moved_points", "noise_points"]


def measure(rows):
    """{n, differing, moved_points, noise_points} of a scores frame with the columns correct and again; None where the
    cell was asked once only. Points are percentage points."""
    if rows["again"].isna().any():
        return None
    once, again = rows["correct"].to_numpy(bool), rows["again"].to_numpy(bool)
    differing, moved = int((once != again).sum()), abs(int(once.sum()) - int(again.sum()))
    floor = max(moved, Z95 * sqrt(differing)) / len(rows)
    return {
        "n": len(rows),
        "differing": differing,
        "moved_points": 100 * moved / len(rows),
        "noise_points": 100 * floor,
    }


def floor(variant, measured):
    """The floor in points that holds for a variant: that of the dense model, or, for one with a quantizing step, the
    highest of the model's quantized variants; nan where none was measured.

    measured: {variant: what `measure` found} of one model on one benchmark.
    """
    quantized = _quantizes(variant)
    alike = [each["noise_points"] for slug, each in measured.items() if _quantizes(slug) == quantized]
    if not alike and DENSE in measured:
        alike = [measured[DENSE]["noise_points"]]
    return max(alike, default=nan)


def _quantizes(variant):
    return any(METHODS[step.method].dynamic for step in parse(variant).steps)


def table(rows):
    """The frame of the table noise from dicts of COLUMNS."""
    return pd.DataFrame(rows, columns=COLUMNS)
