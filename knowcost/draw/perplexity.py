"""The figure that LLM-KICK and "Do Compressed LLMs Forget Knowledge?" turn on: perplexity against knowledge."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from knowcost.aggregate import matching, rule
from knowcost.draw.cells import interval_of
from knowcost.draw.drawn import Drawn
from knowcost.draw.placing import Label, place
from knowcost.draw.style import GREY, LOOKS, decided_in_words, dot_handles, dots, finish, label, panels, wrapped
from knowcost.draw.words import everything, interval
from knowcost.recover.registry import name_of
from knowcost.recover.wording import in_words
from knowcost.spec import levels
from knowcost.spec.families import LABELS
from knowcost.spec.levels import percent_words
from knowcost.spec.variants import BROUGHT, DENSE, GROUPINGS, RECOVER, parse

# dashes set a second round of LOOKS apart
DASHES = ("-", "--", ":", "-.")
WIDE = 50  # times the least perplexity beyond which only powers of ten are ticks
CLOSE = 14  # points between two strengths below which only the first is written
SCOPE = "overall"
LOST = ["drop_points", "drop_low", "drop_high", "decision"]
RISE = 1.1  # times the dense model's perplexity: what still looks harmless by it


def against(mine: Mapping[str, pd.DataFrame], family: str, who: str = "") -> Iterator[Drawn]:
    """Mean accuracy over perplexity, a line per method from the dense model to its strongest variant, everything
    compressed; nothing without both.

    mine: the tables of one family (scores, perplexity, drops_by_model for decisions, matching for the tolerance); who:
    the end of the caption.
    """
    points = _points(mine)
    whole = (points["scope"] == SCOPE) & (points["experiment"] != RECOVER) | (points["experiment"] == BROUGHT)
    lines = _lines(points["variant"][whole].unique())
    if not lines:
        return
    title = f"Perplexity against knowledge: {LABELS[family]} models"
    tolerances = mine["matching"]["tolerance"].unique()  # one, or none where the dense models answer nothing
    tolerance = tolerances[0] if len(tolerances) else None
    dashed = "" if tolerance is None else f"Grey, dashed: {_below(tolerance)}, the tolerance of what matches it. "
    figure = _draw(points, lines, title, tolerance)
    yield Drawn(f"perplexity_{family}", title, _caption(points, lines) + dashed + who, figure, family)


def _points(mine: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Rows of perplexity, those that are finite, with the mean `accuracy` (%) over all benchmarks of the model, and
    LOST."""
    scores, perplexity = mine["scores"], mine["perplexity"]
    asked = scores.groupby("model")["benchmark"].nunique()
    by = scores.groupby(["model", "variant"])
    means = by["accuracy"].mean().reset_index()
    means = means[by.size().to_numpy() == means["model"].map(asked)]
    means["accuracy"] *= 100
    rows = perplexity[np.isfinite(perplexity["perplexity"])]
    rows = rows[rows["grouping"].isin(["", GROUPINGS[0]])]
    pair = ["model", "variant"]
    rows = rows.merge(means, on=pair).merge(mine["drops_by_model"][[*pair, *LOST]], how="left", on=pair)
    return rows.fillna({"decision": ""})


def _lines(slugs: Iterable[str]) -> dict[str, list[str]]:
    """{method in words: variants, the weakest first}; N:M and act order are lines of their own."""
    lines = {}
    for each in matching.series(slugs).values():
        variant = parse(each[0])
        apart = {"pattern", "actorder"} & {levels.kind(step.level) for step in variant.steps}
        lines[name_of(variant.method) + (f" ({matching.kind(each[0])})" if apart else "")] = each
    return lines


def _draw(points: pd.DataFrame, lines: Mapping[str, list[str]], title: str, tolerance: float | None) -> Figure:
    """A panel per model and text. tolerance: share of the dense accuracy that may be lost, None for no line there."""
    pairs = list(points[["model", "benchmark"]].drop_duplicates().itertuples(index=False))
    size = (9.2, 5) if len(pairs) == 1 else (5.2, 3.9)
    figure, axes = panels(len(pairs), 2, size)
    parts = [points[(points["model"] == model) & (points["benchmark"] == text)] for model, text in pairs]
    for axis, (model, text), part in zip(axes, pairs, parts, strict=True):
        axis.set_title(wrapped(f"{model}, {text}", size[0] - 0.8, 11))
        _panel(axis, part.set_index("variant"), lines, tolerance)
    label(axes, "perplexity (log scale)", "facts answered right (%)")
    handles: list[Artist] = [Line2D([], [], color="black", marker="*", markersize=10, linestyle="", label="dense")]
    handles += [Line2D([], [], **style, label=words) for style, words in zip(_styles(lines), lines, strict=True)]
    handles += dot_handles(points["decision"][points["variant"].isin(_slugs(lines))])
    if tolerance is not None:
        handles.append(Line2D([], [], color=GREY, linestyle="--", label=_below(tolerance)))
    finish(figure, axes, title, handles)
    figure.draw_without_rendering()  # labels need to know where the points are
    for axis, part in zip(axes, parts, strict=True):
        _write(axis, part.set_index("variant"), lines)
    return figure


def _below(tolerance: float) -> str:
    return f"{percent_words(100 * tolerance)} below dense"


def _panel(axis: Axes, here: pd.DataFrame, lines: Mapping[str, list[str]], tolerance: float | None) -> None:
    """One model's lines on one text; here: its points by variant."""
    for style, slugs in zip(_styles(lines), lines.values(), strict=True):
        path = here.loc[[slug for slug in (DENSE, *slugs) if slug in here.index]]
        shown = range(int(DENSE in path.index), len(path))
        look = {name: style[name] for name in ("color", "linestyle")}
        axis.plot(path["perplexity"], path["accuracy"], **look, alpha=0.8, zorder=2)
        those = path.iloc[list(shown)]
        axis.vlines(those["perplexity"], *interval_of(those), color=style["color"], linewidth=1, alpha=0.6)
        look = {name: style[name] for name in ("color", "marker")}
        dots(axis, those["perplexity"], those["accuracy"], those["decision"], look)
    if DENSE in here.index:
        (dense,) = here.loc[[DENSE]].to_dict("records")
        axis.plot(dense["perplexity"], dense["accuracy"], color="black", marker="*", markersize=11, zorder=4)
        if tolerance is not None:
            axis.axhline((1 - tolerance) * dense["accuracy"], color=GREY, linestyle="--", linewidth=1)
    axis.set_xscale("log")
    wide = here["perplexity"].max() > WIDE * here["perplexity"].min()
    axis.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.margins(x=0.08, y=0.1)


def _write(axis: Axes, here: pd.DataFrame, lines: Mapping[str, list[str]]) -> None:
    """Write the strengths of a panel that is laid out, those of the largest perplexity first, where there is room."""
    found = []
    for style, slugs in zip(_styles(lines), lines.values(), strict=True):
        mine = here.loc[[slug for slug in slugs if slug in here.index], ["perplexity", "accuracy"]]
        for slug, (x, y) in zip(mine.index, mine.to_numpy(float), strict=True):
            if words := parse(slug).strength:
                found.append(Label((x, y), (words,), style["color"]))
    labels: list[Label] = []
    for each in sorted(found, key=lambda one: -one.at[0]):
        if all(_apart(axis, each.at, other.at) >= CLOSE for other in labels):
            labels.append(each)
    joined = [line for line in axis.lines if line.get_transform() == axis.transData]  # not those across the panel
    corners = [path for line in joined if len(path := np.array(line.get_xydata())) > 1]
    place(axis, labels, here[["perplexity", "accuracy"]].to_numpy(float), corners, size=7.5)


def _apart(axis: Axes, one: tuple[float, float], other: tuple[float, float]) -> float:
    """How many typographic points lie between two points of a panel."""
    return float(np.hypot(*(axis.transData.transform(one) - axis.transData.transform(other))) * 72 / axis.figure.dpi)


def _styles(lines: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """A style per line, no two alike."""
    count = len(LOOKS)
    return [
        {
            "color": LOOKS[n % count][0],
            "marker": LOOKS[(n + n // count) % count][1],
            "linestyle": DASHES[n // count % 4],
        }
        for n in range(len(lines))
    ]


def _slugs(lines: Mapping[str, list[str]]) -> list[str]:
    return [slug for each in lines.values() for slug in each]


def _caption(points: pd.DataFrame, lines: Mapping[str, list[str]]) -> str:
    """What is shown, and what was lost where perplexity looks harmless."""
    shown = points[points["variant"].isin(_slugs(lines))]
    methods = dict.fromkeys(shown["method"][shown["experiment"] != BROUGHT])
    return (
        "Everything compressed: perplexity on a text (to the right: worse) and the mean accuracy over all benchmarks, "
        "from the dense model along each method's strengths; lines through dots are 95% intervals of what was lost. A "
        "line that falls before it goes right loses knowledge "
        f"that perplexity does not show. {everything(methods) if methods else ''}{decided_in_words(shown['decision'])}"
        f"{_unseen(shown)}"
    )


def _unseen(shown: pd.DataFrame) -> str:
    """How many variants cost accuracy while perplexity rose by at most a tenth, and the one that lost most."""
    harmless = shown[shown["perplexity_times"] <= RISE].drop_duplicates(["model", "variant"])
    if harmless.empty:
        return ""
    costly = harmless[harmless["decision"] == rule.COSTS]
    start = f"Variants whose perplexity rose by at most a tenth: {len(harmless)}, of which {len(costly)} cost accuracy"
    if costly.empty:
        return f"{start}. "
    worst = costly.sort_values("drop_points").iloc[-1]
    lost = interval(worst["drop_points"], worst["drop_low"], worst["drop_high"])
    return f"{start}, the most {in_words(worst['variant'])} ({worst['model']}): {lost}. "
