"""The one table that answers: per model and variant its bytes and losses, and what a budget says of it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from knowcost.aggregate.affordable import NO, UNSURE, YES
from knowcost.common.display import size
from knowcost.draw.links import facts
from knowcost.recover.wording import in_words
from knowcost.report.table import GONE, Told, estimate, number, whole
from knowcost.spec.variants import DENSE

STYLES = {YES: "holds", NO: "fails", UNSURE: "unsure"}  # of report.css
NUMBERS = {"real": "real_bytes", "loaded": "loaded_bytes", "mean": "drop_points", "low": "drop_low",
           "high": "drop_high"}  # fmt: skip
NONE = "no compression is shown to be within the budget"


@dataclass(frozen=True)
class Line:
    """A variant. data: what the page's script judges by, {name: a number as text, "" where there is none}."""

    variant: str
    words: str
    link: str
    verdict: str
    style: str
    why: str
    format: str
    real: str
    loaded: str
    bits: str
    mean: Told
    worst: Told
    seconds: str
    data: dict[str, str]


@dataclass(frozen=True)
class Model:
    """smallest: the compression with the fewest bytes of those that the budget allows, in words; timed: whether its
    seconds were measured."""

    name: str
    smallest: str
    timed: bool
    lines: Sequence[Line]


@dataclass(frozen=True)
class Section:
    """budget: what was configured, in words; size, points: the same as text for inputs, in millions of bytes."""

    budget: str
    size: str
    points: str
    models: Sequence[Model]

    @property
    def timed(self) -> bool:
        """Whether seconds of any model were measured."""
        return any(model.timed for model in self.models)


def section(frame: pd.DataFrame) -> Section | None:
    """What the page shows of the table `affordable`; None where nothing was compressed."""
    if frame.empty or (frame["variant"] == DENSE).all():
        return None
    first = frame.iloc[0]
    limit, points = first["size_budget"], _exact(first["points_budget"])
    words = f"lose at most {points} points of accuracy"
    if pd.notna(limit):
        words = f"fit into {size(int(limit))} once loaded, and {words}"
    models = [_model(str(name), rows) for name, rows in frame.groupby("model", sort=False)]
    return Section(words, "" if pd.isna(limit) else _exact(limit / 1e6), points, models)


def _model(name: str, rows: pd.DataFrame) -> Model:
    """The variants that the budget allows, the smallest first, then those of which it cannot tell, then the rest."""
    place = rows["verdict"].map({YES: 0, UNSURE: 1, NO: 2})
    ordered = rows.assign(place=place).sort_values(["place", "real_bytes", "drop_points"], kind="stable")
    lines = [_line(row) for row in ordered.to_dict("records")]
    first = lines[0]
    allowed = first.verdict == YES and first.variant != DENSE
    timed = bool(rows["seconds_per_1000_tokens"].notna().any())
    return Model(name, f"{first.words}, {first.real}" if allowed else NONE, timed, lines)


def _line(row: Mapping[Hashable, Any]) -> Line:
    benchmark = row["worst_benchmark"]
    worst = estimate((row["worst_points"], row["worst_low"], row["worst_high"]))
    beside = f"{worst.text} on {benchmark}" if benchmark else GONE
    return Line(
        variant=row["variant"],
        words=in_words(row["variant"]) if row["variant"] != DENSE else "uncompressed",
        link=facts(row["model"], row["variant"], v="forgotten"),
        verdict=row["verdict"],
        style=STYLES[row["verdict"]],
        why=row["why"],
        format=row["format"],
        real=_size(row["real_bytes"]),
        loaded=_size(row["loaded_bytes"]),
        bits=whole(row["bits_per_fact_kept"], GONE),
        mean=estimate((row["drop_points"], row["drop_low"], row["drop_high"])),
        worst=Told(beside, "", worst.below, ""),
        seconds=number(row["seconds_per_1000_tokens"], ".3g", GONE),
        data={name: "" if pd.isna(row[column]) else _exact(row[column]) for name, column in NUMBERS.items()},
    )


def _exact(value: float) -> str:
    """A number with all its digits, since the page's script judges by it."""
    return repr(float(value)).removesuffix(".0")


def _size(count: float) -> str:
    return GONE if pd.isna(count) else size(int(count))
