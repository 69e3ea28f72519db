"""The practitioner's figure: what a variant saves against what it keeps."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from knowcost.aggregate.tables import those
from knowcost.aggregate.yardsticks import KEEP
from knowcost.draw.drawn import Drawn
from knowcost.draw.style import COLOURS, GREY, HOLLOW, MARKERS, SIZE, finish
from knowcost.recover.registry import name_of
from knowcost.recover.wording import in_words
from knowcost.spec.families import LABELS
from knowcost.spec.variants import BROUGHT, RECOVER

SOLID: dict[str, Any] = {"markersize": SIZE, "markeredgewidth": 0, "alpha": 0.85}


def kept(drops: pd.DataFrame, family: str, who: str) -> Iterator[Drawn]:
    """A dot per variant of the table of drops, filled where it is shown to keep KEEP percent; who: the end of the
    caption."""
    points = drops.dropna(subset=["bytes_saved_percent", "kept_percent"])
    points = those(points, lambda variant: not variant.is_control)
    if points.empty:
        return
    title = f"What is kept for the bytes saved: {LABELS[family]} models"
    both = "The bytes of recovered variants are those of base and adapter. " * (RECOVER in set(points["experiment"]))
    caption = (
        "Every variant: the bytes it saves, and how many of the facts that the dense model answered right it still "
        "answers right, mean over benchmarks, then models. Bytes are those of the best format that somebody can "
        "load. Lines reach down to the lower bounds that hold for all of these variants at once "
        f"(95%); filled: the bound reaches {KEEP}%. {both}{_smallest(points)}{_larger(points)}"
    )
    yield Drawn(f"bytes_{family}", title, caption + who, _dots(points, title), family)


def _shown(points: pd.DataFrame) -> pd.Series:
    """Which variants are shown to keep KEEP percent."""
    return points["kept_least"] >= KEEP


def _smallest(points: pd.DataFrame) -> str:
    """The variants that save most of those that are shown to keep KEEP percent, a sentence."""
    found = points[_shown(points) & (points["bytes_saved_percent"] > 0)]
    if found.empty:
        return f"No variant that saves bytes is shown to keep {KEEP}%. "
    most = found["bytes_saved_percent"].max()
    best = found[found["bytes_saved_percent"] == most].sort_values("kept_percent", ascending=False)
    kept = [
        f"{in_words(row['variant'])} ({row['kept_percent']:.1f}% kept, at least {row['kept_least']:.1f}%)"
        for row in best.to_dict("records")
    ]
    saves = "save" if len(kept) > 1 else "saves"
    return f"Of the filled ones {' and '.join(kept)} {saves} most: {most:.0f}% of the bytes. "


def _larger(points: pd.DataFrame) -> str:
    """A sentence on variants that take more bytes than the dense model, where there are any."""
    larger = points[points["bytes_saved_percent"] < 0]
    if larger.empty:
        return ""
    final = ": a final layer that shares its weights with the embeddings is stored apart once it is compressed"
    return f"Left of 0: more bytes than the dense model{final * bool((larger['scope'] == 'final').all())}. "


def _dots(points: pd.DataFrame, title: str) -> Figure:
    figure = Figure(figsize=(7.9, 4.8), layout="constrained")
    axis = figure.subplots()
    axis.axhline(KEEP, color=GREY, linestyle="--", linewidth=1)
    for (scope, experiment), group in points.groupby(["scope", "experiment"], sort=False):
        colour, marker = COLOURS.get(str(scope), GREY), MARKERS.get(str(experiment), "x")
        saved, kept, shown = group["bytes_saved_percent"], group["kept_percent"], _shown(group)
        axis.vlines(saved, group["kept_least"], kept, color=colour, linewidth=1, alpha=0.5)
        style: dict[str, Any] = {"linestyle": "", "color": colour, "marker": marker}
        axis.plot(saved[shown], kept[shown], **style, **SOLID)
        axis.plot(saved[~shown], kept[~shown], **style, **HOLLOW)
    for point in points[points["experiment"] == BROUGHT].to_dict("records"):
        place = point["bytes_saved_percent"], point["kept_percent"]
        axis.annotate(name_of(point["method"]), place, (5, 4), textcoords="offset points", fontsize=7, color=GREY)
    axis.set(xlabel="bytes saved (% of the dense model)", ylabel="facts still known (% of what\nthe dense model knew)")
    lowest = np.nanmin(points[["kept_percent", "kept_least"]].to_numpy())
    axis.set_ylim(max(0, min(lowest, KEEP) - 3), 101.5)
    axis.set_xlim(min(0, points["bytes_saved_percent"].min() - 2), None)
    kinds = [e for e in MARKERS if e in set(points["experiment"])]
    handles: list[Artist] = [Patch(color=COLOURS[s], label=LABELS[s]) for s in COLOURS if s in set(points["scope"])]
    handles += [Line2D([], [], color=GREY, linestyle="", marker=MARKERS[e], label=LABELS[e]) for e in kinds]
    words = f"shown to keep {KEEP}%", "not shown to"
    handles += [
        Line2D([], [], color=GREY, linestyle="", marker="o", label=word, **look)
        for word, look in zip(words, (SOLID, HOLLOW), strict=True)
    ]
    handles.append(Line2D([], [], color=GREY, linestyle="--", linewidth=1, label=f"{KEEP}% kept"))
    finish(figure, [axis], title, handles)
    return figure
