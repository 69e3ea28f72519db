"""The first picture: what is kept in how many bytes, by every compression of a series of models, and the front."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from knowcost.aggregate import ROUNDS
from knowcost.aggregate.yardsticks import KEEP_LEVELS
from knowcost.common.display import unit
from knowcost.draw import FRONT, links
from knowcost.draw.drawn import Drawn
from knowcost.draw.placing import Label, place
from knowcost.draw.style import GREY, MARKERS, finish
from knowcost.draw.ways import look_of
from knowcost.draw.words import file_name
from knowcost.recover.wording import in_few_words, methods_in_few_words
from knowcost.spec.variants import BROUGHT, DENSE, RECOVER, method_and_data, parse, parted, treatments, unstepped

FEWEST = 20  # percent kept, below which the picture is cut though the front goes on
LEAST = 1  # percent lost that is told apart from nothing
TICKS = (0, 20, 40, 60, 80, 90, 95, 98, 99, 100)
SPAN = 10  # between the least and the most bytes, from which on their axis is logarithmic
SURE = 0.995  # share of resamples from which on a point is always on the front
WHOLE = ("overall", "mixed", "")  # scopes that are no part alone; what was compressed elsewhere has none
STAR: dict[str, Any] = {"marker": "*", "markersize": 13, "color": "#222222", "markeredgecolor": "white"}
FOUND: dict[str, Any] = {"markersize": 8, "markeredgewidth": 0.7}  # on the front
POINT: dict[str, Any] = {"markersize": 6, "markeredgewidth": 0.5, "alpha": 0.8}
PART: dict[str, Any] = {"markersize": 4, "markeredgewidth": 0, "alpha": 0.45}


def figures(front: pd.DataFrame) -> Iterator[Drawn]:
    """A figure for each picture of the table `front`: of each series, or of each reference in it."""
    for (series, reference), points in front.groupby(["series", "reference"], sort=False):
        known = points.dropna(subset=["real_bytes", "kept_percent", "on_front"])
        if (known["variant"] != DENSE).any() or len(known) > 1:
            name = series if reference == front[front["series"] == series]["reference"].iloc[0] else reference
            yield _drawn(known, str(name))


def look(method: str) -> tuple[str, str]:
    """Colour and marker of a Variant.method, whatever it was recovered by."""
    before, _ = parted(method)
    if unstepped(before):
        return GREY, MARKERS[BROUGHT]
    return look_of([method_and_data(each)[0] for each in treatments(before)])


def _drawn(points: pd.DataFrame, name: str) -> Drawn:
    """points: of one picture."""
    title = f"What is kept in how many bytes: {name}"
    low = lowest(points)
    figure, left_out = _figure(points, low, title)
    return Drawn(f"{FRONT}{file_name(name)}", title, _caption(points, low, left_out), figure, linked=True)


def lowest(points: pd.DataFrame) -> float:
    """Where the axis of what is kept begins: below all of the front, but not below FEWEST."""
    on = points[points["on_front"] == 1]
    least = np.nanmin([*on["kept_percent"], *on["kept_low"], min(KEEP_LEVELS) - 3])
    return float(max(least - 2, FEWEST))


def _caption(points: pd.DataFrame, low: float, left_out: int) -> str:
    reference = points["reference"].iloc[0]
    dense = points[(points["variant"] == DENSE) & (points["model"] != reference)]["model"]
    more = f" Smaller dense models of the series are points of it, too ({', '.join(dense)})." * (len(dense) > 0)
    room = f" There was no room for {left_out} more label{'s' * (left_out > 1)}." * (left_out > 0)
    return (
        "What every compression takes in the best format that somebody can load, and how many of the facts that "
        f"{reference} answers right uncompressed are still answered right, mean over benchmarks.{more} The line is the "
        "front: nothing that takes as few bytes keeps more. Upright bars: 95% intervals of its points. Where luck "
        f"decides who is on it, the label says in how many of {ROUNDS:,} resamples of the facts a point is.{room} The "
        f"upright axis is stretched where little is lost.{_below(points, low)} Each point leads to its facts."
    )


def _below(points: pd.DataFrame, low: float) -> str:
    """A sentence on points that the picture has no room for."""
    below = points[points["kept_percent"] < low]
    if below.empty:
        return ""
    under = int(below["on_front"].sum())
    on = f" ({under} of them on the front)" * (under > 0)
    return f" Below the picture, at less than {low:.0f}% kept: {len(below)} more{on}."


def _figure(points: pd.DataFrame, low: float, title: str) -> tuple[Figure, int]:
    """The figure, and how many points on the front have no label for want of room."""
    figure = Figure(figsize=(7.9, 5.6), layout="constrained")
    axis = figure.subplots()
    scale = _bytes(axis, points["real_bytes"])
    points = points.assign(size=points["real_bytes"] / scale).sort_values(["size", "kept_percent"])
    shown, front = points[points["kept_percent"] >= low], points[points["on_front"] == 1]
    _kept(axis, low, points["reference"].iloc[0])
    lines = _lines(axis, front)
    for row in shown.assign(dense=shown["variant"] == DENSE).sort_values(["dense", "on_front"]).to_dict("records"):
        _point(axis, row)
    finish(figure, [axis], title, _handles(shown))
    figure.draw_without_rendering()  # where things are, the labels have to know
    left_out = place(figure.axes[0], _labels(shown), shown[["size", "kept_percent"]].to_numpy(), lines)
    return figure, left_out


def _bytes(axis: Axes, sizes: pd.Series) -> float:
    """Set up the axis of bytes, and return how many are its unit."""
    scale, name = unit(sizes.max())
    least, most = sizes.min() / scale, sizes.max() / scale
    axis.set_xlabel(f"bytes in the best format that somebody can load ({name})")
    if most < SPAN * least:
        axis.set_xlim(0, 1.06 * most)
    else:
        axis.set_xscale("log")
        axis.set_xlim(least / 1.5, most * 1.2)
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return scale


def _kept(axis: Axes, low: float, reference: str) -> None:
    """Set up the axis of what is kept: by the logarithm of what is lost, since 99 and 95% are to be told apart."""
    axis.set_yscale("function", functions=(lambda kept: -np.log(LEAST + 100 - np.minimum(kept, 100 + LEAST / 2)),
                                           lambda at: LEAST + 100 - np.exp(-at)))  # fmt: skip
    axis.set_ylim(low, 100 + LEAST / 2)
    axis.yaxis.set_major_locator(FixedLocator([level for level in TICKS if level >= low]))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}%"))
    axis.set_ylabel(f"facts kept, of those that {reference} knows")
    for level in KEEP_LEVELS:
        axis.axhline(level, color=GREY, linestyle="--", linewidth=0.9, zorder=1)


def _lines(axis: Axes, front: pd.DataFrame) -> list[np.ndarray]:
    """Draw the front as steps, and the intervals of its points; returns the corners of each line, n x 2 in data."""
    right, bottom = axis.get_xlim()[1], axis.get_ylim()[0]
    kept = np.repeat([bottom, *front["kept_percent"]], 2)[1:]
    corners = np.column_stack([[*np.repeat(front["size"], 2), right], kept])
    axis.plot(corners[:, 0], corners[:, 1], color="#222222", linewidth=1.2, alpha=0.7, zorder=2)
    axis.fill_between(corners[:, 0], corners[:, 1], bottom, color="#222222", alpha=0.04, linewidth=0, zorder=0)
    ends = front.assign(kept_low=front["kept_low"].clip(bottom), kept_high=front["kept_high"].clip(upper=100))
    ends = ends[["size", "kept_low", "kept_high"]].dropna()
    axis.vlines(ends["size"], ends["kept_low"], ends["kept_high"], color="#222222", linewidth=1.1, zorder=3)
    return [corners, *(np.array([[size, low], [size, high]]) for size, low, high in ends.itertuples(index=False))]


def _point(axis: Axes, row: Mapping[Any, Any]) -> None:
    """One point; everything and the front stand out."""
    if row["variant"] == DENSE:
        style: dict[str, Any] = dict(STAR)
    else:
        colour, marker = look(row["method"])
        size = FOUND if row["on_front"] == 1 else POINT if row["scope"] in WHOLE else PART
        style = {"color": colour, "marker": marker, **size}
        recovered = parse(row["variant"]).recovery
        style |= {"markerfacecolor": "white", "markeredgewidth": 1.3} if recovered else {"markeredgecolor": "white"}
    (made,) = axis.plot(row["size"], row["kept_percent"], linestyle="", zorder=4, clip_on=False, **style)
    made.set_url(links.facts(row["model"], row["variant"]))


def _labels(shown: pd.DataFrame) -> list[Label]:
    """The labels of dense models and of the front, those that matter most first."""
    named = shown[(shown["on_front"] == 1) | (shown["variant"] == DENSE)]
    named = named.assign(dense=named["variant"] == DENSE, whole=named["scope"].isin(WHOLE))
    named = named.sort_values(["dense", "on_front", "whole", "front_share"], ascending=False, kind="stable")
    models = list(shown["model"].unique())
    common = "" if len(models) == 1 else _common(models)
    return [_label(row, len(models) > 1, common) for row in named.to_dict("records")]


def _common(names: Sequence[str]) -> str:
    """How all of these names begin, up to a sign that parts words: "opt-" of opt-125m and opt-1.3b."""
    alike = [len(set(letters)) == 1 for letters in zip(*names, strict=False)]
    start = names[0][: [*alike, False].index(False)]
    return re.sub(r"[A-Za-z0-9.]*$", "", start)


def _label(row: Mapping[Any, Any], several: bool, common: str) -> Label:
    """The label of a point; several: models are in the picture, whose names all begin alike (common)."""
    words = in_few_words(row["variant"])
    if row["variant"] == DENSE:
        words = f"{row['model']}, dense"
    elif several:
        words = f"{row['model'].removeprefix(common)}: {words}"
    share = row["front_share"]
    luck = (f"on the front in {100 * share:.0f}%",) if row["on_front"] == 1 and share < SURE else ()
    at = (row["size"], row["kept_percent"])
    return Label(at, (words, *luck), "#222222", links.facts(row["model"], row["variant"]))


def _handles(shown: pd.DataFrame) -> Sequence[Artist]:
    """The legend: methods, those on the front first, and what the other differences say."""
    variants = shown[shown["variant"] != DENSE].sort_values("on_front", ascending=False, kind="stable")
    looks = {methods_in_few_words(method): look(method) for method in variants["method"]}
    handles = [_handle(text, {"color": colour, "marker": marker, **POINT}) for text, (colour, marker) in looks.items()]
    if (shown["variant"] == DENSE).any():
        handles.append(_handle("dense model", STAR))
    if not variants["scope"].isin(WHOLE).all():
        handles.append(_handle("a part of the layers", {"color": GREY, "marker": "o", **PART}))
    if (variants["experiment"] == RECOVER).any():
        hollow = {"color": GREY, "marker": "o", **POINT, "markerfacecolor": "white", "markeredgewidth": 1.3}
        handles.append(_handle("recovered", hollow))
    return handles


def _handle(text: str, style: Mapping[str, Any]) -> Line2D:
    return Line2D([], [], linestyle="", label=text, **style)
