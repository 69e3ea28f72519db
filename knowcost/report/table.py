"""Tables of the report: what the template prints, and how a number is written."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from knowcost.aggregate import rule
from knowcost.recover.wording import in_words

MINUS = "\N{MINUS SIGN}"
GONE = "\N{EN DASH}"  # a missing cell
DECISIONS = {  # the classes of report.css for what rule.decide says
    rule.COSTS: "costs", rule.GAINS: "gains", rule.EQUAL: "quiet", rule.SMALL: "small", rule.UNSURE: "unsure",
    rule.NOT_RUN: "quiet", rule.NOTHING: "quiet",
}  # fmt: skip
LEGEND = (
    "Bold: costs, or gains (underlined). Plain: small but real. Grey: practically equal. Italic with a question mark: "
    "not measured precisely enough."
)


class Column(NamedTuple):
    """A column's title, and whether it holds numbers."""

    title: str
    number: bool = False


class Cell(NamedTuple):
    """A cell's text, and its classes of report.css: number, quiet, those of DECISIONS."""

    text: str
    style: str = ""


class Told(Cell):
    """A cell with more: what stands small below its text, and what is shown where one points at it."""

    below: str
    title: str

    def __new__(cls, text: str, style: str = "", below: str = "", title: str = "") -> "Told":
        made = super().__new__(cls, text, style)
        made.below, made.title = below, title
        return made


@dataclass(frozen=True)
class Table:
    """A table with what stands above it. folded: closed until it is clicked. id: what links of the page name, if any
    does."""

    title: str
    note: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False
    id: str = ""


def columns(texts: Iterable[str], numbers: Iterable[str] = ()) -> list[Column]:
    """Columns of these titles: first those of texts, then those of numbers."""
    return [*(Column(title) for title in texts), *(Column(title, True) for title in numbers)]


def row(texts: Iterable[str], numbers: Iterable[str] = ()) -> list[Cell]:
    """The cells of a row: first texts, then numbers as text."""
    return [*map(Cell, texts), *(Cell(text, "number") for text in numbers)]


def variant(slug: str) -> Told:
    """A variant in words, its slug where one points at it."""
    return Told(in_words(slug), "words", title=slug)


def estimate(numbers: tuple[float, float, float], decision: str = "", form: str = ".1f") -> Told:
    """A number with its interval below, in the style of its decision. numbers: value, low, high."""
    value, low, high = numbers
    ends = "" if pd.isna(low) or pd.isna(high) else f"{number(low, form)} to {number(high, form)}"
    text = number(value, form, GONE) + ("?" if decision == rule.UNSURE and pd.notna(value) else "")
    style = f"number {DECISIONS.get(decision, '')}".strip()
    return Told(text.replace("-", MINUS), style, ends.replace("-", MINUS), decision)


def interval(record: Mapping[Hashable, Any], value: str, name: str, times: float = 1) -> tuple[float, float, float]:
    """(value, low, high) of a table's row: its column `value`, <name>_low and <name>_high."""
    return times * record[value], times * record[f"{name}_low"], times * record[f"{name}_high"]


def number(value: float | None, form: str = ".1f", gone: str = "") -> str:
    """A number as text, with thousands apart and never "-0.0"; `gone` where it is None or nan.

    form: precision and type as Python's format takes them.
    """
    return gone if value is None or pd.isna(value) else format(float(value), f"z,{form}")


def whole(value: float | None, gone: str = "") -> str:
    """A count as text."""
    return number(value, ".0f", gone)


def signed(value: float) -> str:
    """+12.3, +0.45, -0.004 or 0: small differences keep their digits, and what is not zero does not look like it."""
    size = abs(value)
    if size < 0.0005:  # the tables' last digit
        return "0"
    form = ".1f" if size >= 0.995 else ".2f" if size >= 0.005 else ".3f"
    return ("+" if value > 0 else MINUS) + number(size, form)
