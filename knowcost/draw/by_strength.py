"""Rows of panels over how strongly everything was compressed: sparsity as lines, N:M patterns and bits beside them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from knowcost.aggregate import rule
from knowcost.draw.compressed_alone import is_compressed
from knowcost.draw.style import GREY, SIZE, dot_handles, dots, finish, panels, ticks
from knowcost.draw.ways import looks, of_method
from knowcost.recover.registry import name_of
from knowcost.spec import levels
from knowcost.spec.levels import Level
from knowcost.spec.variants import parse

SPARSITY, PATTERN, BITS = "sparsity (%)", "N:M", "bits a weight"  # what the columns of panels are, left to right
COLUMNS = (SPARSITY, PATTERN, BITS)
ABOUT = 0.9  # inches that title and legend take of all panels together
INT8_BITS = 8  # of a method without levels
SIZES = {1: (7.9, 2.9), 2: (4.6, 2.7), 3: (3.4, 2.6)}  # of a panel, in inches, by how many stand in a row


class Place(NamedTuple):
    """Where a variant stands: in which of COLUMNS, in what order, and the words beneath it."""

    column: str
    order: float
    words: str


@dataclass(frozen=True)
class Row:
    """A row of panels. words: of its y axis. points: variant, method, value, low, high, decision. dense: the dense
    model's value. least: the least that still matches it, None where that is not asked."""

    title: str
    words: str
    points: pd.DataFrame
    dense: float
    least: float | None = None


Looks: TypeAlias = Mapping[str, Mapping[str, str]]  # {method: its colour and marker}


def place(slug: str) -> Place | None:
    """Where a variant stands that compresses everything in one step; None of all others."""
    variant = parse(slug)
    if variant.recovery or not is_compressed(variant):
        return None
    level = variant.steps[0].level
    percent = levels.percent(level)
    if percent is None:
        return Place(BITS, -_bits(level), f"{INT8_BITS} bit" if level is None else levels.words(level))
    if levels.kind(level) == "pattern":
        return Place(PATTERN, percent, levels.words(str(level)))
    return Place(SPARSITY, percent, f"{percent}")


def _bits(level: Level | None) -> float:
    """So that fewer bits come later, and groups of inputs before whole rows."""
    if level is None:
        return INT8_BITS
    found = levels.bits(str(level))
    return found.bits + (0.5 if found.group_size else 0.25 if found.act_order else 0)


def has_places(slugs: Sequence[str]) -> bool:
    """Whether any of these variants would be drawn."""
    return any(place(slug) for slug in slugs)


def decided(decisions: Iterable[str]) -> str:
    """What dots say of those decisions that are there, a sentence."""
    found = set(decisions)
    words = ["filled: the interval leaves out the dense model"] * bool({*rule.DIFFERENT, rule.GAINS} & found)
    words += ["hollow: it does not"] * (rule.UNSURE in found)
    words += ["small: practically equal to the dense model"] * (rule.EQUAL in found)
    return f"Dots: {'; '.join(words)}. " if words else ""


def seen(low: pd.Series, high: pd.Series) -> np.ndarray:
    """Decisions by intervals alone: whether they leave out zero."""
    return np.where((low <= 0) & (high >= 0), rule.UNSURE, rule.COSTS)


def over_strength(shown: Sequence[Row], title: str) -> Figure:
    """A row of panels for each of `shown`, with a column for each kind of strength that any of them has."""
    placed = [_placed(row.points) for row in shown]
    names = [name for name in COLUMNS if any(name in set(rows["column"]) for rows in placed)]
    styles = _styles(list(pd.concat(placed)["method"].unique()))
    width, height = SIZES[len(names)]
    size = width, height + ABOUT / len(shown)
    figure, axes = panels(len(shown) * len(names), len(names), size, sharex="col", sharey="row")
    for number, axis in enumerate(axes):
        row, name = shown[number // len(names)], names[number % len(names)]
        places = pd.concat([rows[rows["column"] == name] for rows in placed])
        points = placed[number // len(names)]
        _reference(axis, row)
        _panel(axis, row.dense, points[points["column"] == name], styles, None if name == SPARSITY else _steps(places))
        _ticks(axis, name, places, width)
        axis.set(title=row.title if number % len(names) == 0 else "", ylabel=row.words * (number % len(names) == 0))
        if number >= len(axes) - len(names):
            axis.set_xlabel(name)
    finish(figure, axes, title, _handles(shown, styles))
    return figure


def _placed(points: pd.DataFrame) -> pd.DataFrame:
    found = [place(slug) for slug in points["variant"]]
    rows = points[[each is not None for each in found]]
    places = [each for each in found if each is not None]
    return rows.assign(**{name: [getattr(each, name) for each in places] for name in Place._fields})


def _styles(methods: Sequence[str]) -> Looks:
    """As methods look side by side."""
    named = {method: of_method(method) for method in methods}
    styles = looks(named.values())
    return {method: {name: styles[each][name] for name in ("color", "marker")} for method, each in named.items()}


def _ticks(axis: Axes, name: str, places: pd.DataFrame, inches: float) -> None:
    """inches: the width of the panel."""
    if name == SPARSITY:
        ticks(axis, {0, *places["order"]}, inches)
        return
    words = _steps(places)
    axis.set_xticks(range(len(words)), [each.replace(", ", "\n") for each in words])
    axis.set_xlim(-0.6, len(words) - 0.4)
    axis.grid(visible=False, axis="x")


def _steps(places: pd.DataFrame) -> list[str]:
    """The words beneath a column of steps, the weakest first."""
    return list(places.sort_values("order", kind="stable")["words"].unique())


def _reference(axis: Axes, row: Row) -> None:
    axis.axhline(row.dense, color=GREY, linestyle="--", linewidth=1.1)
    if row.least is not None:
        axis.axhspan(row.least, row.dense, color=GREY, alpha=0.13, linewidth=0)


def _panel(axis: Axes, dense: float, points: pd.DataFrame, styles: Looks, steps: Sequence[str] | None) -> None:
    """steps: the words beneath it, None of a panel over sparsity."""
    methods = [method for method in styles if method in set(points["method"])]
    for number, method in enumerate(methods):
        mine = points[points["method"] == method].sort_values("order", kind="stable")
        if steps is None:
            _line(axis, dense, mine, styles[method])
        else:
            shift = 0.6 * ((number + 0.5) / len(methods) - 0.5)
            _marks(axis, mine, [steps.index(words) + shift for words in mine["words"]], styles[method])


def _line(axis: Axes, dense: float, mine: pd.DataFrame, style: Mapping[str, str]) -> None:
    """From the dense model on; a lone level has no line, since what lies between is not known."""
    if len(mine) > 1:
        x = [0, *mine["order"]]
        axis.plot(x, [dense, *mine["value"]], color=style["color"], alpha=0.8)
    _marks(axis, mine, list(mine["order"]), style)


def _marks(axis: Axes, mine: pd.DataFrame, x: Sequence[float], style: Mapping[str, str]) -> None:
    axis.vlines(x, mine["low"], mine["high"], color=style["color"], linewidth=1.1, alpha=0.7)
    dots(axis, x, mine["value"], mine["decision"], style)


def _handles(shown: Sequence[Row], styles: Looks) -> list[Artist]:
    made: list[Artist] = []
    for method, style in styles.items():
        marks: dict[str, Any] = {**style, "markersize": SIZE}
        made.append(Line2D([], [], label=name_of(method), **marks))
    made.append(Line2D([], [], color=GREY, linestyle="--", linewidth=1.1, label="dense"))
    if any(row.least is not None for row in shown):
        made.append(Patch(color=GREY, alpha=0.2, linewidth=0, label="within the tolerance"))
    return made + dot_handles(pd.concat([row.points for row in shown])["decision"])
