"""The figures of recoveries: what each brings back beside the dense model's own gain, what of the facts that no text
states comes back, and accuracy by the numbers that are stored and cached for it."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from knowcost.aggregate import relearning, rule
from knowcost.aggregate.tables import those
from knowcost.draw.cells import interval_of
from knowcost.draw.compressed_alone import DIAMOND
from knowcost.draw.drawn import Drawn
from knowcost.draw.style import COLOURS, GREY, HOLLOW, SIZE, dot_handles, dots, finish, looks_of, panels
from knowcost.papers.forget_knowledge import PAPER, printed
from knowcost.recover.registry import label, method_of
from knowcost.recover.wording import in_words
from knowcost.spec.families import LABELS
from knowcost.spec.variants import DENSE, RECOVER, parse

Row = Mapping[str, Any]
BLUE, ORANGE, GREEN = COLOURS["attention"], COLOURS["overall"], COLOURS["feed_forward"]


@dataclass(frozen=True)
class Mark:
    """A dot with its interval. words: of the legend, "" for none. value, ends: of its columns ("regained_points",
    "regained"). texts: of the rows that it is drawn from, where a table has them. decision: the column that says how it
    is drawn, "" for always alike."""

    words: str
    value: str
    ends: str
    colour: str
    marker: str
    texts: str = ""
    decision: str = ""


LOWEST = 3.0  # inches: of one recovery, title and legend would leave no room for its line
CHANGE = (
    Mark("the compressed model", "regained_points", "regained", ORANGE, "o", decision="decision"),
    Mark("the dense model, recovered likewise", "control_points", "control", GREY, "D"),
)


def figures(mine: Mapping[str, pd.DataFrame], family: str, who: str) -> Iterator[Drawn]:
    """Every figure of one family's recoveries; mine: its tables (recovered, relearned, scores, drops_by_model)."""
    told = relearning.is_told(mine["recovered"], mine["relearned"])
    yield from brought_back(mine["recovered"][~told], family, who)
    yield from untold(mine["relearned"], family, who)
    scores = mine["scores"][~relearning.is_told(mine["scores"], mine["relearned"])]
    yield from stored({**mine, "scores": scores}, family, who)


def brought_back(recovered: pd.DataFrame, family: str, who: str) -> Iterator[Drawn]:
    """A panel per model and compression: points that each recovery brings back, and what it does to the dense model."""
    rows = recovered[(recovered["benchmark"] == "") & recovered["regained_points"].notna()]
    if rows.empty:
        return
    title = f"What recoveries bring back: {LABELS[family]} models"
    has_control = rows["control_points"].notna().any()
    control = (
        "Grey diamonds: what the same recovery adds to the dense model, which lost nothing; a gain that is no larger "
        "is adaptation to the texts rather than knowledge brought back. "
    ) * bool(has_control)
    caption = (
        "Points of accuracy beyond the compressed model, mean over benchmarks, with 95% intervals; right of zero the "
        f"recovery helps. {control}{_decided(rows['decision'])}"
    )
    marks = CHANGE if has_control else CHANGE[:1]
    figure = _panels(rows, marks, title, "points of accuracy brought back")
    yield Drawn(f"recovered_{family}", title, caption + who, figure, family)


def _decided(decisions: Iterable[str]) -> str:
    """What the dots say, of those that are there."""
    found = set(decisions)
    words = ["filled: the interval leaves out zero"] * bool({*rule.DIFFERENT, rule.GAINS} & found)
    words += ["hollow: not precise enough to say"] * (rule.UNSURE in found)
    words += ["small: practically equal to the compressed model"] * (rule.EQUAL in found)
    return f"Dots of the compressed model: {'; '.join(words)}. " if words else ""


def untold(frame: pd.DataFrame, family: str, who: str) -> Iterator[Drawn]:
    """A panel per model and compression: of the lost facts, those that came back without being told, after either
    training; those that were told; and what chance gives."""
    there = frame[frame["decision"] != relearning.NOT_RUN]
    told = sorted(set(there["told_by"]))
    if not told:
        return
    rows = there[(there["told_by"] == told[0]) & there["texts"].isin([relearning.MAIN, told[0]])]
    title = f"Forgotten, or displaced? {LABELS[family].capitalize()} models"
    caption = (
        "Of the facts that the dense model knew and the compressed one lost, the share that is right again. Blue: "
        "facts that no text states, after training on texts that state no fact that is asked; orange: the same facts, "
        f"after training on the texts “{told[0]}”, which state other facts of the same kind; green: facts that these "
        "texts do state, which shows what the recovery can teach. Grey, below each: what chance gives, seen on facts "
        "that no model was ever told. Beyond grey: displaced, not forgotten. Lines: 95% intervals. "
    )
    figure = _panels(rows, _relearning_marks(told[0]), title, "lost facts that are right again (%)")
    yield Drawn(f"relearned_{family}", title, caption + who, figure, family)


def _relearning_marks(told: str) -> tuple[Mark, ...]:
    return (
        Mark("not told, main texts", "untold_percent", "untold", BLUE, "o", relearning.MAIN),
        Mark("", "chance_percent", "chance", GREY, "D", relearning.MAIN),
        Mark(f"not told, “{told}”", "untold_percent", "untold", ORANGE, "s", told),
        Mark("chance after the same training", "chance_percent", "chance", GREY, "D", told),
        Mark(f"told, “{told}”", "told_percent", "told", GREEN, "^", told),
    )


def _panels(rows: pd.DataFrame, marks: Sequence[Mark], title: str, words: str) -> Figure:
    """A panel per model and compression with a line of marks per recovery."""
    pairs = list(rows[["model", "compressed"]].drop_duplicates().itertuples(index=False))
    most = max(rows.groupby(["model", "compressed"])["recovery"].nunique())
    figure, axes = panels(len(pairs), 2, (_wide(len(pairs)), max(LOWEST, 1.3 + 0.22 * len(marks) * most)), sharex=True)
    several = rows["model"].nunique() > 1
    for axis, (model, compressed) in zip(axes, pairs, strict=True):
        here = rows[(rows["model"] == model) & (rows["compressed"] == compressed)]
        _lines(axis, here, marks)
        axis.set_title(_of(model, compressed, several))
    for axis in axes[-2:]:
        axis.set_xlabel(words)
    handles: list[Artist] = [
        Line2D([], [], color=mark.colour, marker=mark.marker, markersize=SIZE, linestyle="", label=mark.words)
        for mark in marks
        if mark.words
    ]
    deciding = [mark.decision for mark in marks if mark.decision]
    finish(figure, axes, title, handles + dot_handles(rows[deciding].to_numpy().ravel() if deciding else []))
    return figure


def _wide(count: int) -> float:
    """Inches of a panel: one alone is as wide as two."""
    return 8.2 if count == 1 else 4.6


def _of(model: str, compressed: str, several: bool) -> str:
    """The title of a panel; several: whether there are more models than one."""
    return textwrap.fill((f"{model}: " if several else "") + in_words(compressed), 30)  # no more fits beside long names


def _lines(axis: Axes, rows: pd.DataFrame, marks: Sequence[Mark]) -> None:
    recoveries = list(rows["recovery"].unique())
    for place, recovery in enumerate(recoveries):
        for number, mark in enumerate(marks):
            mine = rows[rows["recovery"] == recovery]
            mine = mine[mine["texts"] == mark.texts] if mark.texts else mine
            y = place + 0.7 * ((number + 0.5) / len(marks) - 0.5)
            for row in mine.to_dict("records"):
                _dot(axis, row, mark, y)
    axis.axvline(0, color=GREY, linewidth=0.8)
    axis.set_yticks(range(len(recoveries)), [label(each) for each in recoveries])
    axis.set_ylim(len(recoveries) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")


def _dot(axis: Axes, row: Row, mark: Mark, y: float) -> None:
    if not np.isnan(row[f"{mark.ends}_low"]):
        axis.hlines(y, row[f"{mark.ends}_low"], row[f"{mark.ends}_high"], color=mark.colour, linewidth=1.2)
    style = {"color": mark.colour, "marker": mark.marker}
    dots(axis, [row[mark.value]], [y], [row[mark.decision] if mark.decision else ""], style)


def stored(mine: Mapping[str, pd.DataFrame], family: str, who: str) -> Iterator[Drawn]:
    """A panel per model and compression: the mean accuracy after each recovery by how many numbers it stores (filled),
    and holds beside the weights while it answers (hollow). mine: scores, and drops_by_model for intervals."""
    scores, rows = mine["scores"], _accuracies(mine)
    if rows.empty:
        return
    title = f"Accuracy by the numbers that are stored and cached: {LABELS[family]} models"
    caption = (
        "Each recovery's mean accuracy over benchmarks, by how many numbers it stores beside the compressed weights "
        "(filled) and holds in memory beside them while the model answers (hollow). Lines through filled dots: 95% "
        "intervals of what is lost. Dashed: the compressed model; "
        "dotted: the dense one. "
    )
    if any(printed.of(row["model"], row["variant"]) for row in rows.to_dict("records")):
        caption += f"Grey diamonds: printed in “{PAPER}”. "
    pairs = list(rows[["model", "compressed"]].drop_duplicates().itertuples(index=False))
    figure, axes = panels(len(pairs), 2, (_wide(len(pairs)), 3.2), sharex=True)
    methods = list(rows["how"].unique())
    means = scores.groupby(["model", "variant"])["accuracy"].mean() * 100
    for axis, (model, compressed) in zip(axes, pairs, strict=True):
        here = rows[(rows["model"] == model) & (rows["compressed"] == compressed)]
        for method, (colour, marker) in looks_of(methods).items():
            _sizes(axis, here[here["how"] == method], {"color": colour, "marker": marker})
        _printed(axis, here)
        for slug, dash in ((compressed, "--"), (DENSE, ":")):
            if (model, slug) in means.index:
                axis.axhline(means[model, slug], color=GREY, linestyle=dash, linewidth=1)
        axis.set(
            title=_of(model, compressed, rows["model"].nunique() > 1), xscale="log", ylabel="facts answered right (%)"
        )
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axis.xaxis.set_minor_formatter(NullFormatter())
    for axis in axes[-2:]:
        axis.set_xlabel("numbers (log scale)")
    finish(figure, axes, title, _handles(rows, methods))
    yield Drawn(f"stored_{family}", title, caption + who, figure, family)


def _printed(axis: Axes, rows: pd.DataFrame) -> None:
    """What the paper prints of these variants: its parameters, which are those that are stored, and its mean."""
    for row in rows.to_dict("records"):
        if (theirs := printed.of(row["model"], row["variant"])) and theirs["param"]:
            axis.plot(1e6 * float(theirs["param"].removesuffix("M")), float(theirs["Average"]), color=GREY, **DIAMOND)


def _handles(rows: pd.DataFrame, methods: Sequence[str]) -> list[Artist]:
    names = dict(zip(rows["how"], rows["words"], strict=True))
    return [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=SIZE, label=names[method])
        for method, (colour, marker) in looks_of(methods).items()
    ]


def _sizes(axis: Axes, rows: pd.DataFrame, style: Mapping[str, Any]) -> None:
    for row in rows.to_dict("records"):
        both = [row["cached_parameters"], row["adapter_parameters"]]
        axis.vlines(both[1], row["low"], row["high"], color=style["color"], linewidth=1.2)
        axis.plot(both, [row["accuracy"]] * 2, color=style["color"], linewidth=0.8)
        axis.plot(both[:1], [row["accuracy"]], linestyle="", **style, **HOLLOW)
        axis.plot(both[1:], [row["accuracy"]], linestyle="", **style, markersize=SIZE)


def _accuracies(mine: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per model and recovered variant that was asked all of its benchmarks: mean accuracy (%) with its interval,
    numbers, and by which method."""
    scores = mine["scores"]
    of_model = scores.groupby("model")["benchmark"].nunique()
    rows = scores[(scores["experiment"] == RECOVER) & (scores["adapter_parameters"] > 0)]
    numbers = ["adapter_parameters", "cached_parameters"]
    found = rows.groupby(["model", "variant"], sort=False).agg(
        {"accuracy": "mean", "benchmark": "nunique"} | dict.fromkeys(numbers, "first")
    )
    found = found.reset_index()
    found = found[(found["benchmark"] == found["model"].map(of_model)) & (found["cached_parameters"] > 0)]
    found = those(found, lambda variant: not variant.is_control)
    lost = mine["drops_by_model"][["model", "variant", "drop_points", "drop_low", "drop_high"]]
    found = found.assign(accuracy=100 * found["accuracy"]).merge(lost, how="left", on=["model", "variant"])
    found["low"], found["high"] = interval_of(found)
    found["compressed"] = [parse(slug).unrecovered.slug for slug in found["variant"]]
    recoveries = [parse(slug).recovery for slug in found["variant"]]
    found["how"] = [each.method if each else "" for each in recoveries]
    found["words"] = [method_of(each).label if each else "" for each in recoveries]
    return found
