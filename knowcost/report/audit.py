"""The report's audit: this run beside the published protocol and the published values."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from knowcost.aggregate import audit
from knowcost.report.table import GONE, Table, columns, number, row, whole
from knowcost.spec.families import LABELS
from knowcost.spec.levels import percent_words

WAYS = {"magnitude": LABELS["final_unstructured"], "magnitude_structured": LABELS["final_structured"]}
FINAL_NOTE = (
    "Accuracy in percent. The published code saved a pruned final layer in a way that loses it when the model is "
    "loaded again: the embedding or fresh random numbers stand in its place. This run did both on purpose."
)
PUBLISHED_NOTE = (
    "Accuracy in percent. Counted as published: sentences that repeat are asked once, every mask counts, Google-RE "
    "by template, predictions compared as text in lower case. Printed: Tables 3 to 5 of the paper "
    "(resources/published). Difference: to the printed value."
)


@dataclass(frozen=True)
class Audit:
    """The section: sentences, and the tables beneath them."""

    words: list[str]
    tables: list[Table]


def section(final: pd.DataFrame, published: pd.DataFrame) -> Audit | None:
    """The audit from its two tables; None where there is nothing to audit."""
    tables = [*_final(final), *_published(published)]
    return Audit([*audit.words(final), *audit.counting_words(published)], tables) if tables else None


def _final(frame: pd.DataFrame) -> Iterator[Table]:
    if frame.empty:
        return
    accuracies = ["dense", "corrected", "as_published", "majority"]
    beside = ["drop", "lead"]
    rows = [
        row(
            [cell["model"], cell["benchmark"], WAYS.get(cell["method"], cell["method"])],
            [whole(cell["n"], GONE), percent_words(cell["level"]), *(number(cell[name]) for name in accuracies)]
            + [_points(cell, name) for name in beside],
        )
        for cell in frame.to_dict("records")
    ]
    titles = ["facts", "level", "dense", "kept", "lost, as published", "majority", "points lost, kept",
              "points above the baseline, as published"]  # fmt: skip
    heads = columns(["model", "benchmark", "removed"], titles)
    yield Table("The final layer under both protocols", FINAL_NOTE, heads, rows)


def _points(cell: Mapping[Hashable, Any], name: str) -> str:
    """ "2.0 (-1.0 to 5.0)": points with their interval."""
    low, high = number(cell[f"{name}_low"]), number(cell[f"{name}_high"])
    return number(cell[f"{name}_points"], gone=GONE) + (f" ({low} to {high})" if low and high else "")


def _published(frame: pd.DataFrame) -> Iterator[Table]:
    if frame.empty:
        return
    texts = ["model", "benchmark", "variant"]
    titles = {"n": "facts", "ours": "this run", "n_as_published": "masks", "as_published": "counted as published",
              "published": "printed", "difference": "difference"}  # fmt: skip
    titles = {name: title for name, title in titles.items() if name == "ours" or frame[name].notna().any()}
    forms = {"n": (".0f", GONE), "ours": (".1f", GONE), "n_as_published": (".0f", "")}
    rows = [
        row([cell[name] for name in texts], [number(cell[name], *forms.get(name, ())) for name in titles])
        for cell in frame.to_dict("records")
    ]
    yield Table("Beside the published values", PUBLISHED_NOTE, columns(texts, titles.values()), rows)
