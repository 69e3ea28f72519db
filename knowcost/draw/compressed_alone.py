"""Compression alone, as Figure 1 of "Do Compressed LLMs Forget Knowledge?" has it, and what its other figures share."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from knowcost.aggregate.tables import those
from knowcost.draw.cells import interval_of
from knowcost.draw.style import GREY, SIZE, decided_in_words, dot_handles, dots, looks_of, panels
from knowcost.papers.forget_knowledge import printed
from knowcost.recover.registry import name_of
from knowcost.recover.wording import in_words
from knowcost.spec import levels
from knowcost.spec.variants import DENSE, GROUPINGS, Variant, parse

METHODS = ("gptq", "sparsegpt")  # of Figure 1
DIAMOND: dict[str, Any] = {
    "marker": "D",
    "markersize": SIZE + 2,
    "markerfacecolor": "none",
    "linestyle": "",
    "zorder": 4,
}
LOST = ["drop_points", "drop_low", "drop_high"]

Tables = Mapping[str, pd.DataFrame]
Looks = Mapping[str, tuple[str, str]]  # {what a line is called: its colour and marker}
Made = tuple[str, Sequence[Axes], list[Artist]] | None  # caption, axes (none of a sentence), and the legend


def is_compressed(variant: Variant) -> bool:
    """Whether everything was compressed in one step, whatever was done afterwards."""
    return len(variant.steps) == 1 and variant.scope == "overall" and variant.grouping == GROUPINGS[0]


def compression(mine: Tables) -> Made:
    """Mean accuracy by bits, and by percent pruned, a line per method and calibration data."""
    rows = _accuracies(mine)
    rows = those(rows, lambda v: is_compressed(v) and not v.recovery and v.steps[0].method in METHODS)
    rows = rows.assign(x=rows["variant"].map(lambda slug: _strength(parse(slug)))).dropna(subset=["x"])
    if rows.empty:
        return None
    rows["kind"] = [parse(slug).steps[0].kind for slug in rows["variant"]]
    kinds = [kind for kind in ("quantize", "prune") if kind in set(rows["kind"])]
    pairs = [(model, kind) for model in rows["model"].unique() for kind in kinds]
    lone = [(model, kind) for model, kind in pairs if _is_lone(_of_kind(rows, model, kind))]
    pairs = [pair for pair in pairs if pair not in lone and len(_of_kind(rows, *pair))]
    alone = "".join(_alone(row) for pair in lone for row in _of_kind(rows, *pair).to_dict("records"))
    said = "Everything compressed, and nothing recovered: mean accuracy over benchmarks. "
    if not pairs:
        return said + alone, [], []
    rows = pd.concat([_of_kind(rows, *pair) for pair in pairs])
    looks = looks_of(sorted(rows["method"].unique()))
    _, axes = panels(len(pairs), 2, size(len(pairs), 3.4))
    for axis, (model, kind) in zip(axes, pairs, strict=True):
        here = _of_kind(rows, model, kind)
        _strengths(axis, here, looks)
        axis.set(title=model, xlabel="bits a weight" if kind == "quantize" else "weights pruned (%)")
        axis.set_ylabel("facts answered right (%)")
        if kind == "quantize":
            axis.invert_xaxis()
            axis.set_xticks(sorted(here["x"].unique()))
    handles: list[Artist] = [handle(name_of(method), look) for method, look in looks.items()]
    handles.append(Line2D([], [], color=GREY, linestyle="--", label=DENSE))
    through = "Lines through dots: 95% intervals of what was lost. " * bool(rows["low"].notna().any())
    caption = f"{said}{decided_in_words(rows['decision'])}{through}{alone}"
    return caption, list(axes), handles + dot_handles(rows["decision"])


def _of_kind(rows: pd.DataFrame, model: str, kind: str) -> pd.DataFrame:
    return rows[(rows["model"] == model) & (rows["kind"] == kind)].sort_values("x")


def _is_lone(rows: pd.DataFrame) -> bool:
    """Whether a panel would have one dot alone."""
    return len(rows) == 1 and not printed.of(rows["model"].iloc[0], rows["variant"].iloc[0])


def _alone(row: Mapping[Any, Any]) -> str:
    """What a dot alone would show, a sentence."""
    start = f"{row['model']}, {in_words(row['variant'])}: {row['accuracy']:.1f}% right"
    return f"{start}; dense: {row['dense']:.1f}%. "


def _strengths(axis: Axes, rows: pd.DataFrame, looks: Looks) -> None:
    """A model's lines over bits or percent."""
    for method, line in rows.groupby("method", sort=False):
        colour, marker = looks[str(method)]
        axis.plot(line["x"], line["accuracy"], color=colour, alpha=0.8, zorder=2)
        axis.vlines(line["x"], line["low"], line["high"], color=colour, linewidth=1.2)
        dots(axis, line["x"], line["accuracy"], line["decision"], {"color": colour, "marker": marker})
    for row in rows.to_dict("records"):
        if theirs := printed.of(row["model"], row["variant"]):
            axis.plot(row["x"], float(theirs["Average"]), color=looks[row["method"]][0], **DIAMOND)
    for dense in rows["dense"].dropna().unique():
        axis.axhline(dense, color=GREY, linestyle="--", linewidth=1)


def _strength(variant: Variant) -> float | None:
    """Its bits, or percent pruned; None for groups, act order and N:M."""
    level = variant.steps[0].level
    if isinstance(level, str) and levels.kind(level) == "bits" and levels.bits(level).group_size is None:
        return float(levels.bits(level).bits)
    return float(level) if isinstance(level, int) else None


def _accuracies(mine: Tables) -> pd.DataFrame:
    """A row per model and variant that was asked every benchmark: mean accuracy and the dense model's (%), decision."""
    scores = mine["scores"]
    means = scores.groupby(["model", "variant"])["accuracy"].agg(["mean", "count"]).reset_index()
    asked = scores.groupby("model")["benchmark"].nunique()
    means = means[means["count"] == means["model"].map(asked)].assign(accuracy=lambda rows: 100 * rows["mean"])
    dense = means[means["variant"] == DENSE].set_index("model")["accuracy"]
    rows = mine["drops_by_model"].reindex(columns=["model", "variant", "method", "decision", *LOST])
    rows = rows.merge(means[["model", "variant", "accuracy"]], on=["model", "variant"])
    low, high = interval_of(rows)
    return rows.assign(dense=rows["model"].map(dense), low=low, high=high)


def size(count: int, height: float) -> tuple[float, float]:
    """Of a panel, in inches: one alone is as wide as two."""
    return (7.9 if count == 1 else 4.6), height


def handle(words: str, look: tuple[str, str]) -> Artist:
    """An entry of a legend."""
    return Line2D([], [], color=look[0], marker=look[1], linestyle="", markersize=SIZE, label=words)
