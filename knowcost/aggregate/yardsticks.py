"""The yardsticks of tables, figures and report: what has to be kept, and the sparsity at which models are compared.

They stand by themselves, since the page reads them and computes nothing that loads scipy.
"""

from collections.abc import Iterable

import pandas as pd

KEEP = 95  # percent of the dense model's facts that a variant has to keep to count as good: the line of figures
KEEP_LEVELS = (99, KEEP, 90)  # what `cheapest` asks a variant to keep, in percent of the dense model's facts
REFERENCE_LEVEL = 40  # percent: the sparsity at which figures and report compare, or the nearest one that was run


def nearest_level(levels: Iterable[float]) -> float:
    """The level nearest to REFERENCE_LEVEL, the lower of two; REFERENCE_LEVEL where there is none."""
    known = [level for level in levels if pd.notna(level)]
    return min(known, key=lambda level: (abs(level - REFERENCE_LEVEL), level), default=REFERENCE_LEVEL)
