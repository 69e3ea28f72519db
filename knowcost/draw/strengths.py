"""The figure of what accuracy hides: accuracy lost over sparsity, beside the probability of the right answer that was
lost, and the answers that flipped."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from knowcost.aggregate import rule
from knowcost.draw.drawn import Drawn
from knowcost.draw.style import (
    COLOURS,
    LOOKS,
    MARKERS,
    SIZE,
    decided_in_words,
    dot_handles,
    dots,
    finish,
    label,
    panels,
    widen,
)
from knowcost.draw.words import everything, interval
from knowcost.recover.registry import name_of
from knowcost.recover.wording import in_words
from knowcost.spec.families import LABELS
from knowcost.spec.variants import GROUPINGS

MAGNITUDE, WHOLE = "magnitude", "overall"
SCOPES = (WHOLE, "attention", "feed_forward")
TITLES = {
    "drop": "accuracy lost (points)",
    "probability": "probability lost (points)",
    "flips": "answers that flipped (%)",
}
FLIPS = {
    "forgotten": ("-", "right to wrong"),
    "gained": ("--", "wrong to right"),
    "changed": (":", "wrong to another wrong"),
}
LINES = {"-": "solid", "--": "dashed", ":": "dotted"}


@dataclass(frozen=True)
class Line:
    """The variants of one method on one scope, the weakest first, and how they are drawn."""

    words: str
    style: Mapping[str, Any]
    rows: pd.DataFrame


def hidden(drops: pd.DataFrame, family: str, who: str) -> Iterator[Drawn]:
    """Two rows of panels: the scopes under magnitude pruning, and everything by method, where there are others with
    levels. Nothing without probabilities. drops: the table, of one family; who: the end of the caption."""
    pruned = drops[(drops["experiment"] == "prune") & (drops["grouping"] == GROUPINGS[0])]
    pruned = pruned[pruned["probability_points"].notna()].sort_values("level")
    by_scope, by_method = _scopes(pruned), _methods(pruned)
    rows = [each for each in (by_scope, by_method) if each]
    if not rows:
        return
    title = f"What accuracy hides: {LABELS[family]} models"
    shown = pd.concat([line.rows for lines in rows for line in lines]).drop_duplicates("variant")
    yield Drawn(f"hidden_{family}", title, _caption(shown, rows) + who, _draw(rows, shown, title), family)


def _scopes(pruned: pd.DataFrame) -> list[Line]:
    rows = pruned[pruned["method"] == MAGNITUDE]
    return [
        Line(LABELS[scope], {"color": COLOURS[scope], "marker": MARKERS[scope]}, rows[rows["scope"] == scope])
        for scope in SCOPES
        if scope in set(rows["scope"])
    ]


def _methods(pruned: pd.DataFrame) -> list[Line]:
    """The methods on everything, magnitude pruning as among the scopes; none where there is no other."""
    rows = pruned[pruned["scope"] == WHOLE]
    others = [method for method in rows["method"].unique() if method != MAGNITUDE]
    free = [(colour, marker) for colour, marker in LOOKS if colour not in {COLOURS[scope] for scope in SCOPES}]
    lines = [line for line in _scopes(rows) if others]
    for place, method in enumerate(others):
        colour, marker = free[place % len(free)]
        style = {"color": colour, "marker": marker}
        lines.append(Line(f"everything: {name_of(method)}", style, rows[rows["method"] == method]))
    return lines


def _draw(rows: Sequence[Sequence[Line]], shown: pd.DataFrame, title: str) -> Figure:
    figure, axes = panels(3 * len(rows), 3, (3.2, 2.9), sharex=True, sharey=True)
    for number, axis in enumerate(axes):
        name, lines = list(TITLES)[number % 3], rows[number // 3]
        for line in lines:
            _flips(axis, line) if name == "flips" else _lost(axis, line, name)
        axis.set_title(TITLES[name] if number < 3 else "")
        axis.set_xticks(sorted({0, *shown["level"]}))
    widen(axes[0], "y")
    label(axes, "sparsity (% of the scope's weights)", "")
    named = {line.words: line.style for of_row in rows for line in of_row}
    handles: list[Artist] = [Line2D([], [], **style, markersize=SIZE, label=words) for words, style in named.items()]
    handles += dot_handles([*shown["decision"], *shown["probability_decision"]])
    handles += [Line2D([], [], color="black", linestyle=dash, label=words) for dash, words in _flips_of(shown).values()]
    finish(figure, axes, title, handles)
    return figure


def _lost(axis: Axes, line: Line, name: str) -> None:
    """What was lost, from the dense model's nothing on, with the 95% intervals as a band."""
    points, low, high = (line.rows[f"{name}_{which}"] for which in ("points", "low", "high"))
    _path(axis, line, points, "-")
    if len(line.rows) > 1:
        band = [0, *line.rows["level"]], [0, *low], [0, *high]
        axis.fill_between(*band, color=line.style["color"], alpha=0.15, linewidth=0)
    else:
        axis.vlines(line.rows["level"], low, high, color=line.style["color"])
    decisions = line.rows["decision" if name == "drop" else f"{name}_decision"]
    dots(axis, line.rows["level"], points, decisions, line.style)


def _path(axis: Axes, line: Line, values: Iterable[float], dash: str) -> None:
    """A line from the dense model on; a lone level has none, since what lies between is not known."""
    if len(line.rows) > 1:
        axis.plot([0, *line.rows["level"]], [0, *values], color=line.style["color"], linestyle=dash)


def _flips(axis: Axes, line: Line) -> None:
    for name, (dash, _) in _flips_of(line.rows).items():
        values = line.rows[f"{name}_points"]
        _path(axis, line, values, dash)
        if len(line.rows) == 1:
            axis.plot(line.rows["level"], values, linestyle="", markersize=4, **line.style)


def _flips_of(rows: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Those of FLIPS of which there are numbers; of lone levels, which are dots, the first."""
    known = {
        name: look for name, look in FLIPS.items() if rows.get(f"{name}_points", pd.Series(dtype=float)).notna().any()
    }
    return known if rows.duplicated(["method", "scope"]).any() else dict(list(known.items())[:1])


def _caption(shown: pd.DataFrame, rows: Sequence[Sequence[Line]]) -> str:
    """What is shown, and how often accuracy does not show what the probability does."""
    names = [line.words for lines in rows for line in lines]
    what = "magnitude pruning of each scope" if MAGNITUDE in set(shown["method"]) else ""
    others = "everything pruned by each method" if any(":" in name for name in names) else ""
    where = ", and below ".join(filter(None, (what, others)))
    whole = everything(shown["method"].unique()) if WHOLE in set(shown["scope"]) else ""
    flips = "; ".join(f"{LINES[dash]}: {words}" for dash, words in _flips_of(shown).values())
    return (
        f"Left, the accuracy lost; in the middle, the probability that was lost of the right answer (among the choices "
        f"where there are choices); right, the share of facts whose answer flipped ({flips}). Means over benchmarks, "
        f"then models, over sparsity: {where}. {_intervals([line for lines in rows for line in lines])}"
        f"{decided_in_words([*shown['decision'], *shown['probability_decision']])}{whole}{_most_hidden(shown)}"
    )


def _intervals(lines: Sequence[Line]) -> str:
    """What bands and lone markers are, of those that are there."""
    banded = [line for line in lines if len(line.rows) > 1 and _has_interval(line)]
    lone = [line for line in lines if len(line.rows) == 1]
    words = "Bands, left and in the middle: 95% intervals. " * bool(banded)
    if lone:
        through = ", with its 95% interval left and in the middle" * any(map(_has_interval, lone))
        ways = dict.fromkeys(way for line in lone for _, way in _flips_of(line.rows).values())
        words += f"A lone marker: the one sparsity that was run{through}; right: from {' or '.join(ways)}. "
    return words


def _has_interval(line: Line) -> bool:
    return bool(line.rows[["drop_low", "probability_low"]].notna().any(axis=None))


def _most_hidden(shown: pd.DataFrame) -> str:
    costs = shown[(shown["probability_decision"] == rule.COSTS) & shown["drop_points"].notna()]
    found = costs[~costs["decision"].isin(rule.DIFFERENT)].sort_values("probability_points", ascending=False)
    if found.empty:
        return ""
    most = found.iloc[0]
    accuracy = interval(most["drop_points"], most["drop_low"], most["drop_high"])
    probability = interval(most["probability_points"], most["probability_low"], most["probability_high"])
    are = "is" if len(found) == 1 else "are"
    return (
        f"{len(found)} of the {len(shown)} variants shown {are} found to cost probability, but not accuracy. The "
        f"largest such loss: {in_words(most['variant'])}, {probability} of probability beside {accuracy} of accuracy. "
    )
