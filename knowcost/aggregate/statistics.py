"""Statistics per fact: what each variant forgot of what its dense model knew, with exact tests and intervals.

The unit is a *group*: all variants of one model on one benchmark, asked the same facts in the same order.

Tests: McNemar's in its exact form, on the facts that changed; Holm's correction over all variants of one group.
Intervals: percentile bootstrap, ROUNDS resamples. Facts of one relation share a template and often an answer, so they
are not independent draws: where a benchmark has FEWEST_RELATIONS relations or more, whole relations are drawn. With
fewer a bootstrap of relations would say little, so the relations count as given and facts are drawn within each.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse, stats

from knowcost.aggregate import FEWEST_RELATIONS, ROUNDS
from knowcost.spec.variants import DENSE

SEED = 20231208
BLOCK = 4_000_000  # numbers of a block of resamples: 32 MB

COLUMNS = ["family", "model", "variant", "benchmark", "n", "kept", "forgotten", "gained", "never_known", "mcnemar_p",
           "holm_p", "micro_points", "micro_low", "micro_high", "macro_points", "macro_low", "macro_high",
           "relations", "resampled"]  # fmt: skip


@dataclass(frozen=True)
class Group:
    """All variants of one model on one benchmark.

    facts: frame of n rows with id (unique), relation (or missing), answer, and confidence (the natural-log probability
    that the dense model gave the right answer). right: {variant: n booleans}, the dense model's among them unless it
    was not scored. majority: the share that the majority baseline gets right, or nan. kind: of the benchmark.
    """

    family: str
    model: str
    benchmark: str
    facts: pd.DataFrame
    right: dict[str, np.ndarray]
    majority: float = np.nan
    kind: str = ""

    def compared(self) -> list[str]:
        """The variants that can be held against the dense model; none if that was not scored."""
        return [slug for slug in self.right if slug != DENSE] if DENSE in self.right else []


def mcnemar(forgotten: np.ndarray, gained: np.ndarray) -> np.ndarray:
    """Exact two-sided p of McNemar's test (arrays of counts): twice the tail of a fair coin, at most 1."""
    fewer, changed = np.minimum(forgotten, gained), np.add(forgotten, gained)
    return np.minimum(1, 2 * stats.binom.cdf(fewer, changed, 0.5))


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment of a family of p values (Holm 1979), in the order given."""
    p = np.asarray(p, float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, stepped)
    return adjusted


class Bootstrap:
    """Resamples of one benchmark's facts, the same for every model and variant: what is compared stays paired.

    facts: frame with id (unique) and relation; the seed is the benchmark's name, so that a cell's interval does not
    depend on what else was run.
    """

    def __init__(self, facts: pd.DataFrame, benchmark: str) -> None:
        relation = facts["relation"]
        self.unit = "relation" if relation.nunique() >= FEWEST_RELATIONS else "fact"
        own = "fact " + facts["id"]
        keys = relation.where(relation.notna(), own) if self.unit == "relation" else own
        codes, names = pd.factorize(keys)
        self._cluster = pd.Series(codes, index=facts["id"].to_numpy())
        self._size = len(names)
        first = ~pd.Series(codes).duplicated().to_numpy()
        strata = np.zeros(len(names), int) if self.unit == "relation" else pd.factorize(relation)[0][first]
        self._strata = [np.flatnonzero(strata == value) for value in np.unique(strata)]
        self._seed = [SEED, zlib.crc32(benchmark.encode())]

    def means(self, tables: Sequence[tuple[pd.Series, np.ndarray, np.ndarray]]) -> list[np.ndarray]:
        """Resampled weighted means of columns: for each (ids, values n x k, weights n), an array ROUNDS x k.

        A mean over no facts is nan.
        """
        sums = []
        for ids, values, weights in tables:
            clusters = self._cluster.reindex(ids).to_numpy(int)
            shape = (self._size, len(clusters))
            gather = sparse.csr_array((weights, (clusters, np.arange(len(clusters)))), shape=shape)
            sums.append((gather @ np.asarray(values, float), gather.sum(axis=1)))
        drawn: list[list[np.ndarray]] = [[] for _ in sums]
        for times in self._times():
            for (total, weight), found in zip(sums, drawn, strict=True):
                with np.errstate(invalid="ignore"):
                    found.append(times @ total / (times @ weight)[:, None])
        return [np.concatenate(found) for found in drawn]

    def _times(self) -> Iterator[np.ndarray]:
        """Blocks of rows: how often each cluster is drawn, with replacement, within its stratum."""
        random = np.random.default_rng(self._seed)
        rows = max(1, BLOCK // self._size)
        for start in range(0, ROUNDS, rows):
            count = min(rows, ROUNDS - start)
            times = np.zeros((count, self._size))
            for members in self._strata:
                size = len(members)
                drawn = random.integers(size, size=(count, size)) + size * np.arange(count)[:, None]
                times[:, members] = np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size)
            yield times


def interval(draws: np.ndarray) -> np.ndarray:
    """(low, high) of the 95% percentile interval of each column."""
    return np.percentile(draws, [2.5, 97.5], axis=0)


def relation_weights(facts: pd.DataFrame) -> np.ndarray:
    """Weights under which a mean over facts is the mean over relations; facts without a relation count nothing."""
    sizes = facts.groupby("relation")["id"].transform("size")  # nan without a relation
    return (1 / sizes).fillna(0).to_numpy(float)


def facts(groups: Sequence[Group]) -> pd.DataFrame:
    """One row per (model, variant, benchmark) held against the dense model; points are percentage points lost.

    kept, forgotten, gained (newly right), never_known: counts of facts. micro averages over facts, macro over
    relations. resampled: what the bootstrap drew.
    """
    made = [_group_rows(group) for group in groups if group.compared()]
    return pd.concat(made, ignore_index=True)[COLUMNS] if made else pd.DataFrame(columns=COLUMNS)


def _group_rows(group: Group) -> pd.DataFrame:
    slugs = group.compared()
    before = group.right[DENSE][:, None]
    after = np.column_stack([group.right[slug] for slug in slugs])
    lost, got = before & ~after, ~before & after
    rows = pd.DataFrame({"family": group.family, "model": group.model, "variant": slugs, "benchmark": group.benchmark})
    rows["n"] = len(before)
    rows["kept"], rows["never_known"] = (before & after).sum(axis=0), (~before & ~after).sum(axis=0)
    rows["forgotten"], rows["gained"] = lost.sum(axis=0), got.sum(axis=0)
    rows["mcnemar_p"] = mcnemar(rows["forgotten"].to_numpy(), rows["gained"].to_numpy())
    rows["holm_p"] = holm(rows["mcnemar_p"].to_numpy())
    change = lost.astype(float) - got
    weights = {"micro": np.ones(len(before)), "macro": relation_weights(group.facts)}
    bootstrap = Bootstrap(group.facts, group.benchmark)
    draws = bootstrap.means([(group.facts["id"], change, each) for each in weights.values()])
    for (name, each), found in zip(weights.items(), draws, strict=True):
        rows[f"{name}_points"] = 100 * (each @ change / each.sum() if each.any() else np.nan)
        rows[f"{name}_low"], rows[f"{name}_high"] = 100 * interval(found)
    return rows.assign(relations=group.facts["relation"].nunique(), resampled=bootstrap.unit)
