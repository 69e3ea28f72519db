"""The points of the first picture: what every variant of a series of models takes and keeps, and which are the front.

A series is models of one making in several sizes; smaller dense models are points beside compressed larger ones. All
points of a picture are held against one reference, the largest dense model: of the facts that it answers right, the
share that is still answered right (losses.KEPT). So they have to be asked its facts; models of a series that were asked
others have a reference, and a picture, of their own.

A point is on the front if none takes fewer bytes and keeps as much, or as few and keeps more. What is on it by luck is
seen in the bootstrap: each resample of the facts has a front of its own.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import LEVEL, ROUNDS, losses, returned
from knowcost.aggregate.clustered import dependent
from knowcost.aggregate.statistics import Bootstrap, Group, models_of
from knowcost.aggregate.tables import TREATMENT, describe, ordered
from knowcost.spec.variants import DENSE, parse

SIZES = ["real_bytes", "loaded_bytes", "format"]
KEPT = ["kept_percent", "kept_low", "kept_high", "kept_least"]
COLUMNS = ["series", "family", "model", *TREATMENT, *SIZES, *KEPT, "on_front", "front_share", "reference"]
DIGITS = 9  # of percent: what differs by less is a difference of rounding

Point = tuple[str, str, str]  # family, model and variant
Sizes = dict[Hashable, dict[Any, Any]]  # SIZES of (model, variant)


@dataclass(frozen=True)
class _Picture:
    """Points that are held against one reference. groups: its own, on whose facts every point's answers stand in
    `right`, under a key (`_key`), its own dense model's under DENSE. expected: the benchmarks that a point has to be
    asked. points: by key."""

    reference: str
    groups: list[Group]
    expected: set[str]
    points: dict[str, Point]


def front(
    groups: Sequence[Group],
    scores: pd.DataFrame,
    parameters: Mapping[tuple[str, str], int],
    series: Mapping[str, str],
) -> pd.DataFrame:
    """A row per point, with COLUMNS; points that were not asked all of the reference's benchmarks keep nan.

    scores: of drops.scores, which has the sizes. parameters: {(model, variant): how many}. series: {model: its
    series}; a model without one is a series of its own. kept_least: lower bound that holds for all points of the
    picture at once. front_share: the share of resamples in which a point is on the front. Recoveries of the dense
    model, and those that were told facts that are asked, are no points.
    """
    telling = returned.telling(groups)
    by_point = scores.drop_duplicates(["model", "variant"]).set_index(["model", "variant"])
    sizes: Sizes = by_point[SIZES].to_dict("index")
    made = [
        _rows(picture, sizes, telling).assign(series=name)
        for name, models in _by_series(groups, series).items()
        for picture in _pictures(models, groups, parameters)
    ]
    return ordered(pd.concat(made, ignore_index=True)[COLUMNS] if made else pd.DataFrame(columns=COLUMNS))


def _by_series(groups: Sequence[Group], series: Mapping[str, str]) -> dict[str, list[list[Group]]]:
    """{series: the groups of each of its models that have a dense one}."""
    found: dict[str, list[list[Group]]] = {}
    for model in models_of([group for group in groups if DENSE in group.right]):
        name = model[0].model
        found.setdefault(series.get(name) or name, []).append(model)
    return found


def _pictures(
    models: Sequence[list[Group]], groups: Sequence[Group], parameters: Mapping[tuple[str, str], int]
) -> Iterator[_Picture]:
    """The pictures of a series: the largest model that knows something with all that were asked its facts, then the
    largest of the others, and so on."""
    rest = list(models)
    while knowing := [model for model in rest if any(map(losses.weight, model))]:
        largest = max(knowing, key=lambda model: parameters.get((model[0].model, DENSE), 0))
        expected = _expected(groups, largest[0].family)
        reference = [group for group in largest if group.benchmark in expected]
        alike = [model for model in rest if model is largest or _asked_the_same(model, reference)]
        yield _picture(reference, alike, expected)
        rest = [model for model in rest if model not in alike]


def _expected(groups: Sequence[Group], family: str) -> set[str]:
    """The benchmarks of a mean, as in losses.by_model: those on which something is held against a dense model."""
    mine = [group for group in groups if group.family == family]
    return {group.benchmark for group in mine if group.compared()} or {group.benchmark for group in mine}


def _asked_the_same(model: Sequence[Group], reference: Sequence[Group]) -> bool:
    ids = {group.benchmark: group.facts["id"] for group in model}
    return all(group.benchmark in ids and ids[group.benchmark].equals(group.facts["id"]) for group in reference)


def _picture(reference: Sequence[Group], models: Sequence[Sequence[Group]], expected: set[str]) -> _Picture:
    name = reference[0].model
    points, merged = {DENSE: (reference[0].family, name, DENSE)}, []
    for own in reference:
        right, noise = {DENSE: own.right[DENSE]}, {}
        for group in (group for model in models for group in model if group.benchmark == own.benchmark):
            for slug, answers in group.right.items():
                key = DENSE if (group.model, slug) == (name, DENSE) else f"{group.model}/{slug}"
                points[key] = group.family, group.model, slug
                right[key], noise[key] = answers, group.noise.get(slug, 0.0)
        merged.append(replace(own, right=right, noise=noise, probability={}, changed={}))
    return _Picture(name, merged, expected, points)


def _rows(picture: _Picture, sizes: Sizes, telling: Collection[str]) -> pd.DataFrame:
    """A row per point of a picture, without its series."""
    kept = {DENSE: (100.0,) * len(KEPT)} | _kept(picture, [key for key in picture.points if key != DENSE])
    rows: list[dict[str, Any]] = []
    for key, (family, model, slug) in picture.points.items():
        variant = parse(slug)
        if not variant.is_control and not variant.is_told_by(telling):
            about = {"family": family, "model": model, **describe(slug), **sizes[model, slug]}
            rows.append(about | dict(zip(KEPT, kept[key], strict=True)) | {"key": key, "reference": picture.reference})
    return _with_front(pd.DataFrame(rows), picture.groups)


def _kept(picture: _Picture, keys: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """{key: its values of KEPT}; the bound that holds for all at once has Bonferroni's level, as in losses.by_model."""
    if not keys:
        return {}
    whole = [losses.is_whole(picture.groups, key, picture.expected) for key in keys]
    found = losses.means([picture.groups], np.array([whole], bool), keys, losses.KEPT)
    least = found.bounds(1 - (1 - LEVEL) / len(keys))[0]
    return dict(zip(keys, zip(found.value, found.low, found.high, least, strict=True), strict=True))


def _with_front(rows: pd.DataFrame, groups: Sequence[Group]) -> pd.DataFrame:
    """The rows with on_front and front_share, nan where bytes or what is kept are not known."""
    known = rows["kept_percent"].notna() & rows["real_bytes"].notna()
    rows = rows.assign(on_front=np.nan, front_share=np.nan)
    if not known.any():
        return rows
    mine = rows[known]
    size = mine["real_bytes"].to_numpy(float)
    shares = is_on_front(size, resampled(groups, list(mine["key"]))).mean(axis=0)
    seen = is_on_front(size, mine["kept_percent"].to_numpy()[None])[0]
    rows.loc[known, "on_front"], rows.loc[known, "front_share"] = seen.astype(float), shares
    return rows


def is_on_front(size: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """rounds x k booleans: whether no other of k points takes fewer bytes and keeps as much, or as few and keeps more.

    size: k, bytes. kept: rounds x k, percent, what is kept in each round. Points that are alike in both are on it
    together.
    """
    order = np.argsort(size, kind="stable")
    size, kept = size[order], kept[:, order].round(DIGITS)
    most = np.maximum.accumulate(kept, axis=1)
    first, last = (np.searchsorted(size, size, side) for side in ("left", "right"))
    of_fewer = np.where(first > 0, most[:, first - 1], -np.inf)
    found = np.empty(kept.shape, bool)
    found[:, order] = (kept > of_fewer) & (kept == most[:, last - 1])
    return found


def resampled(groups: Sequence[Group], keys: Sequence[str]) -> np.ndarray:
    """ROUNDS x k: percent kept of what the dense model of the groups has right, the mean over benchmarks by their
    weights, in each resample. Benchmarks that share clusters are drawn together. A round in which a benchmark has no
    known fact is left out."""
    weights = {group.benchmark: losses.weight(group) for group in groups}
    whole, kept = sum(weights.values()), np.zeros((ROUNDS, len(keys)))
    for together in dependent([group for group in groups if weights[group.benchmark]]):
        named = [group.facts.assign(id=group.benchmark + "/" + group.facts["id"].astype(str)) for group in together]
        of = [
            (facts["id"], 100 * np.column_stack([group.right[key] for key in keys]), group.right[DENSE].astype(float))
            for facts, group in zip(named, together, strict=True)
        ]
        drawn = Bootstrap(pd.concat(named), "+".join(group.benchmark for group in together)).means(of)
        for group, each in zip(together, drawn, strict=True):
            kept += weights[group.benchmark] / whole * each
    return kept[~np.isnan(kept).any(axis=1)]
