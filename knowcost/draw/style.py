"""What all figures share: colours, markers, style, panels, and how a figure becomes a file.

Colours belong to scopes (after Okabe and Ito, told apart by colour-blind readers; markers double them).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, Transform

from knowcost.aggregate import rule
from knowcost.common.files import atomic
from knowcost.draw import links

COLOURS = {
    "overall": "#D55E00", "attention": "#0072B2", "feed_forward": "#009E73", "final": "#CC79A7",
    "self_attention": "#56B4E9", "cross_attention": "#E69F00", "encoder_attention": "#CC79A7",
    "decoder_attention": "#5D3A9B", "final_unstructured": "#0072B2", "final_structured": "#D55E00", "mixed": "#666666",
}  # fmt: skip
MARKERS = {
    "overall": "o", "attention": "s", "feed_forward": "^", "self_attention": "D", "cross_attention": "v",
    "encoder_attention": "P", "decoder_attention": "X",
    "prune": "o", "quantize": "s", "prune_quantize": "D", "final_unstructured": "^", "final_structured": "v",
    "prune_pattern": "<", "quantize_bits": "*", "other": "p",
    "recover": "d", "brought": "h",
}  # fmt: skip
# of methods; after Okabe and Ito as the colours of scopes, with markers that double them
LOOKS = [("#D55E00", "o"), ("#0072B2", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#56B4E9", "P"),
         ("#5D3A9B", "X"), ("#666666", "p")]  # fmt: skip
TITLE = 12.5  # typographic points of the title of a figure
STYLE = {
    "svg.hashsalt": "knowcost", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 10,
    "axes.titlesize": 11, "axes.titlelocation": "left", "axes.edgecolor": "#444444", "axes.labelcolor": "#222222",
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#E4E4E4", "grid.linewidth": 0.8, "text.color": "#222222",
    "figure.titlesize": TITLE, "figure.titleweight": "bold", "legend.frameon": False, "savefig.dpi": 160,
}  # fmt: skip
GREY = "#666666"
# How a dot shows what its estimate bears (rule.py): filled where the interval leaves out zero.
SIZE = 7
FILLED: dict[str, Any] = {"markersize": SIZE, "markeredgecolor": "white", "markeredgewidth": 0.7}
HOLLOW: dict[str, Any] = {"markersize": SIZE - 0.5, "markerfacecolor": "white", "markeredgewidth": 1.3}
SMALL: dict[str, Any] = {"markersize": 3.2, "markeredgewidth": 0}
Shared: TypeAlias = bool | Literal["row", "col"]  # which panels share an axis
SHOWN = {rule.UNSURE: HOLLOW, rule.NOTHING: HOLLOW, rule.EQUAL: SMALL}
APART = 3.2  # typographic points between neighbours of what may lie on each other
TICK = 18.0  # typographic points that the number under a tick takes


def looks_of(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """{name: its colour and marker}, of LOOKS in their order and again from the first."""
    return {name: LOOKS[place % len(LOOKS)] for place, name in enumerate(names)}


def panels(
    count: int, columns: int, size: tuple[float, float], sharex: Shared = False, sharey: Shared = False
) -> tuple[Figure, np.ndarray]:
    """A figure with `count` axes in at most `columns` columns, each of `size` inches; unused places are removed."""
    columns = min(count, columns)
    rows = -(-count // columns)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey).flatten()
    for axis in axes[count:]:
        axis.remove()
    return figure, axes[:count]


def label(axes: Sequence[Axes] | np.ndarray, x: str, y: str) -> None:
    """Axis labels on the lowest panel of each column and the first of each row; numbers on every lowest panel."""
    grid = axes[0].get_gridspec()
    columns = grid.ncols if grid else 1
    for place, axis in enumerate(axes):
        axis.set_ylabel(y if place % columns == 0 else "")
        if place >= len(axes) - columns:
            axis.set_xlabel(x)
            axis.tick_params(labelbottom=True)


def finish(figure: Figure, axes: Sequence[Axes] | np.ndarray, title: str, handles: Sequence[Artist]) -> None:
    """Title on top, legend below it and outside the data, no box around the data."""
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.08)
    for axis in axes:
        sns.despine(ax=axis, left=not axis.spines["left"].get_visible())
    words = wrapped(title, figure.get_figwidth() - 0.3, TITLE, bold=True)
    figure.suptitle(words, x=0.01, ha="left")
    figure.legend(handles=handles, loc="outside lower left", ncols=_columns(handles, figure.get_figwidth()))


def wrapped(text: str, inches: float, size: float, bold: bool = False) -> str:
    """Text in lines that are no wider than `inches`, unless a word is; size: of the letters, in points. Lines that it
    has are kept."""
    return "\n".join(_wrapped(line, 72 * inches, size, bold) for line in text.split("\n"))


def _wrapped(line: str, points: float, size: float, bold: bool) -> str:
    made: list[str] = []
    for word in line.split():
        longer = f"{made[-1]} {word}" if made else word
        made[-1:] = [longer] if not made or width(longer, size, bold) <= points else [made[-1], word]
    return "\n".join(made)


def width(text: str, size: float, bold: bool = False) -> float:
    """Of a line of text, in points."""
    font = get_font(findfont(FontProperties(weight="bold" if bold else "normal")))
    font.set_size(size, 72)
    font.set_text(text)
    return font.get_width_height()[0] / 64


def aside(axis: Axes, number: int, count: int) -> Transform:
    """Where the number-th of `count` lines stands: as the axis has it, and moved aside by a few points, so that lines
    and dots that are equal are seen as such. An axis does not see how far such lines reach: `hold` tells it."""
    by = APART * (number - (count - 1) / 2) / 72
    figure: Figure = axis.figure  # type: ignore[assignment]
    return axis.transData + ScaledTranslation(by, 0, figure.dpi_scale_trans)


def hold(axis: Axes, x: Iterable[float], y: Iterable[float]) -> None:
    """Have an axis reach as far as these points; nan counts for nothing."""
    points = np.column_stack([np.asarray([*x], float), np.asarray([*y], float)])
    axis.update_datalim(points[~np.isnan(points).any(axis=1)])
    axis.autoscale_view()


def ticks(axis: Axes, levels: Iterable[float], inches: float) -> None:
    """A tick at every level, and a number at those that have room; the first and the last have one. inches: the width
    of the panel."""
    places = sorted(set(levels))
    room = TICK * (places[-1] - places[0]) / (72 * 0.85 * inches)
    named = [places[0], places[-1]]
    for level in places[1:-1]:
        if all(abs(level - other) >= room for other in named):
            named.append(level)
    axis.set_xticks(places, [f"{level:g}" if level in named else "" for level in places])


def _columns(handles: Sequence[Artist], inches: float) -> int:
    """How many columns of a legend fit a figure, at most four: entries go down the columns, each as wide as its longest
    (twelve letters to an inch, seven more for marker and gap)."""
    words = [len(str(handle.get_label())) + 7 for handle in handles]
    for columns in range(min(len(words), 4), 1, -1):
        rows = -(-len(words) // columns)
        if sum(max(words[start : start + rows]) for start in range(0, len(words), rows)) <= 12 * inches:
            return columns
    return 1


def dots(
    axis: Axes, x: Iterable[float], y: Iterable[float], decisions: Iterable[str], style: Mapping[str, Any]
) -> None:
    """A dot per point, as its decision has it; style: colour and marker."""
    points = list(zip(x, y, decisions, strict=True))
    for look in (FILLED, HOLLOW, SMALL):
        mine = [(one, other) for one, other, word in points if SHOWN.get(word, FILLED) is look]
        if mine:
            axis.plot(*zip(*mine, strict=True), linestyle="", zorder=3, **style, **look)


def dot_handles(decisions: Iterable[str]) -> list[Artist]:
    """The legend's entries for the dots that are not filled, of those among `decisions`."""
    words, found = {rule.UNSURE: HOLLOW, rule.EQUAL: SMALL}, set(decisions)
    return [
        Line2D([], [], color=GREY, marker="o", linestyle="", label=word, **look)
        for word, look in words.items()
        if word in found
    ]


DOTS = ("filled", "hollow", "small")
BARS = ("black number", "hollow bar, and grey number with a question mark", "grey number")


def decided_in_words(decisions: Iterable[str], looks: tuple[str, str, str] = DOTS) -> str:
    """What marks say of the decisions they show, for a caption; empty where there are none. looks: of what is shown to
    cost or gain something, of what is not precise enough, and of what is practically equal to the dense model."""
    found = set(decisions) - {"", rule.NOT_RUN}
    if not found:
        return ""
    filled, hollow, equal = looks
    words = [f"{filled}: the 95% interval of the points lost leaves out zero"] * bool(
        {*rule.DIFFERENT, rule.GAINS} & found
    )
    words += [f"{hollow}: it is not precise enough to say"] * bool({rule.UNSURE, rule.NOTHING} & found)
    words += [f"{equal}: practically equal to the dense model"] * (rule.EQUAL in found)
    said = "; ".join(words)
    return f"{said[0].upper()}{said[1:]}. "


def widen(axis: Axes, which: str, least: float = 1.0) -> None:
    """Let an axis (`which`: x or y) reach `least`: matplotlib stretches nearly nothing over the whole panel."""
    low, high = getattr(axis, f"get_{which}lim")()
    if high < least:
        getattr(axis, f"set_{which}lim")(min(low, -least / 20), least)


def save(figure: Figure, path: Path, suffix: str) -> None:
    """Write a figure without the date and the version of what wrote it: the same figure, the same bytes."""
    metadata: dict[str, dict[str, Any]] = {
        "svg": {"Date": None},
        "png": {"Software": None},
        "pdf": {"CreationDate": None},
    }
    with atomic(path) as temporary:
        figure.savefig(temporary, format=suffix, metadata=metadata.get(suffix))
        if suffix == "svg":
            temporary.write_text(links.named(temporary.read_text(encoding="utf-8")), encoding="utf-8")
