"""Panels in which several methods stand side by side, over how strongly they compressed: points of accuracy lost, with
intervals. Each point is a link to its facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from knowcost.aggregate import rule
from knowcost.draw import baseline
from knowcost.draw.style import (
    APART,
    FILLED,
    GREY,
    SHOWN,
    SIZE,
    SMALL,
    TICK,
    dot_handles,
    finish,
    label,
    panels,
)
from knowcost.draw.ways import BITS, PRUNING, Way, looks, ordered

LOST = "accuracy lost (points)"
AXES = {PRUNING: "sparsity (% of the scope's weights)", BITS: "bits a weight"}
SHAPES = {1: (1, 9.6, 3.7), 2: (2, 5.2, 3.3), 4: (2, 5.2, 2.9)}  # number of panels: columns, inches of each
MANY = 3, 3.5, 2.6  # of any other number
HEAD, ENTRY, ABREAST = 0.5, 0.23, 3  # inches of the title and of a line of the legend, which has so many entries
SMALLER = 0.8  # the size of markers in panels that are many
LOOK = {**SHOWN, rule.EQUAL: {**SMALL, "markersize": 4.8}}  # small, but so that the shape is seen
ROOM = 0.07  # share of a panel above and below its data


@dataclass(frozen=True)
class Panel:
    """rows: way, at, value, low, high (points lost), decision, link; no value where a cell is missing. baseline:
    points that a model loses which always gives the most frequent answer, nan without."""

    title: str
    rows: pd.DataFrame
    baseline: float


@dataclass(frozen=True)
class Scale:
    """The x axis that all panels of a figure share.

    steps: the numbers of bits, the most first; None over sparsity. first: the weakest level of all lines. widest: the
    last place on it. per_point: of its units in a typographic point. aside: {(way, at): how far a marker is moved,
    so that what stands at one level, and may be equal, is seen beside each other}. marker: the size of markers, 1 as
    elsewhere.
    """

    steps: Sequence[float] | None
    first: float
    widest: float
    per_point: float
    aside: Mapping[tuple[Way, float], float]
    marker: float

    def x(self, rows: pd.DataFrame) -> np.ndarray:
        """Where rows stand: percent as they are, bits in steps of one, each moved aside."""
        places = rows["at"] if self.steps is None else rows["at"].map(self.steps.index)
        aside = [self.aside[pair] for pair in zip(rows["way"], rows["at"], strict=True)]
        return places.to_numpy(float) + np.array(aside, float)


def _scale(rows: pd.DataFrame, over_bits: bool, inches: float) -> Scale:
    """rows: of all panels; inches: the width of one."""
    steps = sorted(rows["at"].unique(), reverse=True) if over_bits else None
    widest = rows["at"].max() if steps is None else len(steps) - 1
    per_point = (1.1 * widest if steps is None else len(steps)) / (72 * 0.85 * inches)
    levels = sorted(rows["at"].unique())
    nearest = 1.0 if steps else min(np.diff([0, *levels]))
    aside: dict[tuple[Way, float], float] = {}
    for at in levels:
        here = ordered(rows["way"][rows["at"] == at])
        apart = min(APART * per_point, 0.4 * nearest / len(here))
        aside |= {(each, at): apart * (number - (len(here) - 1) / 2) for number, each in enumerate(here)}
    return Scale(
        steps,
        min(rows["at"][_of_lines(rows)], default=0),
        widest,
        per_point,
        aside,
        SMALLER if inches == MANY[1] else 1,
    )


def draw(kind: str, shown: Sequence[Panel], every: Sequence[Way], margin: float, title: str) -> Figure:
    """A panel for each of `shown`; kind: PRUNING or BITS; every: the ways of the family; margin: in points."""
    columns, width, height = SHAPES.get(len(shown), MANY)
    rows = pd.concat([panel.rows for panel in shown])
    scale, styles, (low, high) = _scale(rows, kind == BITS, width), looks(every), _reach(rows, margin)
    dashed = any(baseline.is_within(panel.baseline, (low, high)) for panel in shown)
    handles = [*_handles(shown, styles), *_others(rows, dashed, margin)]
    about = HEAD + ENTRY * -(-len(handles) // ABREAST)
    height += about / -(-len(shown) // columns)
    figure, axes = panels(len(shown), columns, (width, height), sharex=True, sharey=True)
    axes[0].set_ylim(low, high)
    for axis, panel in zip(axes, shown, strict=True):
        axis.axhspan(-margin, margin, color=GREY, alpha=0.13, linewidth=0)
        axis.axhline(0, color="#444444", linewidth=0.9)
        for way in ordered(panel.rows["way"]):
            _draw_way(axis, panel.rows[panel.rows["way"] == way], scale, styles[way])
        baseline.mark(axis, panel.baseline, (low, high))
        axis.set_title(panel.title)
    _ticks(axes, rows, scale)
    label(axes, AXES[kind], LOST)
    finish(figure, axes, title, handles)
    return figure


def _reach(rows: pd.DataFrame, margin: float) -> tuple[float, float]:
    """How far down and up the panels reach: as far as intervals do, and the margin. What always gives the most frequent
    answer does not stretch them."""
    ends = rows[["value", "low", "high"]]
    low, high = min(-margin, ends.min().min()), max(2 * margin, ends.max().max())
    room = ROOM * (high - low)
    return low - room, high + room


def _draw_way(axis: Axes, mine: pd.DataFrame, scale: Scale, style: Mapping[str, Any]) -> None:
    """A line with its band, broken where a level is missing; a lone level is a marker with a bar.

    A line begins at the dense model where its weakest level is that of the figure: what lies before others that were
    run is not known. Over bits it begins at the most.
    """
    mine = mine.sort_values("at", ascending=scale.steps is None)
    x, values, colour = scale.x(mine), mine[["value", "low", "high"]].to_numpy(float), style["color"]
    if is_line(mine):
        from_dense = scale.steps is None and mine["at"].iloc[0] == scale.first
        along, path = (np.r_[0, x], np.vstack([np.zeros(3), values])) if from_dense else (x, values)
        axis.plot(along, path[:, 0], color=colour, linestyle=style["linestyle"], linewidth=1.6)
        axis.fill_between(along, path[:, 1], path[:, 2], color=colour, alpha=0.14, linewidth=0)
    else:
        axis.vlines(x, values[:, 1], values[:, 2], color=colour, linewidth=1.3)
    for place, row in zip(x, mine.to_dict("records"), strict=True):
        if pd.notna(row["value"]):
            look = LOOK.get(row["decision"], FILLED)
            marks = {"color": colour, "marker": style["marker"], "linestyle": "", "zorder": 3}
            marks |= look | {"markersize": scale.marker * look["markersize"]}
            axis.plot([place], [row["value"]], url=row["link"], **marks)


def _of_lines(rows: pd.DataFrame) -> list[bool]:
    return [not way.pattern for way in rows["way"]]


def is_line(mine: pd.DataFrame) -> bool:
    """Whether a way's rows in a panel are joined: N:M are points at their share of zeros."""
    return mine["value"].notna().sum() > 1 and not mine["way"].iloc[0].pattern


def _ticks(axes: Sequence[Axes] | np.ndarray, rows: pd.DataFrame, scale: Scale) -> None:
    """A tick at every level that was run, and a number at as many as have room, those of lines before those of N:M."""
    if scale.steps is not None:
        axes[0].set_xticks(range(len(scale.steps)), [f"{bits:g}" for bits in scale.steps])
        axes[0].set_xlim(-0.5, scale.widest + 0.5)
        return
    named: list[float] = []
    for level in [0, *sorted(rows["at"][_of_lines(rows)].unique()), *sorted(rows["at"].unique())]:
        if all(abs(level - other) >= TICK * scale.per_point for other in named):
            named.append(level)
    levels = sorted({0, *rows["at"]})
    axes[0].set_xticks(levels, [f"{level:g}" if level in named else "" for level in levels])
    axes[0].set_xlim(-0.04 * scale.widest, 1.06 * scale.widest)


def _handles(shown: Sequence[Panel], styles: Mapping[Way, Mapping[str, Any]]) -> list[Artist]:
    """The legend's entries for the ways, with a line where one is drawn."""
    parts = [mine for panel in shown for _, mine in panel.rows.groupby("way")]
    joined = {mine["way"].iloc[0] for mine in parts if is_line(mine)}
    found = {way: {**styles[way], **({} if way in joined else {"linestyle": ""})} for way in styles}
    return [
        Line2D([], [], markersize=SIZE, label=way.words[0].upper() + way.words[1:], **found[way])
        for way in ordered(mine["way"].iloc[0] for mine in parts)
    ]


def _others(rows: pd.DataFrame, dashed: bool, margin: float) -> list[Artist]:
    made = dot_handles(rows["decision"])
    points = f"{margin:g} point{'s' * (margin != 1)}"
    made.append(Patch(color=GREY, alpha=0.2, linewidth=0, label=f"within the margin ({points})"))
    if dashed:
        made.append(baseline.handle())
    return made
