"""Which half of the network suffers more: attention's loss less the feed-forward layers', fact by fact."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import losses, rule, tables
from knowcost.aggregate.comparisons import Removed, measure
from knowcost.aggregate.losses import Loss, Values
from knowcost.aggregate.statistics import Group, models_of
from knowcost.papers.claim import all_facts
from knowcost.spec.variants import RECOVER

HALVES = ("attention", "feed_forward")
COLUMNS = ["family", "model", "method", "experiment", "grouping", "level", "strength", "a", "b", "difference_points",
           "difference_low", "difference_high", "decision", "needed", "per_weight", "per_weight_low",
           "per_weight_high"]  # fmt: skip


def halves(groups: Sequence[Group], margin: float, removed: Removed) -> pd.DataFrame:
    """A row per family (its model is "") and per model, and treatment that both halves were given.

    a, b: the variants of attention and of the feed-forward layers. difference_points: how many more points attention
    cost than the feed-forward layers did, averaged as losses.means averages; decision "costs": attention costs more;
    "gains": the feed-forward layers do. per_weight: the same difference where each half's loss is divided by the
    percent of the model's weights that it took (comparisons.removed), for the halves are not of one size.
    """
    rows: list[dict[str, Any]] = []
    held = [group for group in groups if group.compared()]
    for family in dict.fromkeys(group.family for group in held):
        mine = [group for group in held if group.family == family]
        by_model = models_of(mine)
        pairs = _pairs(dict.fromkeys(slug for group in mine for slug in group.compared()))
        if pairs:
            rows += _rows(by_model, pairs, margin, {"family": family, "model": ""}, removed)
            for each in by_model:
                rows += _rows([each], pairs, margin, {"family": family, "model": each[0].model}, removed)
    return pd.DataFrame(rows, columns=COLUMNS)


def _pairs(slugs: dict[str, None]) -> list[dict[str, Any]]:
    """The treatments that both halves were given, with the variant of each; none that was recovered afterwards."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for slug in slugs:
        about = tables.describe(slug)
        if about["scope"] in HALVES and about["experiment"] != RECOVER:
            key = tuple(about[name] for name in ("method", "grouping", "strength"))
            found.setdefault(key, about)[about["scope"]] = slug
    return [each for each in found.values() if set(HALVES) <= each.keys()]


def _rows(
    models: Sequence[Sequence[Group]],
    pairs: Sequence[dict[str, Any]],
    margin: float,
    about: dict[str, str],
    removed: Removed,
) -> list[dict[str, Any]]:
    expected = {group.benchmark for groups in models for group in groups}
    attention, feed_forward = ([pair[half] for pair in pairs] for half in HALVES)
    whole = np.array(
        [[all(losses.is_whole(groups, pair[half], expected) for half in HALVES) for pair in pairs] for groups in models]
    )
    difference = Loss("difference", partial(_difference, feed_forward))
    found = losses.means(models, whole, attention, difference)
    decided = rule.decided(found, margin)
    return [
        {**about, **pair, "a": attention[place], "b": feed_forward[place]}
        | {name: values[place] for name, values in decided.items()}
        | found.columns("difference_points", "difference", place)
        | _per_weight(_of(models, whole[:, place]), pair, removed)
        for place, pair in enumerate(pairs)
        if not np.isnan(found.value[place])
    ]


def _of(models: Sequence[Sequence[Group]], whole: np.ndarray) -> list[Group]:
    return [group for groups, there in zip(models, whole, strict=True) if there for group in groups]


def _per_weight(groups: Sequence[Group], pair: dict[str, Any], removed: Removed) -> dict[str, float]:
    a, b = (pair[half] for half in HALVES)
    number = measure(groups, "", {None: {b: 1, a: -1}}, all_facts, removed).mean.per_weight
    return {"per_weight": number.value, "per_weight_low": number.low, "per_weight_high": number.high}


def _difference(feed_forward: Sequence[str], group: Group, attention: Sequence[str]) -> Values:
    return group.lost(attention) - group.lost(feed_forward), None
