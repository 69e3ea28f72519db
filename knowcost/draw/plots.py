"""Two plots, drawn from long rows: lines over sparsity, and bars per model. What is missing is shown as missing.

Rows have: panel, model, scope, level (percent of the weights, nan where there is none), drop_percent (of the dense
model's accuracy), majority_drop_percent (nan without a baseline), why (MISSING or UNKNOWN where the drop is nan, else
""), mark (a drop to be marked beside this one, nan without), decision and mean_decision (of rule.py, on the points that
the model lost, and the mean of models; "" without).
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
from knowcost.draw.style import (
    COLOURS,
    GREY,
    HOLLOW,
    MARKERS,
    SHOWN,
    SIZE,
    dot_handles,
    dots,
    finish,
    label,
    panels,
    widen,
)
from knowcost.spec.families import LABELS

ALL, MEAN = "all benchmarks (mean)", "mean of models"
DROP = "drop in accuracy (% of dense)"
MISSING, UNKNOWN = "missing", "nothing known"  # no such cell; the dense model knew none of the facts, so none was lost
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


def lines(cells: pd.DataFrame, title: str) -> Figure:
    """One panel of lines per panel of `cells`: drop against sparsity, a line per scope, dense at 0.

    A line is the mean over the models, its band spans the least and the most harmed one. Where some model's cell is
    missing a cross stands at the foot of the panel; where all are, the line breaks.
    """
    names = list(cells["panel"].unique())
    scopes, levels = _scopes(cells), sorted({0, *cells["level"]})
    size = {1: (7.9, 4.4), 2: (4.2, 3.6), 3: (3.2, 3.6), 4: (4.2, 3.2)}.get(len(names), (3.2, 2.9))
    figure, axes = panels(len(names), 2 if len(names) in (2, 4) else 3, size, sharex=True, sharey=True)
    for axis, name in zip(axes, names, strict=True):
        _panel_of_lines(axis, cells[(cells["panel"] == name) & (cells["why"] != UNKNOWN)], scopes)
        axis.set(title="" if names == [ALL] else name, xlabel="", ylabel="")
        axis.set_xticks(levels[:: 2 if len(levels) > 7 and len(names) > 1 else 1])
    widen(axes[0], "y")
    label(axes, "sparsity (% of the scope's weights)", DROP)
    handles = [Line2D([], [], color=COLOURS[s], marker=MARKERS[s], markersize=SIZE, label=LABELS[s]) for s in scopes]
    if (cells["why"] == MISSING).any():
        low, high = axes[0].get_ylim()
        strip = (high - low) * FOOT * (len(scopes) + 0.5)  # for the crosses, below the data
        axes[0].set_ylim(low - strip, high)
        handles.append(Line2D([], [], color=GREY, marker="x", linestyle="", label="missing cells"))
    decisions = cells["mean_decision"][cells["drop_percent"].notna()]
    finish(figure, axes, title, [*handles, *dot_handles(decisions), *_baseline_handle(cells)])
    return figure


def _panel_of_lines(axis: Axes, rows: pd.DataFrame, scopes: Sequence[str]) -> None:
    for place, scope in enumerate(scopes):
        mine, style = rows[rows["scope"] == scope], {"color": COLOURS[scope], "marker": MARKERS[scope]}
        values = mine.pivot(index="level", columns="model", values="drop_percent")
        _line(axis, values, style, 0.035 + FOOT * place)
        dots(axis, values.index, values.mean(axis=1), mine.groupby("level")["mean_decision"].first(), style)
    baseline = rows.groupby("model")["majority_drop_percent"].first().mean()
    if pd.notna(baseline):
        axis.axhline(baseline, color=GREY, linestyle="--", linewidth=1.2)
    if rows.empty:
        axis.text(0.5, 0.5, f"{UNKNOWN} by the dense model", transform=axis.transAxes, ha="center", color=GREY)


def _line(axis: Axes, values: pd.DataFrame, style: Mapping[str, Any], foot: float) -> None:
    """values: levels x models. A cross for each level without one of them, at that height of the panel."""
    values = pd.concat([pd.DataFrame(0.0, index=[0.0], columns=values.columns), values])
    axis.plot(values.index, values.mean(axis=1), color=style["color"])
    if values.shape[1] > 1:
        low, high = values.min(axis=1), values.max(axis=1)
        axis.fill_between(values.index, low, high, color=style["color"], alpha=0.13, linewidth=0)
    holes = values.index[values.isna().any(axis=1)]
    cross = {"marker": "x", "linestyle": "", "color": style["color"], "clip_on": False}
    if len(holes):
        axis.plot(holes, [foot] * len(holes), transform=axis.get_xaxis_transform(), **cross)


def bars(cells: pd.DataFrame, title: str, columns: int = 3, mark: str | None = None) -> Figure:
    """One panel of horizontal bars per panel of `cells`: drop per model, a bar per scope; above them the models' mean.

    mark: what the diamonds of column `mark` are, for the legend. A bar that is missing is replaced by the word.
    """
    names, models, scopes = list(cells["panel"].unique()), list(cells["model"].unique()), _scopes(cells)
    cells = cells.assign(of="")
    if len(models) > 1:
        cells, models = pd.concat([_mean(cells), cells], ignore_index=True), [MEAN, *models]
    row, height = cells["model"].map(models.index), BAR / len(scopes)
    cells["place"] = row + height * (cells["scope"].map(scopes.index) + 0.5) - BAR / 2
    columns = min(columns, len(names))
    size = (7.5 / columns + 0.4, 1.5 + 0.2 * len(models) * (len(scopes) + 0.8))
    figure, axes = panels(len(names), columns, size, sharex=True, sharey=True)
    for axis, name in zip(axes, names, strict=True):
        _panel_of_bars(axis, cells[cells["panel"] == name], models, scopes)
        axis.set(title="" if names == [ALL] else name, ylim=(len(models) - 0.5, -0.5))
    widen(axes[0], "x")
    low, high = axes[0].get_xlim()
    for axis, name in zip(axes, names, strict=True):
        _values(axis, cells[cells["panel"] == name], DIGIT * columns * (high - low))
    label(axes, DROP, "")
    handles: list[Artist] = [Patch(color=COLOURS[s], label=LABELS[s]) for s in scopes]
    if mark and cells["mark"].notna().any():
        handles.append(Line2D([], [], label=mark, **DIAMOND))
    finish(figure, axes, title, [*handles, *_bar_handles(cells), *_baseline_handle(cells)])
    return figure


def _panel_of_bars(axis: Axes, rows: pd.DataFrame, models: list[str], scopes: list[str]) -> None:
    for scope in scopes:
        of_scope = rows[rows["scope"] == scope]
        made = axis.barh(of_scope["place"], of_scope["drop_percent"], height=BAR / len(scopes), color=COLOURS[scope])
        for bar, word in zip(made, of_scope["decision"], strict=True):
            if SHOWN.get(word) is HOLLOW:
                bar.set(facecolor="white", edgecolor=COLOURS[scope])
    axis.plot(rows["mark"], rows["place"], zorder=5, **DIAMOND)
    baseline = rows.groupby("model")["majority_drop_percent"].first().reindex(models)
    for place, value in enumerate(baseline):
        axis.plot([value, value], [place - 0.45, place + 0.45], color=GREY, linestyle="--", linewidth=1.2)
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


def has_baseline(cells: pd.DataFrame) -> bool:
    """Whether a figure of these rows has the dashed line of the majority baseline."""
    return bool(cells["majority_drop_percent"].notna().any())


def _baseline_handle(cells: pd.DataFrame) -> list[Artist]:
    handle = Line2D([], [], color=GREY, linestyle="--", linewidth=1.2, label="majority baseline")
    return [handle] if has_baseline(cells) else []
