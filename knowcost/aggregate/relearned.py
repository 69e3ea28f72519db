"""Forgotten, or displaced? The relearning test: what comes back of the facts that no text of a recovery states.

A recovery is trained twice: on the study's main texts, which state none of the facts that are asked, and on other texts
(`half`) that state a half of them, drawn at random. Of the facts that compression lost and that neither text states, a
share u is right again under either recovery. Facts that no model was ever told come out right in a share k
(returned.chance). If a share d of the lost facts is still there, and only displaced, and the others are forgotten and
right as often as chance has it, then u = d + (1 - d) k, so that

    displaced d = (u - k) / (1 - k),    forgotten 1 - d = (1 - u) / (1 - k).

The interval of that ratio follows from those of u and k (Donner and Zou 2012, doi:10.1177/0962280210383082), which know
about clusters and about what no fact has shown. The facts that the texts do state show whether the recovery can teach:
if these return no more often than the others, what does not return may still be there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan, sqrt
from typing import Any

import pandas as pd

from knowcost.aggregate import returned
from knowcost.aggregate.clustered import Estimates, estimate
from knowcost.aggregate.relearning import EITHER, MAIN, decide
from knowcost.aggregate.returned import Chance, Part
from knowcost.aggregate.statistics import Group, models_of
from knowcost.spec.variants import parse

COLUMNS = ["family", "model", "compressed", "recovery", "told_by", "texts", "lost", "untold", "untold_returned",
           "untold_percent", "untold_low", "untold_high", "told", "told_returned", "told_percent", "told_low",
           "told_high", "taught_points", "taught_low", "taught_high", "never", "never_right", "chance_percent",
           "chance_low", "chance_high", "chance_by", "displaced_percent", "displaced_low", "displaced_high",
           "forgotten_percent", "forgotten_low", "forgotten_high", "decision"]  # fmt: skip


@dataclass(frozen=True)
class _Test:
    """Of one model, compression and recovery. groups: all of the model; compressed: the slug; texts: which variant was
    recovered on which texts; told: the name of those that state a half."""

    groups: Sequence[Group]
    compressed: str
    texts: Mapping[str, str]
    told: str

    def ways(self) -> Iterator[tuple[str, list[str]]]:
        """(words, variants): which recoveries count, those of both texts together first."""
        if {MAIN, self.told} <= self.texts.keys():
            yield EITHER + self.told, [self.texts[MAIN], self.texts[self.told]]
        yield from ((name, [variant]) for name, variant in self.texts.items())

    def parts(self, variants: Sequence[str], told: bool) -> list[Part]:
        """The lost facts that the texts state, or that none does, of the benchmarks whose facts were split and of which
        the dense model is shown to know something."""
        found = []
        for group in self.groups:
            there = group.knows and {self.compressed, *variants} <= group.right.keys()
            if there and (group.stated_in == self.told).any():
                mine = group.stated_in == self.told if told else pd.isna(group.stated_in)
                found.append(returned.part(group, returned.lost(group, self.compressed) & mine, variants))
        return found


def relearned(groups: Sequence[Group]) -> pd.DataFrame:
    """A row per model, compressed variant, recovery and way of counting what returned (`texts`: either of the two
    recoveries, or each by itself); nothing where no facts were split. groups: those of controls among them."""
    rows: list[dict[str, Any]] = []
    for of_model in models_of([group for group in groups if group.compared()]):
        about = {"family": of_model[0].family, "model": of_model[0].model}
        for test in _tests(of_model):
            taught = _taught(test)
            for words, variants in test.ways():
                recovery = str(parse(variants[0]).recovery).partition("~")[0]
                row = about | {"compressed": test.compressed, "recovery": recovery}
                row |= {"told_by": test.told, "texts": words}
                rows.append(row | _row(test, variants, taught))
    return pd.DataFrame(rows, columns=COLUMNS)


def _tests(groups: Sequence[Group]) -> Iterator[_Test]:
    """One for each compression and recovery of a model, and each name of texts that state facts."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for each in returned.recovered_of(groups):
        recovery = each.recovery.partition("~")[0]
        found.setdefault((each.compressed, recovery), {})[parse(each.variant).recovered_on or MAIN] = each.variant
    for told in sorted(returned.telling(groups)):
        for (compressed, _), texts in found.items():
            order = sorted(texts, key=[MAIN, told, *texts].index)
            yield _Test(groups, compressed, {name: texts[name] for name in order}, told)


def _taught(test: _Test) -> Estimates | None:
    """How many more percent of the lost facts return that the texts state than of those that they do not, under the
    recovery on these texts; None where that was not run."""
    if test.told not in test.texts:
        return None
    variants = [test.texts[test.told]]
    told, untold = (test.parts(variants, which) for which in (True, False))
    if not sum(each.n for each in told) or not sum(each.n for each in untold):
        return returned.nothing()
    return estimate([*returned.weighed(told), *returned.weighed(untold, -1)])


def _row(test: _Test, variants: Sequence[str], taught: Estimates | None) -> dict[str, Any]:
    untold, told = (test.parts(variants, which) for which in (False, True))
    back, chance = returned.share(untold), returned.chance(test.groups, untold, test.compressed, variants)
    forgotten = tuple(100 * each for each in ratio(_left(back), _left(chance.found)))
    counts = {name: sum(each.n for each in parts) for name, parts in (("untold", untold), ("told", told))}
    hits = {name: sum(each.hits for each in parts) for name, parts in (("untold", untold), ("told", told))}
    low = None if taught is None else float(taught.low[0])
    gone = returned.share([Part(each.group, each.inside, ~each.right) for each in untold])
    return {
        "lost": sum(counts.values()),
        **counts,
        **{f"{name}_returned": count for name, count in hits.items()},
        **_columns(back, "untold_percent", "untold"),
        **_columns(returned.share(told), "told_percent", "told"),
        **_columns(taught or returned.nothing(), "taught_points", "taught"),
        **_chance(chance),
        **dict(zip(("forgotten_percent", "forgotten_low", "forgotten_high"), forgotten, strict=True)),
        **{f"displaced_{name}": 100 - forgotten[place] for name, place in (("percent", 0), ("low", 2), ("high", 1))},
        "decision": decide(forgotten, low, (int(back.differing[0]), int(gone.differing[0]))),
    }


def _columns(found: Estimates, value: str, name: str) -> dict[str, Any]:
    return found.columns(value, name, 0)


def _chance(chance: Chance) -> dict[str, Any]:
    counts = {"never": chance.n, "never_right": chance.hits, "chance_by": chance.by}
    return counts | _columns(chance.found, "chance_percent", "chance")


def _left(found: Estimates) -> tuple[float, float, float]:
    """The share that is not right, with its interval, of the percent that is."""
    value, high, low = (1 - float(each[0]) / 100 for each in (found.value, found.low, found.high))
    return value, low, high


def ratio(above: tuple[float, float, float], below: tuple[float, float, float]) -> tuple[float, float, float]:
    """The ratio of two independent shares with its interval, from (value, low, high) of each: Donner and Zou's, in
    which each side follows from the sides of the two. nan where it may have no bound."""
    (a, a_low, a_high), (b, b_low, b_high) = above, (below[0], below[1], min(1.0, below[2]))
    if any(map(isnan, (*above, *below))) or b <= 0:
        return nan, nan, nan
    if b_low <= 0:
        return a / b, nan, nan
    b_high = max(b_high, b)
    low = a * b - sqrt(max(0.0, (a * b) ** 2 - a_low * b_high * (2 * a - a_low) * (2 * b - b_high)))
    high = a * b + sqrt(max(0.0, (a * b) ** 2 - a_high * b_low * (2 * a - a_high) * (2 * b - b_low)))
    return a / b, low / (b_high * (2 * b - b_high)), high / (b_low * (2 * b - b_low))
