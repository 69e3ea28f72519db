"""Two plots, drawn from long rows: lines over sparsity, and bars per model. What is missing is shown as missing.

Rows have: panel, model, scope, level (percent of the weights, nan where there is none), drop_percent (of the dense
model's accuracy), percent_low and percent_high (its interval, nan without), majority_drop_percent (nan without a
baseline), why (MISSING or UNKNOWN where the drop is nan, else ""), mark (a drop to be marked beside this one, nan
without), decision and mean_decision (of rule.py, on the points that the model lost, and the mean of models; ""
without).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from knowcost.aggregate import rule
from knowcost.draw import baseline
from knowcost.draw.style import (
    COLOURS,
    GREY,
    HOLLOW,
    MARKERS,
    SHOWN,
    SIZE,
    aside,
    dot_handles,
    dots,
    finish,
    hold,
    label,
    panels,
    ticks,
    widen,
    width,
    wrapped,
)
from knowcost.spec.families import LABELS

ALL, MEAN = "all benchmarks (mean)", "mean of models"
DROP = "drop in accuracy (% of dense)"
MISSING, UNKNOWN = "missing", "nothing known"  # no such cell; the dense model knew none of the facts, so none was lost
WIDE = 7.5  # inches of a row of panels of bars
FAR = 0.22  # inches below the bars for the words of a baseline that is far off
DIGIT = 0.0105  # of the width of a figure of bars
FOOT = 0.05  # share of a panel's height that a row of crosses takes
BAR = 0.82  # height of a model's bars together; models are 1 apart
DIAMOND: dict[str, Any] = {
    "color": "black",
    "marker": "D",
    "markersize": 5,
    "markerfacecolor": "white",
    "linestyle": "",
}
SMALL: dict[str, Any] = {"fontsize": 8, "va": "center", "bbox": {"fc": "white", "ec": "none", "pad": 0.4}}


def near(cells: pd.DataFrame) -> baseline.Range:
    """In which range a figure of these rows draws baselines."""
    return baseline.near(cells[["drop_percent", "mark"]])


def lines(cells: pd.DataFrame, title: str) -> Figure:
    """One panel of lines per panel of `cells`: drop against sparsity, a line per scope, dense at 0.

    A line is the mean over the models, its band spans the least and the most harmed one; a lone level is a dot, since
    what lies before it is not known. Where some model's cell is missing a cross stands at the foot of the panel; where
    all are, the line breaks.
    """
    names, scopes = list(cells["panel"].unique()), _scopes(cells)
    size = {1: (7.9, 4.4), 2: (4.2, 3.6), 3: (3.2, 3.6), 4: (4.2, 3.2)}.get(len(names), (3.2, 2.9))
    figure, axes = panels(len(names), 2 if len(names) in (2, 4) else 3, size, sharex=True, sharey=True)
    within = near(cells)
    for axis, name in zip(axes, names, strict=True):
        _panel_of_lines(axis, cells[(cells["panel"] == name) & (cells["why"] != UNKNOWN)], scopes)
        axis.set(title="" if names == [ALL] else name, xlabel="", ylabel="")
        ticks(axis, {0, *cells["level"]}, size[0])
        baseline.mark(axis, _baseline(cells[cells["panel"] == name]), within)
    widen(axes[0], "y")
    label(axes, "sparsity (% of the scope's weights)", DROP)
    handles = [Line2D([], [], color=COLOURS[s], marker=MARKERS[s], markersize=SIZE, label=LABELS[s]) for s in scopes]
    if (cells["why"] == MISSING).any():
        low, high = axes[0].get_ylim()
        strip = (high - low) * FOOT * (len(scopes) + 0.5)  # for the crosses, below the data
        axes[0].set_ylim(low - strip, high)
        handles.append(Line2D([], [], color=GREY, marker="x", linestyle="", label="missing cells"))
    decisions = cells["mean_decision"][cells["drop_percent"].notna()]
    dashed = any(baseline.is_within(_baseline(rows), within) for _, rows in cells.groupby("panel"))
    finish(figure, axes, title, [*handles, *dot_handles(decisions), *[baseline.handle()] * dashed])
    return figure


def _baseline(rows: pd.DataFrame) -> float:
    """Of the rows of a panel, the mean of models."""
    return float(rows.groupby("model")["majority_drop_percent"].first().mean())


def _panel_of_lines(axis: Axes, rows: pd.DataFrame, scopes: Sequence[str]) -> None:
    for place, scope in enumerate(scopes):
        mine, moved = rows[rows["scope"] == scope], aside(axis, place, len(scopes))
        style = {"color": COLOURS[scope], "marker": MARKERS[scope], "transform": moved}
        values = mine.pivot(index="level", columns="model", values="drop_percent")
        _line(axis, values, style, 0.035 + FOOT * place)
        hold(axis, [0, *mine["level"]], [0, *mine["drop_percent"]])
        if values.shape[1] == 1:
            ends = mine["percent_low"], mine["percent_high"]
            axis.vlines(mine["level"], *ends, color=COLOURS[scope], linewidth=1.1, alpha=0.7, transform=moved)
        dots(axis, values.index, values.mean(axis=1), mine.groupby("level")["mean_decision"].first(), style)


def _line(axis: Axes, values: pd.DataFrame, style: Mapping[str, Any], foot: float) -> None:
    """values: levels x models. A cross for each level without one of them, at that height of the panel."""
    if len(values) > 1:
        values = pd.concat([pd.DataFrame(0.0, index=[0.0], columns=values.columns), values])
        look = {"color": style["color"], "transform": style["transform"]}
        axis.plot(values.index, values.mean(axis=1), **look)
        if values.shape[1] > 1:
            axis.fill_between(values.index, values.min(axis=1), values.max(axis=1), alpha=0.13, linewidth=0, **look)
    holes = values.index[values.isna().any(axis=1)]
    cross = {"marker": "x", "linestyle": "", "color": style["color"], "clip_on": False}
    if len(holes):
        axis.plot(holes, [foot] * len(holes), transform=axis.get_xaxis_transform(), **cross)


def bars(cells: pd.DataFrame, title: str, columns: int = 3, mark: str | None = None, averaged: bool = True) -> Figure:
    """One panel of horizontal bars per panel of `cells`: drop per model, a bar per scope; above them the models' mean.

    mark: what the diamonds of column `mark` are, for the legend. averaged: whether there is a mean. A bar that is
    missing is replaced by the word.
    """
    names, models, scopes = list(cells["panel"].unique()), list(cells["model"].unique()), _scopes(cells)
    cells = cells.assign(of="")
    if len(models) > 1 and averaged:
        cells, models = pd.concat([_mean(cells), cells], ignore_index=True), [MEAN, *models]
    row, height = cells["model"].map(models.index), BAR / len(scopes)
    cells["place"] = row + height * (cells["scope"].map(scopes.index) + 0.5) - BAR / 2
    columns = min(columns, len(names))
    line = 0.2 * (len(scopes) + 0.8)  # inches of a model's bars
    size = (WIDE / columns + 0.4, 1.5 + line * len(models))
    figure, axes = panels(len(names), columns, size, sharex=True, sharey=True)
    within = near(cells)
    far = {name: _far(cells[cells["panel"] == name], within) for name in names}
    foot = len(models) - 0.5 + (FAR / line if any(far.values()) else 0)
    for axis, name in zip(axes, names, strict=True):
        _panel_of_bars(axis, cells[cells["panel"] == name], models, scopes, within)
        if far[name]:
            words = baseline.at_the_edge(far[name])
            axis.text(0.99, 0.03, words, color=GREY, fontsize=8.5, ha="right", transform=axis.transAxes)
        words = "" if names == [ALL] else wrapped(name, _room(models, columns), 11)
        axis.set(title=words, ylim=(foot, -0.5))
    widen(axes[0], "x")
    low, high = axes[0].get_xlim()
    for axis, name in zip(axes, names, strict=True):
        _values(axis, cells[cells["panel"] == name], DIGIT * columns * (high - low))
    label(axes, DROP, "")
    handles: list[Artist] = [Patch(color=COLOURS[s], label=LABELS[s]) for s in scopes]
    if mark and cells["mark"].notna().any():
        handles.append(Line2D([], [], label=mark, **DIAMOND))
    dashed = cells["majority_drop_percent"].between(*within).any()
    finish(figure, axes, title, [*handles, *_bar_handles(cells), *[baseline.handle()] * bool(dashed)])
    return figure


def _room(models: Sequence[str], columns: int) -> float:
    """Inches that the title of a panel of bars has; the names of models stand left of all panels."""
    return (WIDE + 0.4 * columns - max(width(name, 10) for name in models) / 72 - 0.3) / columns - 0.15


def _far(rows: pd.DataFrame, within: baseline.Range) -> list[float]:
    """The baselines of a panel that are not drawn."""
    every = rows.groupby("model")["majority_drop_percent"].first().dropna()
    return [value for value in every if not baseline.is_within(value, within)]


def _panel_of_bars(
    axis: Axes, rows: pd.DataFrame, models: list[str], scopes: list[str], within: baseline.Range
) -> None:
    for scope in scopes:
        of_scope = rows[rows["scope"] == scope]
        made = axis.barh(of_scope["place"], of_scope["drop_percent"], height=BAR / len(scopes), color=COLOURS[scope])
        for bar, word in zip(made, of_scope["decision"], strict=True):
            if SHOWN.get(word) is HOLLOW:
                bar.set(facecolor="white", edgecolor=COLOURS[scope])
    axis.plot(rows["mark"], rows["place"], zorder=5, **DIAMOND)
    for place, value in enumerate(rows.groupby("model")["majority_drop_percent"].first().reindex(models)):
        if baseline.is_within(value, within):
            axis.plot([value, value], [place - 0.45, place + 0.45], **baseline.DASHED)
    axis.axvline(0, color="#444444", linewidth=0.8)
    axis.set_yticks(range(len(models)), models)
    axis.grid(False, axis="y")
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.margins(x=0.16)


def _mean(cells: pd.DataFrame) -> pd.DataFrame:
    """A row per panel and scope with the means over the models; `of` says how many have the cell, where not all do.

    A mark is averaged only where every model has one.
    """
    groups = cells.groupby(["panel", "scope"], sort=False)
    mean = groups[["drop_percent", "majority_drop_percent", "mark"]].mean()
    mean["mark"] = mean["mark"].where(groups["mark"].count() == groups["model"].size())
    mean["decision"] = groups["mean_decision"].first()
    mean["why"] = groups["why"].first().where(mean["drop_percent"].isna(), "")
    there, gone = groups["drop_percent"].count(), groups["why"].agg(lambda why: (why == MISSING).sum())
    words = " (" + there.astype(str) + " of " + (there + gone).astype(str) + ")"
    mean["of"] = words.where((gone > 0) & (there > 0), "")
    return mean.reset_index().assign(model=MEAN)


def _values(axis: Axes, rows: pd.DataFrame, digit: float) -> None:
    """Each drop as a number right of its bar, or of the diamond if that is where the number would stand.

    digit: the width of a digit in units of the x axis.
    """
    for row in rows.to_dict("records"):
        gone = pd.isna(row["drop_percent"])
        unsure = "?" * (SHOWN.get(row["decision"]) is HOLLOW)
        text = row["why"] if gone else format(row["drop_percent"], "z.1f") + unsure + row["of"]
        x = 0 if gone else max(row["drop_percent"], 0)
        if x <= row["mark"] <= x + digit * (len(text) + 2):
            x = row["mark"]
        style: dict[str, Any] = {"color": GREY, "style": "italic"} if gone else {}
        if row["decision"] in SHOWN:  # not precise enough, or practically equal
            style["color"] = GREY
        axis.annotate(text, (x, row["place"]), (5, 0), textcoords="offset points", **SMALL, **style)


def _bar_handles(cells: pd.DataFrame) -> list[Artist]:
    """The legend's entries for hollow bars and for grey numbers, if there are any."""
    found = set(cells["decision"][cells["drop_percent"].notna()])
    handles: list[Artist] = []
    if rule.UNSURE in found:
        handles.append(Patch(facecolor="white", edgecolor=GREY, label=rule.UNSURE))
    if rule.EQUAL in found:
        handles.append(
            Line2D([], [], color=GREY, marker="$0.0$", markersize=15, markeredgewidth=0, linestyle="", label=rule.EQUAL)
        )
    return handles


def _scopes(cells: pd.DataFrame) -> list[str]:
    return [scope for scope in COLOURS if scope in set(cells["scope"])]
