"""Verdicts on the papers' claims (papers/claim.py), from the facts of a run, as two tables: of claims, and of the
levels and comparisons behind them.

`holds`, `fails`: beyond doubt on one side (judging.py), p below 0.05 after Holm's correction over all verdicts of the
table. `holds in part`, `fails in part`: at the mean of the levels that the claim speaks of, not at each of them; the
levels of a claim are corrected among themselves. `no difference`: the interval lies within the margin.
`not precise enough`: none of these. `not run`: cells are missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import pandas as pd

from knowcost.aggregate import judged_claims, rule, smaller, why, windows
from knowcost.aggregate.comparisons import Comparison, Measured, Removed, measure
from knowcost.aggregate.judging import Judged, excludes_zero, judge
from knowcost.aggregate.statistics import Group
from knowcost.papers.claim import (
    FACTS,
    FAILS,
    FAILS_IN_PART,
    HOLDS,
    HOLDS_IN_PART,
    JUDGED,
    MAJORITY,
    NOT_RUN,
    SERIES,
    SLOPE,
    UNSURE,
    ByLevel,
    Claim,
)
from knowcost.spec.families import FAMILIES
from knowcost.spec.variants import DENSE

Row = dict[str, Any]

NUMBERS = ["estimate", "low", "high", "p", "per_weight", "per_weight_low", "per_weight_high", "clusters", "differing"]
COLUMNS = ["claim", "paper", "section", "sentence", "family", "contrast", "unit", *NUMBERS, "holm_p", "verdict", "why",
           "measured", "needed", "facts", "models", "benchmarks", "missing", "left_out"]  # fmt: skip
LEVELS = ["claim", "paper", "family", "contrast", "level", *NUMBERS, "verdict", "mean", "mean_low", "mean_high"]


@dataclass(frozen=True)
class Run:
    """A claim on a family of this run: the variants that it compares there and its comparisons, none if nothing that it
    compares was run."""

    claim: Claim
    family: str
    variants: set[str]
    comparisons: list[Comparison]

    @property
    def counts(self) -> bool:
        """Whether there is something to judge: no cell is missing, and something is known."""
        return bool(self.comparisons) and all(each.models and not each.missing for each in self.comparisons)

    def margin(self, margin: float) -> float | None:
        """The margin of its differences, None where they are from a border."""
        return margin if all(each.has_margin for each in self.comparisons) else None

    def at(self, level: int) -> list[Measured]:
        """What was measured at a level that a comparison speaks of."""
        return [each.levels[level] for each in self.comparisons if level in each.levels]

    @property
    def levels(self) -> list[int]:
        """The levels that the comparisons speak of."""
        return sorted({level for each in self.comparisons for level in each.levels})


def verdicts(
    groups: Sequence[Group],
    claims: Sequence[Claim],
    margin: float,
    removed: Removed,
    texts: Mapping[str, pd.DataFrame] | None = None,
    sizes: smaller.Sizes | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(a row per claim and family of this run that it speaks of, a row per comparison and level behind it).

    groups: statistics.Group of every model; margin: of rule.decide; removed: comparisons.removed; texts: what claims
    about windows and judged texts compare, windows.of_cells and judged_claims.of_judgements; sizes: of the models, for
    claims about a series of them.
    """
    runs: list[Run] = []
    for claim in claims:
        if claim.about == FACTS:
            runs += _runs(groups, claim, removed)
        elif claim.about == SERIES:
            runs += _of_series(groups, claim, sizes or smaller.Sizes(), removed)
        else:
            runs += _of_texts(groups, claim, texts or {})
    counted = [run for run in runs if run.counts]
    means = [[each.mean for each in run.comparisons] for run in counted]
    judged = iter(judge(means, [run.margin(margin) for run in counted]))
    rows: list[Row] = []
    levels: list[Row] = []
    for run in runs:
        mine = next(judged) if run.counts else None
        at = _at_levels(run, margin) if mine else {}
        rows.append(_row(run, mine, at, margin))
        levels += _level_rows(run, rows[-1]["verdict"], at) if mine else ()
    return pd.DataFrame(rows, columns=COLUMNS), pd.DataFrame(levels, columns=LEVELS)


def _runs(groups: Sequence[Group], claim: Claim, removed: Removed) -> Iterator[Run]:
    """The claim on each family of this run that it speaks of."""
    for family in FAMILIES:
        mine = [group for group in groups if group.family == family]
        if family in claim.families and mine:
            slugs = {slug for group in mine for slug in group.right}
            made = claim.contrasts(slugs) if slugs else {}
            if not _compared(made) & slugs:
                made = {}
            compared = [measure(mine, words, each, claim.parts, removed) for words, each in made.items()]
            yield Run(claim, family, _compared(made), compared)


def _of_series(groups: Sequence[Group], claim: Claim, sizes: smaller.Sizes, removed: Removed) -> Iterator[Run]:
    """The claim about models of one making in several sizes, on each family that it speaks of."""
    for family in FAMILIES:
        mine = [group for group in groups if group.family == family]
        if family in claim.families and mine:
            made = list(smaller.comparisons(claim, mine, sizes, removed))
            compared = [each for _, each in made] or [Comparison("", missing=[smaller.MISSING])]
            yield Run(claim, family, {slug for slug, _ in made}, compared)


def _of_texts(groups: Sequence[Group], claim: Claim, texts: Mapping[str, pd.DataFrame]) -> Iterator[Run]:
    """The claim about windows of texts, or judged texts, on each family of this run that it speaks of."""
    rows = texts.get(claim.about, pd.DataFrame(columns=windows.COLUMNS))
    for family in FAMILIES:
        mine = rows[rows["family"] == family]
        slugs = {slug for group in groups if group.family == family for slug in group.right} | set(mine["variant"])
        if family in claim.families and slugs:
            made = claim.contrasts(slugs)
            compared = [_measure(claim, mine, words, each) for words, each in made.items()]
            yield Run(claim, family, _compared(made), compared)


def _measure(claim: Claim, rows: pd.DataFrame, words: str, by_level: ByLevel) -> Comparison:
    if claim.about == JUDGED:
        return judged_claims.measure(rows, words, by_level, claim.parts)
    return windows.measure(rows, words, by_level)


def _compared(made: dict[str, ByLevel]) -> set[str]:
    """The compressed variants of these comparisons."""
    return {slug for by_level in made.values() for each in by_level.values() for slug in each} - {DENSE, MAJORITY}


def _at_levels(run: Run, margin: float) -> dict[int, Judged]:
    """The verdict at each level, corrected among themselves; none where there is one level or none."""
    judged = judge([run.at(level) for level in run.levels], [run.margin(margin)] * len(run.levels))
    return dict(zip(run.levels, judged, strict=True))


def _row(run: Run, judged: Judged | None, at: dict[int, Judged], margin: float) -> Row:
    """The claim's row: the comparison that speaks most against it, with the verdict on all."""
    claim = run.claim
    row: Row = {name: getattr(claim, name) for name in ("paper", "section", "sentence", "unit")}
    row |= {"claim": claim.id, "family": run.family}
    left_out = list(dict.fromkeys(each for comparison in run.comparisons for each in comparison.left_out))
    row |= {"left_out": "; ".join(left_out), "missing": "", "measured": "", "needed": nan}
    if judged is None:
        missing = list(dict.fromkeys(cell for comparison in run.comparisons for cell in comparison.missing))
        if missing or not run.comparisons:
            words = why.missing(missing)
            return row | {"verdict": NOT_RUN, "missing": words, "why": words}
        return row | {"verdict": UNSURE, "why": why.nothing_known(left_out), "contrast": run.comparisons[0].words}
    worst = run.comparisons[judged.worst]
    verdict = _in_part(judged.verdict, at)
    if verdict == UNSURE and claim.about in (FACTS, SERIES):
        row["needed"] = _needed(worst, run.margin(margin) or 0.0)
    row |= {"contrast": worst.words, "verdict": verdict, "holm_p": judged.corrected, **_numbers(worst.mean)}
    row |= {name: getattr(worst, name) for name in ("facts", "models", "benchmarks")}
    row["measured"] = why.measured(run.variants, claim.unit == SLOPE, bool(run.levels))
    return row | {"why": why.words(judged, worst, verdict, at, margin)}


def _needed(worst: Comparison, margin: float) -> float:
    """About how many facts would decide; nan where more facts alone are not what is missing."""
    points = worst.mean.points
    if excludes_zero(points) or (points.value == 0 and margin == 0):
        return nan
    numbers = points.value, points.low, points.high
    return rule.needed(worst.facts, numbers, margin, worst.mean.differing)


def _in_part(verdict: str, at: dict[int, Judged]) -> str:
    if all(each.verdict == verdict for each in at.values()):
        return verdict
    return {HOLDS: HOLDS_IN_PART, FAILS: FAILS_IN_PART}.get(verdict, verdict)


def _numbers(measured: Measured) -> Row:
    points, scaled = measured.points, measured.per_weight
    numbers = (points.value, points.low, points.high, points.p, scaled.value, scaled.low, scaled.high)
    return dict(zip(NUMBERS, (*numbers, measured.clusters, measured.differing), strict=True))


def _level_rows(run: Run, verdict: str, at: dict[int, Judged]) -> Iterator[Row]:
    """A row per comparison and level, or per comparison where it has one level or none, with the mean beside it."""
    for each in run.comparisons:
        about: Row = {"claim": run.claim.id, "paper": run.claim.paper, "family": run.family, "contrast": each.words}
        mean = each.mean.points
        about |= {"mean": mean.value, "mean_low": mean.low, "mean_high": mean.high}
        for level, measured in each.levels.items():
            yield about | {"level": level, "verdict": at[level].verdict, **_numbers(measured)}
        if not each.levels:
            yield about | {"level": nan, "verdict": verdict, **_numbers(each.mean)}
