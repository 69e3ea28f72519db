"""Statistics per fact: what each variant forgot of what its dense model knew, with exact tests and intervals.

The unit is a *group*: all variants of one model on one benchmark, asked the same facts in the same order.

Tests: McNemar's in its exact form, by cluster (clustered.cluster_mcnemar); Holm's correction over all variants of one
group. Intervals: clustered.estimate. Where a rank or a border has to be resampled, clusters are drawn with replacement,
ROUNDS times.
"""

import functools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from knowcost.aggregate import ROUNDS, rule
from knowcost.aggregate.clustered import Estimates, Sample, cluster_mcnemar, estimate
from knowcost.benchmarks.kinds import NEVER
from knowcost.spec.variants import DENSE

SEED = 20231208
BLOCK = 4_000_000  # numbers of a block of resamples: 32 MB

COLUMNS = ["family", "model", "variant", "benchmark", "n", "kept", "forgotten", "gained", "never_known", "mcnemar_p",
           "holm_p", "drop_points", "drop_low", "drop_high", "decision", "needed", "macro_points", "macro_low",
           "macro_high", "relations", "clusters", "differing"]  # fmt: skip


@dataclass(frozen=True)
class Group:
    """All variants of one model on one benchmark.

    facts: frame of n rows with id (unique), relation (or missing), answer, confidence (the natural-log probability that
    the dense model gave the right answer), cluster (facts that share it are not independent), fact (the fact that a row
    asks; phrasings of one fact share it), phrasing, popularity, stated_in (the recovery texts that tell it, or
    kinds.NEVER; all three or missing), guess (1 / number of choices, nan for open questions) and place (which choice is
    right, nan where choices have no fixed places). right: {variant: n booleans}, the dense model's among them unless it
    was not scored. majority: the share that the majority baseline gets right, or nan. kind: of the benchmark.
    probability: {variant: n probabilities of the right answer}, nan where the engine gives none. noise: {variant: noise
    floor in points}, nan or absent where none was measured. changed: {variant: n times 1 where a wrong answer became
    another wrong one}, nan where wrong answers are not known. domain: that the study puts the benchmark into, empty for
    none.
    """

    family: str
    model: str
    benchmark: str
    facts: pd.DataFrame
    right: dict[str, np.ndarray]
    majority: float = np.nan
    kind: str = ""
    probability: Mapping[str, np.ndarray] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    changed: Mapping[str, np.ndarray] = field(default_factory=dict)
    domain: str = ""

    def compared(self) -> list[str]:
        """The variants that can be held against the dense model; none if that was not scored."""
        return [slug for slug in self.right if slug != DENSE] if DENSE in self.right else []

    @functools.cached_property
    def clusters(self) -> np.ndarray:
        """The cluster of every fact."""
        return self.facts["cluster"].to_numpy()

    @functools.cached_property
    def stated_in(self) -> np.ndarray:
        """Which recovery texts state every fact: their name, NEVER, or None."""
        return self.facts["stated_in"].to_numpy(object)

    @functools.cached_property
    def is_one_cluster(self) -> bool:
        """Whether all facts belong together, so that nothing of them has an interval."""
        return self.facts["cluster"].nunique() < 2

    def sample(self, values: np.ndarray, **more: Any) -> Sample:
        """Values of the rows (n x k) as clustered.Sample takes them, of which one flip adds 100; more: of Sample."""
        return Sample(self.benchmark, values, self.clusters, **{"flip": 100, "facts": self.repeated} | more)

    @functools.cached_property
    def repeated(self) -> np.ndarray | None:
        """The fact of every row, None where none has several phrasings."""
        fact = self.facts["fact"]
        return fact.to_numpy() if fact.duplicated().any() else None

    @property
    def baseline(self) -> float:
        """The share that is right without knowing anything: the majority baseline or guessing, whichever is better; nan
        for open questions."""
        guess = self.facts["guess"].mean() if self.facts["guess"].notna().all() else np.nan
        known = [each for each in (self.majority, guess) if not np.isnan(each)]
        return max(known, default=np.nan)

    @functools.cached_property
    def lead(self) -> Estimates | None:
        """How many points the dense model is above the baseline; None without a dense model or a baseline."""
        if DENSE not in self.right or np.isnan(self.baseline):
            return None
        above = 100 * (self.right[DENSE][:, None] - self.baseline)
        return estimate([self.sample(above)])

    @property
    def knows(self) -> bool:
        """Whether the dense model is shown to know something: its lead's interval lies above zero; without a baseline,
        whether it is right at all. What it was never told it does not know."""
        if self.is_never_told:
            return False
        if self.lead is None:
            return DENSE in self.right and bool(self.right[DENSE].any())
        return bool(self.lead.low[0] > 0)

    @property
    def known(self) -> int:
        """How many facts the dense model answers right."""
        return int(self.right[DENSE].sum())

    @property
    def is_never_told(self) -> bool:
        """Whether no model was ever told any of its facts, so that it is a control of others."""
        return bool((self.stated_in == NEVER).all())

    def noises(self, slugs: Sequence[str]) -> np.ndarray:
        """The noise floors of variants in points, 0 where none was measured."""
        return np.nan_to_num([self.noise.get(slug, 0.0) for slug in slugs])

    def lost(self, slugs: Sequence[str]) -> np.ndarray:
        """n x k: 100 where a fact was forgotten, -100 where it is newly right, else 0; nan columns for variants that
        are not there."""
        missing = np.full(len(self.facts), np.nan)
        after = np.column_stack([self.right.get(slug, missing) for slug in slugs]).astype(float)
        return 100 * (self.right[DENSE][:, None] - after)


def models_of(groups: Sequence[Group]) -> list[list[Group]]:
    """The groups model by model, in the order in which models first appear."""
    found: dict[str, list[Group]] = {}
    for group in groups:
        found.setdefault(group.model, []).append(group)
    return list(found.values())


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

    facts: frame with id (unique) and cluster; whole clusters are drawn. The seed is the benchmark's name, so that a
    cell's interval does not depend on what else was run.
    """

    def __init__(self, facts: pd.DataFrame, benchmark: str) -> None:
        codes, names = pd.factorize(facts["cluster"])
        self._cluster = pd.Series(codes, index=facts["id"].to_numpy())
        self._size = len(names)
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
        """Blocks of rows: how often each cluster is drawn, with replacement."""
        random = np.random.default_rng(self._seed)
        rows, size = max(1, BLOCK // self._size), self._size
        for start in range(0, ROUNDS, rows):
            count = min(rows, ROUNDS - start)
            drawn = random.integers(size, size=(count, size)) + size * np.arange(count)[:, None]
            yield np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size).astype(float)


def interval(draws: np.ndarray) -> np.ndarray:
    """(low, high) of the 95% percentile interval of each column."""
    return np.percentile(draws, [2.5, 97.5], axis=0)


def relation_weights(facts: pd.DataFrame) -> np.ndarray:
    """Weights under which a mean over facts is the mean over relations; facts without a relation count nothing."""
    sizes = facts.groupby("relation")["id"].transform("size")  # nan without a relation
    return (1 / sizes).fillna(0).to_numpy(float)


def facts(groups: Sequence[Group], margin: float) -> pd.DataFrame:
    """One row per (model, variant, benchmark) held against the dense model; points are percentage points lost.

    kept, forgotten, gained (newly right), never_known: counts of facts. drop averages over facts, macro over relations.
    clusters: how many there are; differing: how many of them hold a fact that changed. margin: of rule.decide.
    """
    made = [_group_rows(group, margin) for group in groups if group.compared()]
    return pd.concat(made, ignore_index=True)[COLUMNS] if made else pd.DataFrame(columns=COLUMNS)


def _group_rows(group: Group, margin: float) -> pd.DataFrame:
    slugs = group.compared()
    before = group.right[DENSE][:, None]
    after = np.column_stack([group.right[slug] for slug in slugs])
    lost, got = before & ~after, ~before & after
    rows = pd.DataFrame({"family": group.family, "model": group.model, "variant": slugs, "benchmark": group.benchmark})
    rows["n"] = len(before)
    rows["kept"], rows["never_known"] = (before & after).sum(axis=0), (~before & ~after).sum(axis=0)
    rows["forgotten"], rows["gained"] = lost.sum(axis=0), got.sum(axis=0)
    rows["mcnemar_p"] = [cluster_mcnemar(lost[:, k], got[:, k], group.clusters) for k in range(len(slugs))]
    rows["holm_p"] = holm(rows["mcnemar_p"].to_numpy())
    drop, macro = drop_of(group, slugs), _macro(group, slugs)
    rows = rows.assign(**drop.columns("drop_points", "drop"), **macro.columns("macro_points", "macro"))
    rows = rows.assign(**rule.decided(drop, margin), clusters=drop.clusters)
    changed = pd.DataFrame(lost | got).groupby(group.clusters).any()
    return rows.assign(relations=group.facts["relation"].nunique(), differing=changed.sum(axis=0).to_numpy())


def drop_of(group: Group, slugs: Sequence[str]) -> Estimates:
    """Points of accuracy that variants lost against the dense model; all tables have this interval of a cell."""
    return estimate([group.sample(group.lost(slugs), noise=group.noises(slugs))])


def _macro(group: Group, slugs: Sequence[str]) -> Estimates:
    """As drop_of, averaged over relations; nan without relations."""
    weights = relation_weights(group.facts)[:, None]
    values, noise = np.where(weights > 0, group.lost(slugs) * weights, np.nan), group.noises(slugs)
    flip = 100 * weights.sum() / max((weights > 0).sum(), 1)
    return estimate([group.sample(values, over=weights, flip=flip, noise=noise)])
