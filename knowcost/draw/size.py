"""The practitioner's figure: what a variant saves against what it keeps."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from knowcost.aggregate.drops import KEEP
from knowcost.compress.registry import name_of
from knowcost.draw.drawn import Drawn
from knowcost.draw.style import COLOURS, GREY, MARKERS, finish
from knowcost.spec.families import LABELS
from knowcost.spec.variants import BROUGHT


def kept(drops: pd.DataFrame, family: str, who: str) -> Iterator[Drawn]:
    """A dot per variant of the table of drops; who: the end of the caption."""
    points = drops.dropna(subset=["bytes_saved_percent", "kept_percent"])
    if points.empty:
        return
    title = f"What is kept for the bytes saved: {LABELS[family]} models"
    caption = (
        "Every variant: the bytes it saves, and how many of the facts that the dense model answered right it still "
        "answers right. Zero weights count as no bytes, which is the most that sparse storage could reach. "
    )
    yield Drawn(f"bytes_{family}", title, caption + who, _dots(points, title), family)


def _dots(points: pd.DataFrame, title: str) -> Figure:
    figure = Figure(figsize=(7.9, 4.8), layout="constrained")
    axis = figure.subplots()
    axis.axhline(KEEP, color=GREY, linestyle="--", linewidth=1)
    for (scope, experiment), group in points.groupby(["scope", "experiment"], sort=False):
        colour, marker = COLOURS.get(str(scope), GREY), MARKERS.get(str(experiment), "x")
        saved, kept = group["bytes_saved_percent"], group["kept_percent"]
        axis.plot(saved, kept, linestyle="", markersize=7, alpha=0.85, color=colour, marker=marker)
    for point in points[points["experiment"] == BROUGHT].to_dict("records"):
        place = point["bytes_saved_percent"], point["kept_percent"]
        axis.annotate(name_of(point["method"]), place, (5, 4), textcoords="offset points", fontsize=7, color=GREY)
    axis.set(xlabel="bytes saved (% of the dense model)", ylabel="facts still known (% of what\nthe dense model knew)")
    axis.set_ylim(0, 103)
    axis.set_xlim(min(0, points["bytes_saved_percent"].min() - 2), None)
    kinds = [e for e in MARKERS if e in set(points["experiment"])]
    handles: list[Artist] = [Patch(color=COLOURS[s], label=LABELS[s]) for s in COLOURS if s in set(points["scope"])]
    handles += [Line2D([], [], color=GREY, linestyle="", marker=MARKERS[e], label=LABELS[e]) for e in kinds]
    handles.append(Line2D([], [], color=GREY, linestyle="--", linewidth=1, label=f"{KEEP}% kept"))
    finish(figure, [axis], title, handles)
    return figure
