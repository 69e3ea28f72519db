"""Matching: how far a model can be compressed before it loses more than a tolerance of what the dense model answers.

LLM-KICK (Jaiswal et al. 2024) calls a compressed model matching on a task if its performance is no more than 5% below
the dense model's. A border is the strongest compression that matches, of the same methods on the same scopes. Its
uncertainty: each of the bootstrap's resamples of the facts (statistics.Bootstrap) has a border of its own.
"""

import numpy as np
import pandas as pd

from knowcost import tables
from knowcost.statistics import Bootstrap
from knowcost.variants import DENSE, parse

TOLERANCE = 0.05  # LLM-KICK's, relative to the dense accuracy
NONE = "none"  # where nothing matches

BORDERS = ["family", "model", "benchmark", "method", "grouping", "scope", "dense_accuracy", "majority", "compared",
           "strongest", "matching", "border", "border_low", "border_high", "gaps"]  # fmt: skip
LEVELS = ["family", "model", "variant", "benchmark", "method", "grouping", "scope", "strength", "accuracy",
          "dense_accuracy", "drop_percent", "matches", "match_share"]  # fmt: skip


def strength(step):
    """A number that grows with what a step takes away, to order the variants of one method and scope."""
    return step.level or 0


def words(variant):
    """How strong a variant is, in words: its levels, or its method where that has none."""
    return " + ".join(f"{step.level}%" for step in variant.steps if step.level is not None) or variant.method


def series(slugs):
    """{what is done to what: [slugs, the weakest first]} of variants that differ in strength only."""
    found = {}
    for variant in map(parse, slugs):
        shape = tuple((step.method, step.grouping, step.scope) for step in variant.steps)
        found.setdefault(shape, []).append(variant)
    order = {shape: sorted(each, key=lambda v: tuple(map(strength, v.steps))) for shape, each in found.items()}
    return {shape: [variant.slug for variant in each] for shape, each in order.items()}


def table(groups, tolerance=TOLERANCE):
    """(borders, levels): frames of BORDERS and LEVELS, from statistics.Group of every model and benchmark.

    tolerance: share of the dense accuracy that may be lost. matching: the border's variant, empty if none matches;
    border, border_low, border_high: its strength in words and the 95% interval over resamples; strongest: the strongest
    that was run; gaps: weaker ones that do not match. match_share: the share of resamples in which a level matches. A
    benchmark on which the dense model answers nothing has nothing to lose, and no rows.
    """
    borders, levels = [], []
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
            borders.append(border)
            levels += of_levels
    return pd.DataFrame(borders, columns=BORDERS), pd.DataFrame(levels, columns=LEVELS)


def _border(group, accuracies, tolerance):
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
    levels = [
        about
        | {"variant": slug, "strength": name, "accuracy": accuracy[place], "matches": int(matches[place - 1])}
        | {"drop_percent": 100 * (1 - accuracy[place] / accuracy[0]), "match_share": shares[place - 1]}
        for place, (slug, name) in enumerate(zip(slugs, names, strict=True), start=1)
    ]
    return border, levels


def _matches(accuracies, tolerance):
    """rounds x k booleans from rounds x (1 + k) accuracies, the dense model's first."""
    return accuracies[:, 1:] >= (1 - tolerance) * accuracies[:, :1] - 1e-12


def _last(matches):
    """Per row the number of the last column that is true, -1 if none is."""
    places = np.where(matches, np.arange(matches.shape[1]), -1)
    return places.max(axis=1)


def _name(names, place):
    return names[place] if place >= 0 else NONE
