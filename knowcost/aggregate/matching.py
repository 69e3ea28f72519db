"""Matching: how far a model can be compressed before it loses more than a tolerance of what the dense model answers.

LLM-KICK (Jaiswal et al. 2024) calls a compressed model matching on a task if its performance is no more than 5% below
the dense model's. A border is the strongest compression that matches, of the same methods on the same scopes. Its
uncertainty: each of the bootstrap's resamples of the facts (statistics.Bootstrap) has a border of its own.

Whether a level matches is also decided by an interval, of the points that it loses beyond the tolerance: of the dense
accuracy, and of the dense model's lead over the baseline, of which a two-choice task that falls from 55 to 50% has lost
all.
"""

from collections.abc import Hashable, Iterable, Sequence
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import tables
from knowcost.aggregate.clustered import estimate
from knowcost.aggregate.statistics import Bootstrap, Group
from knowcost.spec import levels
from knowcost.spec.variants import DENSE, Step, Variant, parse

NONE = "none"  # where nothing matches
MATCHES, FALLS_SHORT, UNSURE = "matches", "falls short", "cannot tell"

BORDERS = ["family", "model", "benchmark", "method", "grouping", "scope", "kind", "dense_accuracy", "majority",
           "tolerance", "compared", "strongest", "matching", "border", "border_low", "border_high", "shown",
           "lead_border", "gaps"]  # fmt: skip
LEVELS = ["family", "model", "variant", "benchmark", "method", "grouping", "scope", "kind", "strength", "accuracy",
          "dense_accuracy", "drop_percent", "tolerance", "matches", "match_share", "beyond_points", "beyond_low",
          "beyond_high", "match", "lead_beyond_points", "lead_beyond_low", "lead_beyond_high",
          "lead_match"]  # fmt: skip


def strength(step: Step) -> tuple[Any, ...]:
    """A tuple that grows with what a step takes away, to order the variants of one series."""
    if not isinstance(step.level, str):
        return (step.level or 0,)
    if levels.kind(step.level) == "pattern":
        pattern = levels.pattern(step.level)
        return levels.percent(step.level), -(pattern.m or 0)  # 2:4 leaves less choice than 4:8
    bits = levels.bits(step.level)
    return -bits.bits, bits.group_size or inf


def words(variant: Variant) -> str:
    """How strong a variant is, in words: its levels, or its method where that has none; what was compressed elsewhere
    by its name."""
    return variant.strength or variant.brought or variant.method


def series(slugs: Iterable[str]) -> dict[tuple[Hashable, ...], list[str]]:
    """{(method, scope, kind of level) of every step, and the recovery: [slugs, the weakest first]} of variants that
    differ in strength only: sparsity in percent, N:M and bits are series of their own, and so is each that was
    compressed elsewhere. The dense model's recoveries are controls, and in none."""
    found: dict[tuple[Hashable, ...], list[Variant]] = {}
    for variant in map(parse, slugs):
        if variant.is_control:
            continue
        steps = tuple((step.treatment, step.grouping, step.scope, levels.kind(step.level)) for step in variant.steps)
        found.setdefault((*steps, variant.brought, variant.recovery), []).append(variant)
    order = {steps: sorted(each, key=lambda v: [strength(step) for step in v.steps]) for steps, each in found.items()}
    return {steps: [variant.slug for variant in each] for steps, each in order.items()}


def kind(slug: str) -> str:
    """What the strength of a variant counts, in words: "sparsity", "N:M", "bits", or nothing."""
    names = {"percent": "sparsity", "pattern": "N:M", "bits": "bits", "actorder": "bits, act order"}
    found = (levels.kind(step.level) for step in parse(slug).steps)
    return " + ".join(names[each] for each in found if each)


def table(groups: Iterable[Group], tolerance: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(borders, levels): frames of BORDERS and LEVELS, from statistics.Group of every model and benchmark.

    tolerance: share of the dense accuracy that may be lost; it stands in both frames, for whoever draws or prints them.
    kind: what strength counts. matching: the border's variant, empty if none matches; border, border_low, border_high:
    its strength in words and the 95% interval over resamples; strongest: the strongest that was run; gaps: weaker ones
    that do not match. shown, lead_border: the strongest of which an interval shows that it matches, by accuracy and by
    lead. match_share: the share of resamples in which a level matches. A benchmark on which the dense model answers
    nothing has nothing to lose, and no rows.
    """
    borders, each_level = [], []
    for group in groups:
        if not group.compared() or not group.right[DENSE].any():
            continue
        slugs = [DENSE, *group.compared()]
        right = np.column_stack([group.right[slug] for slug in slugs]).astype(float)
        facts = [(group.facts["id"], right, np.ones(len(right)))]
        (drawn,) = Bootstrap(group.facts, group.benchmark).means(facts)
        accuracies = pd.DataFrame(np.vstack([right.mean(axis=0), drawn]), columns=slugs)
        for each in series(group.compared()).values():
            border, of_levels = _border(group, accuracies[[DENSE, *each]], tolerance)
            decided = _decided(group, each, tolerance)
            of_levels = [row | more for row, more in zip(of_levels, decided, strict=True)]
            for name, column in (("shown", "match"), ("lead_border", "lead_match")):
                border[name] = _strongest(of_levels, column)
            borders.append(border)
            each_level += of_levels
    return pd.DataFrame(borders, columns=BORDERS), pd.DataFrame(each_level, columns=LEVELS)


def _border(group: Group, accuracies: pd.DataFrame, tolerance: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(row of BORDERS, rows of LEVELS) of one series of variants, the weakest first.

    accuracies: columns of the dense model and the variants; the first row is of the facts, the others of resamples.
    """
    _, *slugs = accuracies.columns
    accuracy = accuracies.iloc[0].to_numpy()
    matches = _matches(accuracies.to_numpy(), tolerance)
    places = _last(matches)
    last, matches, shares = places[0], matches[0], matches[1:].mean(axis=0)
    low, high = np.percentile(places[1:], [2.5, 97.5], method="nearest").astype(int)
    names = [words(parse(slug)) for slug in slugs]
    what = tables.describe(slugs[0])
    about = {"family": group.family, "model": group.model, "benchmark": group.benchmark, "dense_accuracy": accuracy[0]}
    about |= {name: what[name] for name in ("method", "grouping", "scope")}
    about |= {"kind": kind(slugs[0]), "tolerance": tolerance}
    border = about | {
        "majority": group.majority,
        "compared": len(slugs),
        "strongest": names[-1],
        "matching": slugs[last] if last >= 0 else "",
        "border": _name(names, last),
        "border_low": _name(names, low),
        "border_high": _name(names, high),
        "gaps": ", ".join(name for name, match in zip(names[: last + 1], matches, strict=False) if not match),
    }
    of_levels = [
        about
        | {"variant": slug, "strength": name, "accuracy": accuracy[place], "matches": int(matches[place - 1])}
        | {"drop_percent": 100 * (1 - accuracy[place] / accuracy[0]), "match_share": shares[place - 1]}
        for place, (slug, name) in enumerate(zip(slugs, names, strict=True), start=1)
    ]
    return border, of_levels


def _decided(group: Group, slugs: Sequence[str], tolerance: float) -> list[dict[str, Any]]:
    """Per variant the points lost beyond the tolerance with their interval, and whether it matches: of the accuracy,
    and of the lead (nan and "" where the dense model is not shown to have one)."""
    rows: list[dict[str, Any]] = [{} for _ in slugs]
    baselines = {"": 0.0} | ({"lead_": group.baseline} if group.lead is not None and group.knows else {})
    for prefix in ("", "lead_"):
        baseline = baselines.get(prefix, np.nan)
        allowed = 100 * tolerance * (group.right[DENSE][:, None] - baseline)
        values, noise = group.lost(slugs) - allowed, group.noises(slugs)
        found = estimate([group.sample(values, noise=noise)])
        for place, row in enumerate(rows):
            row |= found.columns(f"{prefix}beyond_points", f"{prefix}beyond", place)
            row[f"{prefix}match"] = _word(found.value[place], found.low[place], found.high[place])
    return rows


def _word(value: float, low: float, high: float) -> str:
    if np.isnan(value):
        return ""
    return MATCHES if high < 0 else FALLS_SHORT if low > 0 else UNSURE


def _strongest(of_levels: Sequence[dict[str, Any]], column: str) -> str:
    """The strength of the strongest level that is shown to match, in words; "" where the question does not arise."""
    if not any(row[column] for row in of_levels):
        return ""
    return next((row["strength"] for row in reversed(of_levels) if row[column] == MATCHES), NONE)


def _matches(accuracies: np.ndarray, tolerance: float) -> np.ndarray:
    """rounds x k booleans from rounds x (1 + k) accuracies, the dense model's first."""
    return accuracies[:, 1:] >= (1 - tolerance) * accuracies[:, :1] - 1e-12


def _last(matches: np.ndarray) -> np.ndarray:
    """Per row the number of the last column that is true, -1 if none is."""
    places = np.where(matches, np.arange(matches.shape[1]), -1)
    return places.max(axis=1)


def _name(names: Sequence[str], place: int) -> str:
    return names[place] if place >= 0 else NONE
