"""What a limit drew of a benchmark, beside the whole of it; and how many facts would show a small difference."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import stats

from knowcost.aggregate import LEVEL
from knowcost.aggregate.answer_bias import places
from knowcost.aggregate.clustered import estimate
from knowcost.aggregate.statistics import Group
from knowcost.benchmarks.kinds import KINDS
from knowcost.benchmarks.sample import FEW
from knowcost.common import parquet

POINTS = 2.0
RUNS = 0.8  # of those in which a difference is seen


def of(path: str | Path, limit: float | None) -> dict[str, Any]:
    """DRAWN (paper_tables.py) of a benchmark's file, as far as they apply: of what was drawn only where a limit cut.

    relations, clusters: how many there are; right_choices: how often which choice is right, in percent. A running text
    has none of them, since a limit is one of windows there.
    """
    table, about = parquet.read(path)
    if KINDS[about["kind"]].running:
        return {}
    found = _counts(table, about)
    if limit is not None and limit < table.num_rows:
        first = table.slice(0, int(limit))
        found |= {"drawn": first.num_rows} | {f"{name}_drawn": each for name, each in _counts(first, about).items()}
    return found


def _counts(table: pa.Table, about: Mapping[str, Any]) -> dict[str, Any]:
    relations = set(table["relation"].to_pylist()) - {None}
    found: dict[str, Any] = {"relations": len(relations)} if relations else {}
    return found | {"clusters": len(table["cluster"].unique()), "right_choices": _right_choices(table, about)}


def _right_choices(table: pa.Table, about: Mapping[str, Any]) -> str:
    """How often which choice is right, as "no 38%, yes 62%"; empty where neither places nor answers are few."""
    right, words = places(table, about)
    if words:
        counts = {word: int((right == place).sum()) for place, word in enumerate(words)}
    elif KINDS[about["kind"]].majority == "answer" and not table["candidates"].null_count:
        counts = dict(sorted(Counter(table["answer"].to_pylist()).items()))
    else:
        return ""
    if len(counts) > FEW:
        return ""
    return ", ".join(f"{word} {100 * count / table.num_rows:.0f}%" for word, count in counts.items())


def facts_to_see(groups: Sequence[Group], points: float = POINTS) -> dict[str, float]:
    """{benchmark: about how many facts would show that a variant lost so many points}: the median over all variants of
    all models that were asked; none where nothing is held against a dense model, or where there is no interval."""
    found: dict[str, list[float]] = defaultdict(list)
    for group in groups:
        if slugs := group.compared():
            seen = estimate([group.sample(group.lost(slugs), flip=0.0)])  # what was seen: no floor of what was not
            found[group.benchmark] += [_to_see(variance, points) for variance in seen.n * seen.se**2]
    medians = {name: np.nanmedian(counts) for name, counts in found.items() if not np.isnan(counts).all()}
    return {name: ceil(count) for name, count in medians.items()}


def _to_see(variance: float, points: float) -> float:
    """How many facts make the standard error so small that the interval leaves out zero in RUNS of all runs.

    variance: of one fact's difference, in points^2, with what its cluster makes of it. A loss of so many points takes
    as many percent of changed facts at least, whose variance is the least.
    """
    apart = stats.norm.ppf((1 + LEVEL) / 2) + stats.norm.ppf(RUNS)
    return max(variance, points * (100 - points)) * (apart / points) ** 2
