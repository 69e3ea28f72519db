"""The figure of what accuracy hides: accuracy lost over sparsity, beside the probability of the right answer that was
lost, and the answers that flipped."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from knowcost.aggregate import rule
from knowcost.draw.averaging import Subject
from knowcost.draw.drawn import Drawn
from knowcost.draw.style import (
    COLOURS,
    LOOKS,
    MARKERS,
    SIZE,
    aside,
    decided_in_words,
    dot_handles,
    dots,
    finish,
    hold,
    label,
    panels,
    ticks,
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
LOSSES = ("drop", "probability", "forgotten")  # what of a variant would be worth a picture
Flips: TypeAlias = Mapping[str, tuple[str, str]]  # those of FLIPS that are drawn


@dataclass(frozen=True)
class Line:
    """The variants of one method on one scope, the weakest first, and how they are drawn."""

    words: str
    style: Mapping[str, Any]
    rows: pd.DataFrame


def hidden(drops: pd.DataFrame, subject: Subject) -> Iterator[Drawn]:
    """Two rows of panels: the scopes under magnitude pruning, and everything by method, where there are others with
    levels. Nothing without probabilities, and a sentence where one number or none is worth a picture. drops: the table
    of a family's means, or of one of its models."""
    pruned = drops[(drops["experiment"] == "prune") & (drops["grouping"] == GROUPINGS[0])]
    pruned = pruned[pruned["probability_points"].notna()].sort_values("level")
    by_scope, by_method = _scopes(pruned), _methods(pruned)
    rows = [each for each in (by_scope, by_method) if each]
    if not rows:
        return
    shown = pd.concat([line.rows for lines in rows for line in lines]).drop_duplicates("variant")
    title, flips = subject.title("What accuracy hides"), _flips_of(shown, subject.margin)
    if len(shown) == 1 or _most(shown, LOSSES) <= subject.margin:
        yield subject.drawn("hidden", title, _in_words(shown), None)
        return
    caption = _caption(shown, rows, flips) + _left_out(shown, flips)
    yield subject.drawn("hidden", title, caption, _draw(rows, shown, flips, title))


def _most(shown: pd.DataFrame, names: Iterable[str]) -> float:
    """The most points that any of these variants has of any of these, nan of none."""
    return float(shown.reindex(columns=[f"{name}_points" for name in names]).abs().max().max())


def _in_words(shown: pd.DataFrame) -> str:
    """What a figure would show of one variant, or of nothing, a sentence."""
    if len(shown) == 1:
        row = shown.iloc[0]
        numbers = {name: (row[f"{name}_points"], row[f"{name}_low"], row[f"{name}_high"]) for name in LOSSES[:2]}
        said = [f"{interval(*found)} of {'accuracy' if name == 'drop' else name}" for name, found in numbers.items()]
        return f"Of {in_words(row['variant'])}, the one sparsity that was run, {' and '.join(said)} were lost. "
    return (
        f"Nothing is drawn: of {len(shown)} variants none lost more than {_most(shown, LOSSES):.1f} points of accuracy "
        "or probability, or flipped more answers than that from right to wrong. "
    )


def _left_out(shown: pd.DataFrame, flips: Flips) -> str:
    """Which ways to flip are so rare that they are not drawn, a sentence."""
    rare = [name for name in FLIPS if name not in flips and _most(shown, [name]) >= 0]
    words = " or ".join(FLIPS[name][1] for name in rare)
    return f"From {words} at most {_most(shown, rare):.1f}% flipped, which is not drawn. " if rare else ""


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


def _draw(rows: Sequence[Sequence[Line]], shown: pd.DataFrame, flips: Flips, title: str) -> Figure:
    figure, axes = panels(3 * len(rows), 3, (3.2, 2.9), sharex=True, sharey=True)
    for number, axis in enumerate(axes):
        name, lines = list(TITLES)[number % 3], rows[number // 3]
        for place, line in enumerate(lines):
            moved = replace(line, style={**line.style, "transform": aside(axis, place, len(lines))})
            if name == "flips":
                _flips(axis, moved, flips)
            else:
                _lost(axis, moved, name)
        axis.set_title(TITLES[name] if number < 3 else "")
        ticks(axis, {0, *shown["level"]}, 3.2)
    widen(axes[0], "y")
    label(axes, "sparsity (% of the scope's weights)", "")
    named = {line.words: line.style for of_row in rows for line in of_row}
    handles: list[Artist] = [Line2D([], [], **style, markersize=SIZE, label=words) for words, style in named.items()]
    handles += dot_handles([*shown["decision"], *shown["probability_decision"]])
    handles += [Line2D([], [], color="black", linestyle=dash, label=words) for dash, words in flips.values()]
    finish(figure, axes, title, handles)
    return figure


def _lost(axis: Axes, line: Line, name: str) -> None:
    """What was lost, from the dense model's nothing on, with the 95% intervals as a band."""
    points, low, high = (line.rows[f"{name}_{which}"] for which in ("points", "low", "high"))
    _path(axis, line, points, "-")
    _interval(axis, line, low, high)
    decisions = line.rows["decision" if name == "drop" else f"{name}_decision"]
    dots(axis, line.rows["level"], points, decisions, line.style)


def _path(axis: Axes, line: Line, values: Iterable[float], dash: str) -> None:
    """A line from the dense model on; a lone level has none, since what lies between is not known."""
    if len(line.rows) > 1:
        style = {name: line.style[name] for name in ("color", "transform")}
        axis.plot([0, *line.rows["level"]], [0, *values], linestyle=dash, **style)
    hold(axis, [0, *line.rows["level"]], [0, *values])


def _interval(axis: Axes, line: Line, low: pd.Series, high: pd.Series) -> None:
    style = {name: line.style[name] for name in ("color", "transform")}
    if len(line.rows) > 1:
        axis.fill_between([0, *line.rows["level"]], [0, *low], [0, *high], alpha=0.15, linewidth=0, **style)
    else:
        axis.vlines(line.rows["level"], low, high, **style)
    for end in (low, high):
        hold(axis, line.rows["level"], end)


def _flips(axis: Axes, line: Line, flips: Flips) -> None:
    """Of a lone level, whose dots cannot be dashed, the first way alone."""
    for name, (dash, _) in list(flips.items())[: None if len(line.rows) > 1 else 1]:
        points, low, high = (line.rows[f"{name}_{which}"] for which in ("points", "low", "high"))
        _path(axis, line, points, dash)
        _interval(axis, line, low, high)
        axis.plot(line.rows["level"], points, linestyle="", markersize=4, **line.style)


def _flips_of(rows: pd.DataFrame, margin: float) -> Flips:
    """Those of FLIPS of which there are numbers that pass the margin, the first in any case; of lone levels, which are
    dots, the first."""
    known = {name: look for name, look in FLIPS.items() if _most(rows, [name]) > margin or name == LOSSES[2]}
    return known if rows.duplicated(["method", "scope"]).any() else dict(list(known.items())[:1])


def _caption(shown: pd.DataFrame, rows: Sequence[Sequence[Line]], flips: Flips) -> str:
    """What is shown, and how often accuracy does not show what the probability does."""
    names = [line.words for lines in rows for line in lines]
    what = "magnitude pruning of each scope" if MAGNITUDE in set(shown["method"]) else ""
    others = "everything pruned by each method" if any(":" in name for name in names) else ""
    where = ", and below ".join(filter(None, (what, others)))
    whole = everything(shown["method"].unique()) if WHOLE in set(shown["scope"]) else ""
    ways = "; ".join(f"{LINES[dash]}: {words}" for dash, words in flips.values())
    return (
        f"Left, the accuracy lost; in the middle, the probability that was lost of the right answer (among the choices "
        f"where there are choices); right, the share of facts whose answer flipped ({ways}). Means over benchmarks, "
        f"then models, over sparsity: {where}. {_intervals([line for lines in rows for line in lines], flips)}"
        f"{decided_in_words([*shown['decision'], *shown['probability_decision']])}{whole}{_most_hidden(shown)}"
    )


def _intervals(lines: Sequence[Line], flips: Flips) -> str:
    """What bands and lone markers are, of those that are there."""
    banded = [line for line in lines if len(line.rows) > 1 and _has_interval(line)]
    lone = [line for line in lines if len(line.rows) == 1]
    words = "Bands: 95% intervals. " * bool(banded)
    if lone:
        through = ", with its 95% interval" * any(map(_has_interval, lone))
        words += f"A lone marker: the one sparsity that was run{through}; right: from {next(iter(flips.values()))[1]}. "
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
