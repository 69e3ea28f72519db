"""The yardsticks of tables, figures and report: what has to be kept, the sparsity at which models are compared, and
which perplexities are not.

They stand by themselves, since the page reads them and computes nothing that loads scipy.
"""

from collections.abc import Iterable

import pandas as pd

from knowcost.spec.variants import DENSE

KEEP = 95  # percent of the dense model's facts that a variant has to keep to count as good: the line of figures
KEEP_LEVELS = (99, KEEP, 90)  # what `cheapest` asks a variant to keep, in percent of the dense model's facts
REFERENCE_LEVEL = 40  # percent: the sparsity at which figures and report compare, or the nearest one that was run


def nearest_level(levels: Iterable[float]) -> float:
    """The level nearest to REFERENCE_LEVEL, the lower of two; REFERENCE_LEVEL where there is none."""
    known = [level for level in levels if pd.notna(level)]
    return min(known, key=lambda level: (abs(level - REFERENCE_LEVEL), level), default=REFERENCE_LEVEL)


def on_other_tokens(perplexity: pd.DataFrame) -> pd.Series:
    """bool for each row of the table: whether other tokens were scored than of the dense model, where that was asked;
    the two are not to be held against each other."""
    pair = ["model", "benchmark"]
    dense = perplexity[perplexity["variant"] == DENSE].set_index(pair)["tokens"]
    theirs = dense.reindex(pd.MultiIndex.from_frame(perplexity[pair])).set_axis(perplexity.index)
    return theirs.notna() & (perplexity["tokens"] != theirs)
