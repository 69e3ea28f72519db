"""Estimates with intervals that know which facts belong together; one construction for every table.

An estimate is a mean of per-fact values, or a weighted sum of such means over benchmarks and models. Facts of one
cluster (a relation, a passage, a person) are not independent draws, and models asked the same facts share their
clusters. So do benchmarks that ask about the same people, or the same questions in two ways: those with a cluster of
the same name are taken together. Others are independent of each other. The variance is the cluster jackknife's: each
cluster is left out in turn (CR3 of MacKinnon, Nielsen and Webb 2023, doi:10.1002/jae.2969); the quantile is Student's t
with one degree of freedom less than there are effective clusters (Kish 1965: as many of one size as bear what these
bear), and Welch's and Satterthwaite's over what is independent.

Losses are rare and come in lumps: where few happened to be seen, the estimate is too low, and so is its variance. On
the side of its skew an interval is longer by t^2 / 2 x third moment / variance, which is the shift of Wilson's score
interval where facts are their own clusters. Without it up to 10 of 100 intervals end below the true loss.

What no fact has shown may still be there: half the width is never below flip t^2 / (n + t^2), which is the score
interval (Wilson's, and Tango's 1998 of paired proportions) where none of n facts changed. Ten facts without a change
bear 34 points, not 0. How it covers: docs/statistics.md.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd
from scipy import sparse, stats

from knowcost.aggregate import LEVEL


@dataclass(frozen=True)
class Sample:
    """Values of the facts of a benchmark, for one model.

    values: n x k, a column per estimate; nan for a fact of which the estimate does not speak. clusters: n names.
    over: n, or n x k: what the sum of values is divided by, 1 per fact if None, so that a ratio of sums is a mean too.
    share: the mean's coefficient in the estimate. flip: what one fact that changed would add to the sum of values.
    noise: half the width of what repeating the measurement moves the mean by. share, flip and noise: a number, or k.
    facts: n names, of which rows are phrasings of one fact: they show no more than one row would; None if there are no
    two.
    """

    benchmark: str
    values: np.ndarray
    clusters: np.ndarray
    over: np.ndarray | None = None
    share: np.ndarray | float = 1.0
    flip: np.ndarray | float = 1.0
    noise: np.ndarray | float = 0.0
    facts: np.ndarray | None = None


class _Facts(Protocol):
    """Facts of a benchmark, and the cluster of each."""

    @property
    def benchmark(self) -> str: ...

    @property
    def clusters(self) -> np.ndarray: ...


Asked = TypeVar("Asked", bound=_Facts)


@dataclass(frozen=True)
class Estimates:
    """k estimates. se, df: standard error with its floor, and degrees of freedom, nan where there is one cluster only.

    third: third central moment. n, clusters: facts and clusters that the estimate speaks of; differing: clusters with a
    value that is not zero.
    """

    value: np.ndarray
    se: np.ndarray
    df: np.ndarray
    third: np.ndarray
    n: np.ndarray
    clusters: np.ndarray
    differing: np.ndarray

    @functools.cached_property
    def low(self) -> np.ndarray:
        """The lower end of the 95% interval."""
        return self.bounds(LEVEL)[0]

    @functools.cached_property
    def high(self) -> np.ndarray:
        """The upper end of the 95% interval."""
        return self.bounds(LEVEL)[1]

    def columns(self, value: str, name: str, place: int | slice = slice(None)) -> dict[str, Any]:
        """Columns of a table: `value`, and the interval as <name>_low and <name>_high; of one estimate if its place is
        given."""
        return {value: self.value[place], f"{name}_low": self.low[place], f"{name}_high": self.high[place]}

    def bounds(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """The lower and upper ends of the interval of a confidence level."""
        t = _quantile(level, self.df)
        half = t * self.se
        with np.errstate(divide="ignore", invalid="ignore"):
            longer = np.where(self.se > 0, t**2 / 2 * self.third / self.se**2, 0)
        longer = np.clip(longer, -half, half)  # few clusters say little of a skew
        return self.value - half + np.minimum(longer, 0), self.value + half + np.maximum(longer, 0)

    @property
    def p(self) -> np.ndarray:
        """Two-sided p values of the estimates being zero: 1 less the level at which the interval just reaches it; nan
        where there is no interval."""
        size, se, towards = np.abs(self.value), self.se, self.third * self.value < 0
        with np.errstate(divide="ignore", invalid="ignore"):
            curve = np.where(towards, np.abs(self.third) / (2 * se**2), 0)
            t = 2 * size / (se + np.sqrt(se**2 + 4 * curve * size))  # where t x se + curve x t^2 is the size
            return np.asarray(2 * stats.t.sf(np.maximum(t, size / (2 * se)), self.df))


def estimate(samples: Sequence[Sample]) -> Estimates:
    """The sum over samples of share x mean(values), and how well it is known.

    Samples of one benchmark are of models that were asked its facts. A sample whose share is 0 counts nothing. An
    estimate is nan where a sample that counts has no value. Raises ValueError without samples.
    """
    if not samples:
        raise ValueError("an estimate takes at least one sample")
    parts = [_together(each) for each in dependent(samples)]
    variance = np.array([np.where(part.n > 0, part.se**2, 0) for part in parts])
    total = variance.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.array([np.where(v > 0, v**2 / part.df, 0) for v, part in zip(variance, parts, strict=True)])
        spread = np.where(np.isnan(variance), np.nan, spread)
        df = np.where(total > 0, total**2 / spread.sum(axis=0), np.nan)
    added = ("value", "third", "n", "clusters", "differing")
    sums = {name: sum(getattr(part, name) for part in parts) for name in added}
    counts = np.any([np.broadcast_to(sample.share, total.shape) != 0 for sample in samples], axis=0)
    sums["value"] = np.where(counts, sums["value"], np.nan)
    return Estimates(se=np.where(counts, np.sqrt(total), np.nan), df=df, **sums)


def mean(values: np.ndarray, clusters: np.ndarray, flip: float = 1.0, noise: float = 0.0) -> Estimates:
    """Of one model on one benchmark: the mean of each column; values: n x k."""
    return estimate([Sample("", values, clusters, flip=flip, noise=noise)])


def _by_benchmark(samples: Sequence[Asked]) -> list[list[Asked]]:
    found: dict[str, list[Asked]] = {}
    for sample in samples:
        found.setdefault(sample.benchmark, []).append(sample)
    return list(found.values())


def dependent(samples: Sequence[Asked]) -> list[list[Asked]]:
    """Samples, or groups, in lists that are independent of each other; benchmarks that share a cluster's name are in
    one."""
    parted = _by_benchmark(samples)
    if len(parted) == 1:
        return parted
    found: list[tuple[set[Any], list[Asked]]] = []
    for mine in parted:
        names = set(np.concatenate([sample.clusters for sample in mine]))
        shared = [each for each in found if not each[0].isdisjoint(names)]
        found = [each for each in found if each[0].isdisjoint(names)]
        others = [sample for _, before in shared for sample in before]
        found.append((names.union(*(before for before, _ in shared)), others + mine))
    return [together for _, together in found]


@dataclass(frozen=True)
class _Moves:
    """What leaving out each cluster does to the part of an estimate that is of one benchmark, clusters x k. bears: how
    much of it the cluster bears; seen, differing: whether it has a value, and one that is not zero."""

    value: np.ndarray
    moved: np.ndarray
    bears: np.ndarray
    seen: np.ndarray
    differing: np.ndarray


def _together(samples: Sequence[Sample]) -> Estimates:
    """The estimate from samples that share clusters."""
    names = pd.Index(np.concatenate([sample.clusters for sample in samples])).unique()
    benchmarks = _by_benchmark(samples)
    parts = [_moves(mine, names) for mine in benchmarks]
    moved, bears = (np.sum([getattr(part, name) for part in parts], axis=0) for name in ("moved", "bears"))
    seen, differing = (np.any([getattr(part, name) for part in parts], axis=0) for name in ("seen", "differing"))
    n, clusters = np.sum([_facts(mine) for mine in benchmarks], axis=0), seen.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = bears.sum(axis=0) ** 2 / (bears**2).sum(axis=0)
    df = np.where(clusters > 1, np.maximum(effective - 1, 1), np.nan)
    variance = _jackknife(moved, seen)
    for mine, part in zip(benchmarks, parts, strict=True):
        variance = variance + np.maximum(_floor(mine, df) ** 2 - _jackknife(part.moved, part.seen), 0)
    se = np.where(clusters > 1, np.sqrt(variance), np.where(n > 0, np.nan, 0))
    value = np.sum([part.value for part in parts], axis=0)
    return Estimates(value, se, df, (moved**3).sum(axis=0), n, clusters, differing.sum(axis=0))


def _jackknife(moved: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The variance of the cluster jackknife, 0 where there is no cluster."""
    clusters = seen.sum(axis=0)
    return np.maximum(clusters - 1, 0) / np.maximum(clusters, 1) * (moved**2).sum(axis=0)


def _moves(samples: Sequence[Sample], names: pd.Index) -> _Moves:
    """Of the samples of one benchmark; names: of all clusters."""
    shape = len(names), samples[0].values.shape[1]
    value, moved, bears = np.zeros(shape[1]), np.zeros(shape), np.zeros(shape)
    seen, differing = np.zeros((2, *shape), bool)
    for sample in samples:
        sums, over, there, other = _totals(sample, names)
        share = np.broadcast_to(sample.share, shape[1])
        counts = share != 0
        with np.errstate(divide="ignore", invalid="ignore"):
            whole = sums.sum(axis=0) / over.sum(axis=0)
            without = (sums.sum(axis=0) - sums) / (over.sum(axis=0) - over)
            part = np.abs(over / over.sum(axis=0))
        value += np.where(counts, share * whole, 0)
        moved += np.where(counts & there, share * (whole - without), 0)
        bears += np.where(counts, np.abs(share) * part, 0)
        seen |= there & counts
        differing |= other & counts
    return _Moves(value, moved, bears, seen, differing)


def _facts(samples: Sequence[Sample]) -> np.ndarray:
    """Per column the facts of one benchmark that are spoken of, none where no sample counts."""
    return np.max([np.where(sample.share, _spoken(sample), 0) for sample in samples], axis=0)


def _spoken(sample: Sample) -> np.ndarray:
    """Per column the facts that have a value, however many of their phrasings do."""
    there = ~np.isnan(sample.values)
    if sample.facts is not None:
        there = pd.DataFrame(there).groupby(sample.facts).any().to_numpy()
    return np.asarray(there.sum(axis=0))


def _totals(sample: Sample, names: pd.Index) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Per cluster and column: sum of values, what it is divided by, whether there is a value, and one that is not
    zero."""
    place = names.get_indexer(pd.Index(sample.clusters))
    gather = sparse.csr_array((np.ones(len(place)), (place, np.arange(len(place)))), shape=(len(names), len(place)))
    spoken = ~np.isnan(sample.values)
    values = np.where(spoken, sample.values, 0.0)
    over = spoken if sample.over is None else np.where(spoken, sample.over.reshape(len(place), -1), 0.0)
    sums = [gather @ each.astype(float) for each in (values, over, spoken, np.abs(values) > 1e-9)]
    return sums[0], sums[1], sums[2] > 0, sums[3] > 0


def _floor(samples: Sequence[Sample], df: np.ndarray) -> np.ndarray:
    """The least standard error of one benchmark: what one flip that was not seen would do, and what a repetition
    moves."""
    t = _quantile(LEVEL, df)
    unseen, noise = np.zeros_like(df), np.zeros_like(df)
    for sample in samples:
        spoken = ~np.isnan(sample.values)
        rows, n = spoken.sum(axis=0), _spoken(sample)
        over = rows if sample.over is None else np.where(spoken, sample.over.reshape(len(spoken), -1), 0.0).sum(axis=0)
        share = np.abs(np.broadcast_to(sample.share, df.shape))
        with np.errstate(divide="ignore", invalid="ignore"):
            unseen += np.where(share > 0, share * sample.flip * t**2 / (n + t**2) * np.abs(rows / over), 0)
        noise += share * np.nan_to_num(np.broadcast_to(sample.noise, df.shape))
    return np.maximum(unseen, noise) / t


def _quantile(level: float, df: np.ndarray) -> np.ndarray:
    return np.asarray(stats.t.ppf((1 + level) / 2, df))


def cluster_mcnemar(lost: np.ndarray, got: np.ndarray, clusters: np.ndarray) -> float:
    """Exact two-sided p of McNemar's test where facts come in clusters.

    lost, got: booleans, n. If compression made no difference, a cluster's net loss could as well have been as large a
    net gain: p is the probability, over all choices of those signs, of a sum at least as large as the one seen. With
    clusters of one fact it is McNemar's exact test. 1 where no cluster has a net change.
    """
    change = pd.Series(lost.astype(int) - got.astype(int)).groupby(pd.factorize(clusters)[0]).sum().to_numpy()
    sizes, counts = np.unique(np.abs(change[change != 0]), return_counts=True)
    chances = np.ones(1)  # of the sum of the sizes whose sign is plus
    for size, count in zip(sizes, counts, strict=True):
        longer = np.zeros(len(chances) + size * count)
        for plus, chance in enumerate(stats.binom.pmf(np.arange(count + 1), count, 0.5)):
            longer[plus * size : plus * size + len(chances)] += chance * chances
        chances = longer
    sums = 2 * np.arange(len(chances)) - (len(chances) - 1)
    return float(min(1.0, chances[np.abs(sums) >= abs(change.sum())].sum()))
