"""The report's tables of what was lost: the smallest variants that keep most, drops, and accuracies."""

from collections.abc import Iterator

import pandas as pd

from knowcost.aggregate import rule
from knowcost.aggregate.paper_tables import grid
from knowcost.report.table import GONE, Cell, Table, columns, number, of_frame, row
from knowcost.spec.families import LABELS
from knowcost.spec.variants import GROUPINGS, treatments

UNPRUNED = "no pruning"  # the title of the column of variants without a strength


def cheapest(frame: pd.DataFrame) -> Iterator[Table]:
    """The smallest variant of each model, by what has to be kept."""
    there = frame[frame["variant"] != ""].drop(columns="family")
    if len(there):
        note = "The variant that saves most bytes while it keeps so many percent of what the dense model knew."
        yield of_frame(there, "Smallest variant, by what has to be kept", note)


def drops(frame: pd.DataFrame) -> Iterator[Table]:
    """A table per family: relative drops, a row per method and scope, a column per strength."""
    note = "Percent of the dense model's accuracy, mean over benchmarks, then models. Grey: nothing measurable."
    for family, rows in frame.groupby("family", sort=False):
        ordered = rows.sort_values("level", kind="stable", na_position="first")
        strengths = [strength or UNPRUNED for strength in ordered["strength"].unique()]
        made: dict[tuple[str, str], list[Cell]] = {}
        for drop in rows.to_dict("records"):
            key = (" + ".join(treatments(drop["method"])), _scope(drop["scope"], drop["grouping"]))
            cells = made.setdefault(key, row(key, [""] * len(strengths)))
            place = len(key) + strengths.index(drop["strength"] or UNPRUNED)
            style = "number" if drop["decision"] in (rule.COSTS, rule.SMALL) else "number quiet"
            cells[place] = Cell(number(drop["drop_percent"], gone=GONE), style)
        title = f"Drop in accuracy: {LABELS[str(family)]} models"
        yield Table(title, note, columns(["method", "scope"], strengths), list(made.values()))


def _scope(scope: str, grouping: str) -> str:
    return scope if grouping in ("", GROUPINGS[0]) else f"{scope} ({grouping})"


def accuracies(scores: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model: accuracy, a row per variant and a column per benchmark."""
    note = f"Percent of facts answered right. {GONE} is a missing cell."
    for model, rows in grid(scores).groupby("model", sort=False):
        wide = rows.assign(percent=100 * rows["accuracy"]).pivot(index="variant", columns="benchmark", values="percent")
        wide = wide.reindex(index=rows["variant"].unique(), columns=rows["benchmark"].unique())
        wide = wide.rename_axis(columns=None).reset_index()
        yield of_frame(wide, f"Accuracy of {model}", note, folded=True)
