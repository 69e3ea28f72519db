"""What compression cost a model, or a family: means over benchmarks with the intervals of clustered.estimate.

A benchmark weighs min(1, known / FULL_WEIGHT), known being the facts that the dense model answers right: a handful of
one's own clozes does not weigh as much as a thousand. A benchmark on which the dense model is not shown to know
anything (Group.knows) weighs nothing: what is guessed is no knowledge to lose. A family's mean is over its models.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import FULL_WEIGHT, LEVEL, rule
from knowcost.aggregate.clustered import Estimates, Sample, estimate
from knowcost.aggregate.statistics import Group, models_of
from knowcost.spec.variants import DENSE

Values = tuple[np.ndarray, np.ndarray | None]  # n x k, and what their sum is divided by (Sample.over)


@dataclass(frozen=True)
class Loss:
    """Something that a variant loses, as a mean over facts in percent or points.

    name: of its columns. values: from a group and variants. counts: whether a group bears on it.
    """

    name: str
    values: Callable[[Group, Sequence[str]], Values]
    counts: Callable[[Group], bool] = lambda group: True


def _accuracy(group: Group, slugs: Sequence[str]) -> Values:
    return group.lost(slugs), None


def _kept(group: Group, slugs: Sequence[str]) -> Values:
    """Of the facts that the dense model knew, those that the variant answers right."""
    return 100 - np.where(group.right[DENSE][:, None], group.lost(slugs), np.nan), None


def _lead(group: Group, slugs: Sequence[str]) -> Values:
    """Of the points by which the dense model is above the baseline, those that are lost."""
    return group.lost(slugs), group.right[DENSE][:, None] - group.baseline


def _forgotten(group: Group, slugs: Sequence[str]) -> Values:
    return np.maximum(group.lost(slugs), 0), None


def _gained(group: Group, slugs: Sequence[str]) -> Values:
    return np.maximum(-group.lost(slugs), 0), None


def _changed(group: Group, slugs: Sequence[str]) -> Values:
    missing = np.full(len(group.facts), np.nan)
    return 100 * np.column_stack([group.changed.get(slug, missing) for slug in slugs]), None


def _probability(group: Group, slugs: Sequence[str]) -> Values:
    missing = np.full(len(group.facts), np.nan)
    after = np.column_stack([group.probability.get(slug, missing) for slug in slugs])
    return 100 * (group.probability[DENSE][:, None] - after), None


def _has_probabilities(group: Group) -> bool:
    return bool(np.isfinite(group.probability.get(DENSE, np.array([np.nan]))).any())


DROP = Loss("drop", _accuracy)
FORGOTTEN = Loss("forgotten", _forgotten)  # less GAINED: the drop
GAINED = Loss("gained", _gained)
CHANGED = Loss("changed", _changed)  # wrong to another wrong
KEPT = Loss("kept", _kept)
LEAD_LOST = Loss("lead_lost", _lead, lambda group: group.lead is not None)
PROBABILITY = Loss("probability", _probability, _has_probabilities)
LOSSES = (DROP, FORGOTTEN, GAINED, CHANGED, KEPT, LEAD_LOST, PROBABILITY)


def weight(group: Group) -> float:
    """What a benchmark weighs in a model's mean; nothing where its facts are one cluster, which bears no interval."""
    if group.is_one_cluster:
        return 0.0
    return min(1.0, group.known / FULL_WEIGHT) if group.knows else 0.0


def is_small(group: Group) -> bool:
    """Whether a benchmark holds too few facts that the dense model knows to weigh in full."""
    return group.known < FULL_WEIGHT


def by_model(groups: Sequence[Group], margin: float) -> pd.DataFrame:
    """A row per model and variant with the columns of `_row`; a variant that was not asked all of its family's
    benchmarks has no means. groups: those that can be held against a dense model."""
    rows: list[dict[str, Any]] = []
    for family, model in dict.fromkeys((group.family, group.model) for group in groups):
        expected = {group.benchmark for group in groups if group.family == family}
        mine = [group for group in groups if group.model == model]
        rows += _rows([mine], expected, margin, {"family": family, "model": model})
    return pd.DataFrame(rows)


def by_family(groups: Sequence[Group], margin: float) -> pd.DataFrame:
    """A row per family and variant: the mean over the models that have it; models: how many."""
    rows: list[dict[str, Any]] = []
    for family in dict.fromkeys(group.family for group in groups):
        mine = [group for group in groups if group.family == family]
        rows += _rows(models_of(mine), {group.benchmark for group in mine}, margin, {"family": family})
    return pd.DataFrame(rows)


def _rows(
    models: Sequence[Sequence[Group]], expected: set[str], margin: float, about: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """A row per variant of the models, which are lists of groups."""
    slugs = list(dict.fromkeys(slug for groups in models for group in groups for slug in group.compared()))
    whole = np.array([[is_whole(groups, slug, expected) for slug in slugs] for groups in models])
    found = {loss: means(models, whole, slugs, loss) for loss in LOSSES}
    decisions, probable = rule.decided(found[DROP], margin), rule.decided(found[PROBABILITY], margin)["decision"]
    worst = list(_worst(models, whole, slugs))
    several = 1 - (1 - LEVEL) / max(len(slugs), 1)  # Bonferroni's level for all variants at once
    for place, slug in enumerate(slugs):
        row: dict[str, Any] = {**about, "variant": slug, **worst[place], **_counts(models, whole[:, place])}
        for loss, each in found.items():
            unit = "percent" if loss in (KEPT, LEAD_LOST) else "points"
            row |= each.columns(f"{loss.name}_{unit}", loss.name, place)
        row["kept_least"] = found[KEPT].bounds(several)[0][place]
        row |= {name: values[place] for name, values in decisions.items()}
        row["probability_decision"] = "" if np.isnan(row["probability_points"]) else probable[place]
        if not row["models"]:
            row["decision"] = rule.NOT_RUN
        elif not row["knowing"]:
            row["decision"] = rule.NOTHING
        yield row


def is_whole(groups: Sequence[Group], slug: str, expected: set[str]) -> bool:
    """Whether a model's variant was asked all benchmarks of its family."""
    return {group.benchmark for group in groups if slug in group.compared()} == expected


def sample(group: Group, slugs: Sequence[str], loss: Loss, share: np.ndarray | float = 1.0) -> Sample:
    """What variants lost on one benchmark; share: of Sample."""
    values, over = loss.values(group, slugs)
    base = (~np.isnan(values)).sum(axis=0) if over is None else np.abs(over.sum(axis=0))
    noise = group.noises(slugs) * len(values) / np.maximum(base, 1)  # measured on all facts, of right and wrong
    return group.sample(values, over=over, share=share, noise=0.0 if loss is PROBABILITY else noise)


def means(models: Sequence[Sequence[Group]], whole: np.ndarray, slugs: Sequence[str], loss: Loss) -> Estimates:
    """The mean loss of each variant over benchmarks, by weight, then over models.

    whole: models x k, which models have a variant whole; the others are left out of it. Models that know nothing of
    what the loss is about are in no mean.
    """
    weights = [[weight(group) if loss.counts(group) else 0.0 for group in groups] for groups in models]
    counted = whole & (np.array([sum(each) for each in weights]) > 0)[:, None]
    samples = []
    for groups, each, there in zip(models, weights, counted, strict=True):
        for group, heavy in zip(groups, each, strict=True):
            if heavy:
                share = np.where(there, heavy / sum(each) / np.maximum(counted.sum(axis=0), 1), 0)
                samples.append(sample(group, slugs, loss, share))
    nothing = np.full(len(slugs), np.nan)
    return estimate(samples) if samples else Estimates(*[nothing] * 7)


def _worst(models: Sequence[Sequence[Group]], whole: np.ndarray, slugs: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Per variant the benchmark that lost most, of those that are in the mean, and how much it lost."""
    points: dict[str, list[np.ndarray]] = {}
    for groups, there in zip(models, whole, strict=True):
        for group in groups:
            if weight(group):
                points.setdefault(group.benchmark, []).append(np.where(there, group.lost(slugs).mean(axis=0), np.nan))
    for place in range(len(slugs)):
        found = {name: [each[place] for each in lost if not np.isnan(each[place])] for name, lost in points.items()}
        average = {name: float(np.mean(each)) for name, each in found.items() if each}
        name = max(average, key=lambda each: average[each], default="")
        yield {"worst_benchmark": name, "worst_points": average.get(name, np.nan)}


def _counts(models: Sequence[Sequence[Group]], whole: np.ndarray) -> dict[str, int]:
    """models, pairs: how many models and pairs with benchmarks there are; knowing: pairs of which something is known;
    leads: those with a lead over a baseline; small: those that do not weigh in full."""
    mine = [group for groups, there in zip(models, whole, strict=True) if there for group in groups]
    knowing = [group for group in mine if group.knows]
    return {
        "models": int(whole.sum()),
        "pairs": len(mine),
        "knowing": len(knowing),
        "leads": sum(group.lead is not None for group in knowing),
        "small": sum(map(is_small, knowing)),
    }
