"""The report's tables of what is above chance, of what was known and not guessed, and of whether the rare go first."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from knowcost.draw.words import RARE_FIRST
from knowcost.report.table import GONE, LEGEND, Cell, Column, Table, columns, estimate, interval, variant
from knowcost.spec.variants import DENSE

BY = {"popularity": "popularity", "frequency": "frequency of the answer"}
NO_LEAD = Cell("no lead", "number quiet")

Record = Mapping[Hashable, Any]


def above_chance(scores: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model: its lead over the baseline, and what share of it each variant lost."""
    note = (
        "The baseline always gives the most frequent answer, or guesses, whichever is better. First row: the points of "
        "accuracy by which the dense model is above it. Further rows: percent of that lead that is lost; 100 is the "
        "baseline. No lead: the dense model is not shown to be above the baseline, so it has nothing there to lose."
    )
    yield from _by_model(scores[scores["lead_points"].notna()], "Above chance: {}", note, _lead)


def _lead(cell: Record) -> Cell:
    if cell["variant"] == DENSE:
        return estimate(interval(cell, "lead_points", "lead"))
    return NO_LEAD if pd.isna(cell["lead_lost_percent"]) else estimate(interval(cell, "lead_lost_percent", "lead_lost"))


def not_guessed(scores: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model: the share of facts that it knows beyond guessing, and what of it each variant keeps."""
    note = (
        "If a share k of the facts is known and the rest is guessed among its choices, with probability g, then "
        "k = (accuracy - g) / (1 - g). First row: k of the dense model, in percent. Further rows: percent of it that "
        "is kept. No lead: the dense model is not shown to know more than guessing gives."
    )
    yield from _by_model(scores[scores["not_guessed_percent"].notna()], "Known beyond guessing: {}", note, _kept)


def _kept(cell: Record) -> Cell:
    if cell["variant"] == DENSE:
        return estimate((cell["not_guessed_percent"], float("nan"), float("nan")))
    if pd.isna(cell["not_guessed_kept_percent"]):
        return NO_LEAD
    return estimate(interval(cell, "not_guessed_kept_percent", "not_guessed_kept"))


def rare(first: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model: whether rare facts are forgotten first, net of the dense model's confidence."""
    note = (
        "Of the facts that the dense model knew: how many percentage points more are forgotten of the rarest quarter "
        "than of the least rare, among facts that the dense model is equally sure of (compared within quarters of its "
        f"confidence and weighed by their size). 95% intervals below. {LEGEND}"
    )
    named = first.assign(benchmark=first["benchmark"] + ", by " + first["by"].map(BY))
    yield from _by_model(named, f"{RARE_FIRST} {{}}", note, _earlier)


def _earlier(cell: Record) -> Cell:
    return estimate(interval(cell, "difference_points", "difference"), cell["decision"])


def _by_model(frame: pd.DataFrame, title: str, note: str, told: Callable[[Record], Cell]) -> Iterator[Table]:
    for model, rows in frame.groupby("model", sort=False):
        heads, made = _wide(rows, told)
        yield Table(title.format(model), note, heads, made, folded=True)


def _wide(frame: pd.DataFrame, told: Callable[[Record], Cell]) -> tuple[list[Column], list[list[Cell]]]:
    """(columns, rows): a row per variant, the dense model's first, a column per benchmark, cells by `told`."""
    names, slugs = list(frame["benchmark"].unique()), sorted(frame["variant"].unique(), key=lambda slug: slug != DENSE)
    cells = {(cell["variant"], cell["benchmark"]): told(cell) for cell in frame.to_dict("records")}
    rows = [[variant(slug), *(cells.get((slug, name), Cell(GONE, "number")) for name in names)] for slug in slugs]
    return columns(["variant"], names), rows
