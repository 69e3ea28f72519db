"""The report's tables of what was lost: the smallest variants that keep most, drops, and accuracies."""

from collections.abc import Iterator

import pandas as pd

from knowcost.aggregate.paper_tables import grid
from knowcost.compress.wording import scope_in_words
from knowcost.recover.registry import name_of
from knowcost.report.table import (
    GONE,
    LEGEND,
    Cell,
    Column,
    Table,
    columns,
    estimate,
    interval,
    number,
    row,
    variant,
    whole,
)
from knowcost.spec.families import LABELS
from knowcost.spec.variants import BROUGHT, parse

UNPRUNED = "no level"  # the title of the column of variants without a strength


def cheapest(frame: pd.DataFrame) -> Iterator[Table]:
    """The smallest variant of each model, by what has to be kept."""
    if frame.empty:
        return
    note = (
        "The variant that saves most bytes of those that are shown to keep so many percent of what the dense model "
        "knew: the lower bound, which holds for all of the model's variants at once, reaches it."
    )
    if any(parse(slug).recovery for slug in frame["variant"] if slug):
        note += " The bytes of recovered variants are those of base and adapter."
    heads = [Column("model"), Column("keep at least (%)", True), Column("smallest variant")]
    heads += columns([], ["bytes saved (%)", "kept (%)", "at least (%)", "points lost"])
    rows = []
    for best in frame.to_dict("records"):
        start = [Cell(best["model"]), Cell(whole(best["keep_at_least"]), "number")]
        if not best["variant"]:
            rows.append([*start, Cell("none is shown to", "quiet"), *row([], [GONE] * 4)])
            continue
        shares = [number(best[name]) for name in ("bytes_saved_percent", "kept_percent", "kept_least")]
        lost = estimate(interval(best, "drop_points", "drop"))
        rows.append([*start, variant(best["variant"]), *row([], shares), lost])
    yield Table("Smallest variant, by what has to be kept", note, heads, rows)


def drops(frame: pd.DataFrame) -> Iterator[Table]:
    """A table per family: points lost, a row per method and scope, a column per strength."""
    note = (
        f"Points of accuracy against the dense model, mean over benchmarks, then models; 95% intervals below. {LEGEND}"
    )
    for family, rows in frame.groupby("family", sort=False):
        ordered = rows.sort_values("level", kind="stable", na_position="first")
        strengths = [strength or UNPRUNED for strength in ordered["strength"].unique()]
        made: dict[tuple[str, str], list[Cell]] = {}
        for drop in rows.to_dict("records"):
            nowhere = drop["experiment"] == BROUGHT or not drop["scope"]
            where = "" if nowhere else _scope(drop["scope"], drop["grouping"])
            key = (name_of(drop["method"]), where)
            cells = made.setdefault(key, row(key, [""] * len(strengths)))
            place = len(key) + strengths.index(drop["strength"] or UNPRUNED)
            cells[place] = estimate(interval(drop, "drop_points", "drop"), drop["decision"])
        title = f"Points of accuracy lost: {LABELS[str(family)]} models"
        yield Table(title, note, columns(["method", "scope"], strengths), list(made.values()))


def _scope(scope: str, grouping: str) -> str:
    return LABELS[scope] if scope == "mixed" else scope_in_words(scope, grouping)


def accuracies(scores: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model: accuracy, a row per variant and a column per benchmark."""
    note = f"Percent of facts answered right. {GONE} is a missing cell."
    for model, rows in grid(scores).groupby("model", sort=False):
        names, slugs = list(rows["benchmark"].unique()), rows["variant"].unique()
        cells = dict(zip(zip(rows["variant"], rows["benchmark"], strict=True), 100 * rows["accuracy"], strict=True))
        made = [[variant(slug), *row([], [number(cells.get((slug, n)), gone=GONE) for n in names])] for slug in slugs]
        yield Table(f"Accuracy of {model}", note, columns(["variant"], names), made, folded=True)
