"""What the comparisons behind a claim measure: the mean over a family's models, at the mean of the levels and at each.

A comparison is a weighted sum of cells (papers/claim.py), paired fact by fact. It is averaged over facts, then a
model's benchmarks, then the family's models, in percentage points; its interval is clustered.estimate's. Benchmarks
weigh what they weigh in every mean (losses.weight), so that one of which the model is not shown to know anything is
left out; and so is one of a single cluster, which has no interval. Comparisons with a majority baseline are no matter
of what is known: all benchmarks that have one count alike.

Where the variants of a comparison act on different scopes, the loss of each is also divided by the share of the
model's weights that it removed or touched.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import losses
from knowcost.aggregate.clustered import estimate
from knowcost.aggregate.statistics import Group
from knowcost.papers.claim import CLOSE, MAJORITY, ByLevel, Part, Parts, Weights, mean_of
from knowcost.spec.variants import DENSE, parse, scope_key

Removed = Mapping[tuple[str, str], float]  # {(model, variant): percent of the model's weights removed or touched}
PerModel = Callable[[str], Sequence[Weights]]  # the columns of an estimate for a model, which may differ from others'


@dataclass(frozen=True)
class Asked:
    """What a claim takes of a model on a benchmark: parts of its facts, and their coefficient in the family's mean."""

    group: Group
    parts: list[Part]
    share: float = 1.0

    @property
    def facts(self) -> np.ndarray:
        """Which facts are in some part."""
        return np.any([facts for _, facts in self.parts], axis=0)

    def clusters(self, facts: np.ndarray) -> np.ndarray:
        """The cluster of each of these facts."""
        return self.group.clusters[facts]


@dataclass(frozen=True)
class Number:
    """An estimate in percentage points with its 95% interval and two-sided p; nan where there is none."""

    value: float = nan
    low: float = nan
    high: float = nan
    p: float = nan


@dataclass(frozen=True)
class Measured:
    """A comparison at one level, or at the mean of its levels.

    per_weight: the same per percent of the model's weights. clusters: of the facts that it speaks of; differing: those
    with a fact that the compared variants answer differently. allowance: how much of the points is the tolerance's or
    the baseline's, whatever they answer.
    """

    points: Number = Number()
    per_weight: Number = Number()
    clusters: int = 0
    differing: int = 0
    allowance: float = 0.0


@dataclass(frozen=True)
class Comparison:
    """words: what is compared. levels: {percent removed: what was measured there}, empty where there is but one.

    facts, models, benchmarks: what it rests on. missing: why there is no number, one entry per cell that was
    not run; left_out: the models and benchmarks that do not count, and why. has_margin: whether a difference can be too
    small to speak of; none of a tolerance or baseline is, which are borders themselves.
    """

    words: str
    mean: Measured = Measured()
    levels: Mapping[int, Measured] = field(default_factory=dict)
    facts: int = 0
    models: int = 0
    benchmarks: int = 0
    missing: Sequence[str] = ()
    left_out: Sequence[str] = ()
    has_margin: bool = True


def removed(manifests: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """The percent of a model's weights that each variant set to zero, or touched if it quantizes as well; variants
    whose manifests do not say are left out."""
    found = {}
    for (model, slug), manifest in manifests.items():
        steps, parameters = parse(slug).steps, manifest.get("parameters", {})
        count = parameters.get("touched")
        if len(steps) == 1 and steps[0].kind == "prune":
            count = parameters.get("scope", {}).get(scope_key(steps[0].grouping, steps[0].scope), {}).get("zeros")
        if count and parameters.get("total"):
            found[model, slug] = 100 * count / parameters["total"]
    return found


def measure(groups: Sequence[Group], words: str, by_level: ByLevel, parts: Parts, weights: Removed) -> Comparison:
    """What a comparison measures on the models of one family; groups: theirs."""
    mean = mean_of(by_level)
    spoken = [Asked(group, found) for group in groups if (found := parts(group))]
    missing = _missing([asked.group for asked in spoken], mean) if spoken else ["no benchmark of this kind was asked"]
    asked, left_out = _counted(spoken, MAJORITY in mean)
    if not missing and MAJORITY in mean and not asked:
        missing = [f"{MAJORITY} of these benchmarks"]
    has_margin = MAJORITY not in mean and abs(sum(mean.values())) < 1e-9
    if missing or not asked:
        return Comparison(words, missing=missing, left_out=left_out, has_margin=has_margin)
    levels = {level: each for level, each in by_level.items() if level is not None} if len(by_level) > 1 else {}
    measured = list(_measured(asked, [mean, *levels.values()], _per_weight(by_level, weights)))
    facts = _facts(asked)
    models, benchmarks = (len({getattr(each.group, name) for each in asked}) for name in ("model", "benchmark"))
    by = dict(zip(levels, measured[1:], strict=True))
    return Comparison(words, measured[0], by, facts, models, benchmarks, left_out=left_out, has_margin=has_margin)


def _facts(asked: Sequence[Asked]) -> int:
    """How many facts there are; those of two benchmarks are never the same."""
    ids: dict[str, list[np.ndarray]] = {}
    for each in asked:
        ids.setdefault(each.group.benchmark, []).append(each.group.facts["fact"].to_numpy()[each.facts])
    return sum(_distinct(each) for each in ids.values())


def _distinct(names: Iterable[np.ndarray]) -> int:
    """How many different names there are. Clusters of one name are one, on whatever benchmark (clustered.py)."""
    return len(pd.unique(np.concatenate(list(names))))


def _missing(groups: Sequence[Group], weights: Weights) -> list[str]:
    slugs = [DENSE, *(slug for slug in weights if slug not in (DENSE, MAJORITY))]
    return [
        f"{group.model} {slug} on {group.benchmark}" for group in groups for slug in slugs if slug not in group.right
    ]


def _counted(spoken: Sequence[Asked], above_baseline: bool) -> tuple[list[Asked], list[str]]:
    """(what counts, with its share; the others with the reason). above_baseline: whether accuracy is compared with a
    baseline, for which nothing needs to be known."""
    weighted, left_out = [], []
    for asked in spoken:
        group = asked.group
        if any(len(pd.unique(group.clusters[facts])) < 2 for _, facts in asked.parts):
            left_out.append(f"{group.model} on {group.benchmark}: its facts are one cluster")
            continue
        if above_baseline:
            weight = 0.0 if np.isnan(group.majority) else 1.0
        elif DENSE not in group.right:
            weight = 0.0  # which is named as missing
        elif not (weight := losses.weight(group)):
            left_out.append(f"{group.model} on {group.benchmark}: not shown to know anything there")
        if weight:
            weighted.append((asked, weight))
    sums: dict[str, float] = {}
    for asked, weight in weighted:
        sums[asked.group.model] = sums.get(asked.group.model, 0) + weight
    shares = [weight / sums[asked.group.model] / len(sums) for asked, weight in weighted]
    return [replace(asked, share=share) for (asked, _), share in zip(weighted, shares, strict=True)], left_out


def _per_weight(by_level: ByLevel, weights: Removed) -> PerModel:
    """The comparison per weight, at the mean and at each of several levels; nothing where the variants act on one
    scope, or where it is not known how many weights they took."""
    slugs = {slug for each in by_level.values() for slug in each} - {DENSE, MAJORITY}
    scopes = {parse(slug).scope for slug in slugs}

    def of_model(model: str) -> list[Weights]:
        if len(scopes) < 2 or any((model, slug) not in weights for slug in slugs):
            return []
        each = [{slug: weight / weights[model, slug] for slug, weight in one.items()} for one in by_level.values()]
        lost: dict[int | None, Weights] = dict(enumerate(one | {DENSE: -sum(one.values())} for one in each))
        return [mean_of(lost), *(lost.values() if len(lost) > 1 else ())]

    return of_model


def _measured(asked: Sequence[Asked], columns: Sequence[Weights], per_weight: PerModel) -> Iterator[Measured]:
    """What each of the columns measures."""
    clusters = _distinct(each.clusters(each.facts) for each in asked)
    points, scaled = _numbers(asked, lambda model: columns), [Number()] * len(columns)
    if all(per_weight(each.group.model) for each in asked):
        scaled = _numbers(asked, per_weight)
    for number, beside, weights in zip(points, scaled, columns, strict=True):
        differing = _distinct(each.clusters(_differ(each.group, weights) & each.facts) for each in asked)
        allowance = number.value if MAJORITY in weights else _allowance(asked, weights)
        yield Measured(number, beside, clusters, differing, allowance)


def _numbers(asked: Sequence[Asked], of_model: PerModel) -> list[Number]:
    samples = []
    for each in asked:
        group, columns = each.group, of_model(each.group.model)
        values = np.column_stack([_values(group, weights) for weights in columns])
        flips, noises = (np.array([of(weights) for weights in columns]) for of in (_flip, partial(_noise, group)))
        for sign, facts in each.parts:
            mine = np.where(facts[:, None], values, np.nan)
            share = sign * each.share
            samples.append(group.sample(mine, share=share, flip=flips, noise=noises))
    found = estimate(samples)
    ends = [np.round(end, 9) for end in (found.value, found.low, found.high)]  # 0 is 0, not 1e-17
    return [Number(*map(float, each)) for each in zip(*ends, found.p, strict=True)]


def _values(group: Group, weights: Weights) -> np.ndarray:
    """Of every fact the weighted sum of its cells, in points."""
    total = np.zeros(len(group.facts))
    for slug, weight in weights.items():
        total += weight * group.majority + CLOSE / 100 if slug == MAJORITY else weight * group.right[slug]
    return 100 * total


def _flip(weights: Weights) -> float:
    """What one fact moves the sum by if it flips on one side of the comparison, at all levels."""
    cells = [weight for slug, weight in weights.items() if slug != MAJORITY]
    return 100 * max(sum(weight for weight in cells if weight > 0), -sum(weight for weight in cells if weight < 0))


def _noise(group: Group, weights: Weights) -> float:
    """What repeating the measurement of every variant moves the sum by."""
    slugs = [slug for slug in weights if slug not in (DENSE, MAJORITY)]
    return float(np.linalg.norm(np.array([weights[slug] for slug in slugs]) * group.noises(slugs)))


def _differ(group: Group, weights: Weights) -> np.ndarray:
    """Which facts the compared variants answer differently."""
    right = [group.right[slug] for slug in weights if slug != MAJORITY]
    return np.any([each != right[0] for each in right], axis=0)


def _allowance(asked: Sequence[Asked], weights: Weights) -> float:
    """What the comparison would be if all variants answered as the dense model."""
    known = [each.share * sign * each.group.right[DENSE][facts].mean() for each in asked for sign, facts in each.parts]
    return float(np.round(100 * sum(weights.values()) * sum(known), 9))
