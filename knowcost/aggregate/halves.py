"""Which half of the network suffers more: attention's loss less the feed-forward layers', fact by fact."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import losses, rule, tables
from knowcost.aggregate.losses import Loss, Values
from knowcost.aggregate.statistics import Group

HALVES = ("attention", "feed_forward")
COLUMNS = ["family", "model", "method", "experiment", "grouping", "level", "strength", "a", "b", "difference_points",
           "difference_low", "difference_high", "decision", "needed"]  # fmt: skip


def halves(groups: Sequence[Group], margin: float) -> pd.DataFrame:
    """A row per family (its model is "") and per model, and treatment that both halves were given.

    a, b: the variants of attention and of the feed-forward layers. difference_points: how many more points attention
    cost than the feed-forward layers did, averaged as losses.means averages; decision "costs": attention costs more;
    "gains": the feed-forward layers do.
    """
    rows: list[dict[str, Any]] = []
    held = [group for group in groups if group.compared()]
    for family in dict.fromkeys(group.family for group in held):
        mine = [group for group in held if group.family == family]
        by_model = [[group for group in mine if group.model == model] for model in dict.fromkeys(g.model for g in mine)]
        pairs = _pairs(dict.fromkeys(slug for group in mine for slug in group.compared()))
        if pairs:
            rows += _rows(by_model, pairs, margin, {"family": family, "model": ""})
            for each in by_model:
                rows += _rows([each], pairs, margin, {"family": family, "model": each[0].model})
    return pd.DataFrame(rows, columns=COLUMNS)


def _pairs(slugs: dict[str, None]) -> list[dict[str, Any]]:
    """The treatments that both halves were given, with the variant of each."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for slug in slugs:
        about = tables.describe(slug)
        if about["scope"] in HALVES:
            key = tuple(about[name] for name in ("method", "grouping", "strength"))
            found.setdefault(key, about)[about["scope"]] = slug
    return [each for each in found.values() if set(HALVES) <= each.keys()]


def _rows(
    models: Sequence[Sequence[Group]], pairs: Sequence[dict[str, Any]], margin: float, about: dict[str, str]
) -> list[dict[str, Any]]:
    expected = {group.benchmark for groups in models for group in groups}
    attention, feed_forward = ([pair[half] for pair in pairs] for half in HALVES)
    whole = np.array(
        [[all(losses.is_whole(groups, pair[half], expected) for half in HALVES) for pair in pairs] for groups in models]
    )
    difference = Loss("difference", partial(_difference, feed_forward), lambda group: True)
    found = losses.means(models, whole, attention, difference)
    decided = rule.decided(found, margin)
    return [
        {
            **about,
            **pair,
            "a": attention[place],
            "b": feed_forward[place],
            **{name: values[place] for name, values in decided.items()},
        }
        | {"difference_points": found.value[place], "difference_low": found.low[place]}
        | {"difference_high": found.high[place]}
        for place, pair in enumerate(pairs)
        if not np.isnan(found.value[place])
    ]


def _difference(feed_forward: Sequence[str], group: Group, attention: Sequence[str]) -> Values:
    return group.lost(attention) - group.lost(feed_forward), None
