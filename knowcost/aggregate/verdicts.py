"""Verdicts on the papers' claims (papers/claim.py), from the facts of a run.

A contrast is averaged over facts, then a model's benchmarks, then the family's models, in percentage points. Its
interval resamples facts or relations (statistics.Bootstrap), once for all models and variants asked them.

Verdicts: `holds` if the interval of every contrast lies above zero, `fails` if one lies below, else `undecided`; so too
when a cell is missing, or when fewer than FEWEST_FACTS facts make the difference (a sign test could not decide either).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import FEWEST_FACTS, ROUNDS
from knowcost.aggregate.statistics import Bootstrap, Group, interval
from knowcost.papers.claim import CLOSE, MAJORITY, Claim, Parts
from knowcost.spec.families import FAMILIES
from knowcost.spec.variants import DENSE

Row = dict[str, Any]
Weights = dict[str, dict[str, float]]  # {words: {variant: weight}}
Contrast = tuple[dict[str, float], Parts]  # ({variant: weight}, the claim's parts)

COLUMNS = ["claim", "paper", "section", "sentence", "family", "contrast", "estimate", "low", "high", "verdict", "facts",
           "differing", "models", "benchmarks", "missing"]  # fmt: skip


def verdicts(groups: Sequence[Group], claims: Sequence[Claim]) -> pd.DataFrame:
    """One row per claim and family of this run that it speaks of; groups: statistics.Group of every model."""
    rows = []
    for family in FAMILIES:
        mine = [group for group in groups if group.family == family]
        slugs = {slug for group in mine for slug in group.right}
        plan = [(claim, _run(claim.contrasts(slugs), slugs)) for claim in claims if family in claim.families]
        contrasts = [(weights, claim.parts) for claim, made in plan for weights in made.values()]
        measured = iter(_measure(mine, contrasts) if contrasts else [])
        for claim, made in plan if mine else ():
            about = {name: getattr(claim, name) for name in ("paper", "section", "sentence")}
            about |= {"claim": claim.id, "family": family}
            parts = [{"contrast": words, **next(measured)} for words in made]
            rows.append(about | _judged(parts))
    order = [claim.id for claim in claims]
    rows.sort(key=lambda row: order.index(row["claim"]))  # families keep their order within a claim
    return pd.DataFrame(rows, columns=COLUMNS)


def _run(contrasts: Weights, slugs: set[str]) -> Weights:
    """The contrasts, or {} if none of their compressed variants was run at all."""
    named = {slug for weights in contrasts.values() for slug in weights} - {DENSE, MAJORITY}
    return contrasts if named & slugs else {}


def _judged(parts: list[Row]) -> Row:
    """The claim's row from its contrasts' rows: the one that speaks most against it, with the verdict on all."""
    if not parts:
        return {"verdict": "undecided", "missing": "no variants of this kind were run"}
    for part in parts:
        part["verdict"] = _verdict(part)
    worst = min(parts, key=lambda part: (("fails", "undecided", "holds").index(part["verdict"]), part["estimate"]))
    missing = list(dict.fromkeys(cell for part in parts for cell in part["missing"]))
    if missing:
        return worst | {"verdict": "undecided", "estimate": np.nan, "low": np.nan, "high": np.nan,
                        "missing": _shortened(missing)}  # fmt: skip
    return worst | {"missing": ""}


def _verdict(part: Row) -> str:
    if part["missing"] or part["differing"] < FEWEST_FACTS:
        return "undecided"
    return "holds" if part["low"] > 0 else "fails" if part["high"] < 0 else "undecided"


def _shortened(missing: Sequence[str]) -> str:
    return "; ".join(missing[:4]) + (f"; and {len(missing) - 4} more cells" if len(missing) > 4 else "")


def _measure(groups: Sequence[Group], contrasts: Sequence[Contrast]) -> Iterator[Row]:
    """Per contrast a dict: estimate, low, high (percentage points), facts, differing, models, benchmarks, missing.

    contrasts: [({variant: weight}, parts)]. facts: distinct facts asked; differing: those of them whose contrast is not
    zero for some model.
    """
    means: dict[str, list[np.ndarray]] = {}
    draws: dict[str, list[np.ndarray]] = {}
    missing: list[list[str]] = [[] for _ in contrasts]
    counts = np.zeros((2, len(contrasts)), int)
    for benchmark in dict.fromkeys(group.benchmark for group in groups):
        here = [group for group in groups if group.benchmark == benchmark]
        values = [_values(group, contrasts, missing) for group in here]
        counts += _facts(here, values)
        facts = pd.concat([group.facts[["id", "cluster"]] for group in here]).drop_duplicates("id")
        for group, mean, drawn in _means(here, values, contrasts, Bootstrap(facts, benchmark)):
            means.setdefault(group.model, []).append(mean)
            draws.setdefault(group.model, []).append(drawn)
    estimate, about = _average(means), _average(draws)
    models, benchmarks = _asked(groups, means)
    for place, absent in enumerate(missing):
        if np.isnan(estimate[place]) and not absent:
            needs_baseline = MAJORITY in contrasts[place][0]
            absent.append(
                f"{MAJORITY} of these benchmarks" if needs_baseline else "no benchmark of this kind was asked"
            )
        low, high = (np.round(value, 9) for value in interval(100 * about[:, place]))  # 0 is 0, not 1e-17
        yield {"estimate": 100 * estimate[place], "low": low, "high": high, "facts": counts[0, place],
               "differing": counts[1, place], "models": models[place], "benchmarks": benchmarks[place],
               "missing": absent}  # fmt: skip


def _values(group: Group, contrasts: Sequence[Contrast], missing: list[list[str]]) -> np.ndarray:
    """n x k: the contrasts of every fact. A column is nan where a cell is missing (noted in `missing`), or where it
    asks for a majority baseline that the benchmark does not have; so are facts that the claim does not speak of."""
    values = np.full((len(group.facts), len(contrasts)), np.nan)
    for place, (weights, parts) in enumerate(contrasts):
        for _, facts in parts(group):
            values[facts, place] = 0
        for slug, weight in weights.items() if parts(group) else ():
            if slug == MAJORITY:
                values[:, place] += weight * group.majority + CLOSE / 100
            elif slug in group.right:
                values[:, place] += weight * group.right[slug]
            else:
                values[:, place] = np.nan
                missing[place].append(f"{group.model} {slug} on {group.benchmark}")
    return values


def _means(
    groups: Sequence[Group], values: Sequence[np.ndarray], contrasts: Sequence[Contrast], bootstrap: Bootstrap
) -> Iterable[tuple[Group, np.ndarray, np.ndarray]]:
    """Per group (group, k, rounds x k): the means of each contrast's parts added up, over the facts and over each
    resample of them; the resamples are drawn once for all."""
    places: dict[Parts, list[int]] = {}
    for place, (_, parts) in enumerate(contrasts):
        places.setdefault(parts, []).append(place)
    spoken_of = [
        (number, columns, sign, facts)
        for number, group in enumerate(groups)
        for parts, columns in places.items()
        for sign, facts in parts(group)
    ]
    tables = [
        (groups[number].facts["id"][facts], values[number][np.ix_(facts, np.array(columns))], np.ones(facts.sum()))
        for number, columns, _, facts in spoken_of
    ]
    means = np.full((len(groups), len(contrasts)), np.nan)
    draws = np.full((len(groups), ROUNDS, len(contrasts)), np.nan)
    for number, columns, _, _ in spoken_of:
        means[number, columns] = draws[number][:, columns] = 0
    for (number, columns, sign, _), (_, found, _), drawn in zip(
        spoken_of, tables, bootstrap.means(tables), strict=True
    ):
        means[number, columns] += sign * found.mean(axis=0)
        draws[number][:, columns] += sign * drawn
    return zip(groups, means, draws, strict=True)


def _facts(groups: Sequence[Group], values: Sequence[np.ndarray]) -> np.ndarray:
    """2 x k: distinct facts of one benchmark, and how many of them have a contrast other than zero; nan counts none."""
    one = pd.concat([pd.DataFrame(found, index=group.facts["id"]) for group, found in zip(groups, values, strict=True)])
    here, differing = one.notna(), one.abs() > 1e-9
    return np.array([flags.groupby(level=0).any().sum() for flags in (here, differing)])


def _asked(groups: Sequence[Group], means: Mapping[str, list[np.ndarray]]) -> list[list[int]]:
    """Per contrast: how many models, and how many benchmarks, have a value."""
    seen: list[tuple[set[str], set[str]]] = [(set(), set()) for _ in next(iter(means.values()))[0]]
    for model, found in means.items():
        benchmarks = [group.benchmark for group in groups if group.model == model]
        for benchmark, values in zip(benchmarks, found, strict=True):
            for place in np.flatnonzero(~np.isnan(values)):
                seen[place][0].add(model)
                seen[place][1].add(benchmark)
    return [[len(each[part]) for each in seen] for part in (0, 1)]


def _average(found: Mapping[str, list[np.ndarray]]) -> np.ndarray:
    """Over a model's benchmarks, then over models: arrays of k or rounds x k. What has no value (nan) is skipped."""
    return _mean([_mean(each) for each in found.values()])


def _mean(arrays: Sequence[np.ndarray]) -> np.ndarray:
    stack = np.stack(arrays)
    count = (~np.isnan(stack)).sum(axis=0)
    return np.where(count, np.nansum(stack, axis=0) / np.maximum(count, 1), np.nan)
