"""What one cell's rows say: every number of the tables is computed from rows here, never taken from a log.

`rows` is a pandas frame with the columns of a scores file that a metric needs: correct (bool), relation (str or
missing), rank (1-based, missing for multiple choice), unprompted (bool, missing but for ranked clozes). A metric that
the rows cannot give is nan.
"""

from collections import Counter
from collections.abc import Mapping
from math import nan
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike

from knowcost.benchmarks.kinds import KINDS

Z95 = 1.959964  # two-sided 95% of a normal distribution


def accuracy(rows: pd.DataFrame) -> float:
    """Share of facts answered right; for cloze rows this is P@1 over all facts (micro)."""
    return float(rows["correct"].mean()) if len(rows) else nan


def accuracy_macro(rows: pd.DataFrame) -> float:
    """P@1 averaged over relations of equal weight (LAMA's own average). Facts without a relation are left out."""
    shares = rows.groupby("relation")["correct"].mean()  # groupby drops missing relations
    return float(shares.mean()) if len(shares) else nan


def precision_at(rows: pd.DataFrame, k: int) -> float:
    """Share of facts whose answer is among the k most probable (P@k). A cloze fact without a rank is a miss."""
    ranks = _ranks(rows)
    return float((ranks <= k).mean()) if ranks is not None else nan


def reciprocal_rank(rows: pd.DataFrame) -> float:
    """Mean of 1 / rank (MRR). A cloze fact without a rank adds 0."""
    ranks = _ranks(rows)
    return float((1 / ranks).mean()) if ranks is not None else nan


def summary(rows: pd.DataFrame) -> dict[str, float]:
    """All of the above as a dict: n, accuracy, accuracy_macro, p10, mrr; and unprompted, the share of a ranked cloze's
    facts whose answer the model gives without being shown any candidate."""
    return {
        "n": len(rows),
        "accuracy": accuracy(rows),
        "accuracy_macro": accuracy_macro(rows),
        "p10": precision_at(rows, 10),
        "mrr": reciprocal_rank(rows),
        "unprompted": float(rows["unprompted"].mean()) if rows["unprompted"].notna().any() else nan,
    }


def versus_dense(dense: ArrayLike, compressed: ArrayLike) -> dict[str, float]:
    """How a compressed model differs from the dense one on the same facts in the same order (two boolean arrays).

    Returns forgotten (right before, wrong now), gained (the reverse), kept_percent (of the facts that were right
    before, those right now; nan if there were none) and drop_points (percentage points of accuracy lost).
    """
    dense, compressed = np.asarray(dense, bool), np.asarray(compressed, bool)
    n, known = len(dense), int(dense.sum())
    forgotten, gained = int((dense & ~compressed).sum()), int((~dense & compressed).sum())
    return {
        "forgotten": forgotten,
        "gained": gained,
        "kept_percent": 100 * (1 - forgotten / known) if known else nan,
        "drop_points": 100 * (forgotten - gained) / n if n else nan,
    }


def guesses(table: pa.Table, metadata: Mapping[str, Any]) -> np.ndarray:
    """Of every fact of a benchmark, the chance of guessing it: 1 / number of choices, nan for open questions."""
    kind = KINDS[metadata["kind"]]
    if not kind.choices:
        return np.full(table.num_rows, nan)
    open_ones = "candidates" in kind.columns and table.column("candidates").null_count == table.num_rows
    if open_ones:
        return np.full(table.num_rows, nan)
    return np.array([nan if row.get("candidates", "") is None else 1 / len(kind.choices(row)[0])
                     for row in table.to_pylist()])  # fmt: skip


def majority(table: pa.Table, metadata: Mapping[str, Any]) -> float:
    """Accuracy of the baseline that the benchmark's kind names, from the benchmark itself (pyarrow table and metadata).

    It always gives the most frequent place among the choices, or the relation's most frequent answer (but any choice
    where that is better), or any choice.
    Open questions have no such line, as the papers give open cloze probes none: nan.
    """
    kind = KINDS[metadata["kind"]]
    if table.num_rows == 0 or not kind.majority or not kind.choices:
        return nan
    if kind.majority == "answer":
        if table.column("candidates").null_count:
            return nan
        pairs = Counter(zip(table.column("relation").to_pylist(), table.column("answer").to_pylist(), strict=True))
        best: dict[str | None, int] = {}
        for (relation, _), count in pairs.items():
            best[relation] = max(best.get(relation, 0), count)
        chance = sum(1 / len(choices) for choices in table.column("candidates").to_pylist()) / table.num_rows
        return max(sum(best.values()) / table.num_rows, chance)
    asked = [kind.choices(row) for row in table.to_pylist()]
    if kind.majority == "any":
        return sum(1 / len(choices) for choices, _ in asked) / len(asked)
    return max(Counter(place for _, place in asked).values()) / len(asked)


def _ranks(rows: pd.DataFrame) -> pd.Series | None:
    """Ranks as float64 with misses at infinity, or None if no row has one (multiple choice)."""
    ranks = rows["rank"].astype("float64")
    return None if ranks.isna().all() else ranks.fillna(np.inf)
