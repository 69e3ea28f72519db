"""The figures of "Do Compressed LLMs Forget Knowledge?" that no other figure of a run is: 1, 2, 6 and 7.

They speak of everything compressed in one step, and of recoveries on the texts that the compression looked at, without
options. Its Figure 4 is recovered.stored, its Figure 5 similarity.layers.
"""

import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from knowcost.aggregate.tables import those
from knowcost.draw import AS_IN_RECOVERY_PAPER
from knowcost.draw.compressed_alone import DIAMOND, Made, Tables, compression, handle, is_compressed, size
from knowcost.draw.drawn import Drawn
from knowcost.draw.style import (
    GREY,
    LOOKS,
    SIZE,
    dot_handles,
    dots,
    finish,
    label,
    looks_of,
    panels,
    ticks,
)
from knowcost.draw.words import interval
from knowcost.papers.forget_knowledge import PAPER, printed
from knowcost.recover import registry
from knowcost.recover.wording import in_words
from knowcost.spec.families import LABELS
from knowcost.spec.variants import Variant, parse

PROMPT, DYNAMIC = "prompt", "dynamic_prompt"
PRINTED = "printed in the paper"
GAIN = ("regained_points", "regained_low", "regained_high")
BACK = "points brought back"
INTERVALS = "Points of accuracy beyond the compressed model, with 95% intervals. "

Places = Callable[[Variant], float]  # of a variant on an axis


def figures(mine: Tables, family: str, who: str) -> Iterator[Drawn]:
    """Every figure of one family; mine: its tables (scores, drops_by_model, perplexity, recovered); who: the end of the
    captions."""
    drawn = (
        ("compressed", "Compression alone", compression(mine)),
        ("lengths", "Perplexity and accuracy by the length of prompts", _lengths(mine)),
        ("dynamic", "Dynamic prompting by the mean size of its prompts", _dynamic(mine["recovered"])),
        ("tasks", "Dynamic prompting beside its prompts, task by task", _tasks(mine["recovered"])),
    )
    for name, words, (caption, axes, handles) in ((name, words, made) for name, words, made in drawn if made):
        title = f"{words}: {LABELS[family]} models"
        if not axes:
            yield Drawn(f"recovery_{name}_{family}", title, caption + who, None, family, AS_IN_RECOVERY_PAPER)
            continue
        figure: Figure = axes[0].figure  # type: ignore[assignment]
        theirs = any(line.get_marker() == "D" for axis in axes for line in axis.lines)
        if theirs:
            handles = [*handles, Line2D([], [], color=GREY, label=PRINTED, **DIAMOND)]
            caption += f"Diamonds: {PRINTED} (“{PAPER}”). "
        finish(figure, axes, title, handles)
        yield Drawn(f"recovery_{name}_{family}", title, caption + who, figure, family, AS_IN_RECOVERY_PAPER)


def is_plain(variant: Variant, method: str) -> bool:
    """Whether it was recovered by a method as the paper does."""
    recovery = variant.recovery
    plain = recovery is not None and (recovery.method, recovery.options, recovery.data) == (method, (), None)
    return plain and is_compressed(variant)


def _lengths(mine: Tables) -> Made:
    """Of each model and compression the perplexity of every text, and what is brought back, by the prompt's length."""
    gains = _gains(mine["recovered"], PROMPT, lambda variant: float(_sizes(variant)[0]))
    several = gains.groupby(["model", "compressed"], sort=False)["x"].nunique()
    pairs = list(several[several > 1].index)
    texts = mine["perplexity"]
    if not pairs or texts.empty:
        return None
    looks = looks_of(list(texts["benchmark"].unique()))
    _, axes = panels(2 * len(pairs), 2, (4.6, 3.2))
    for place, (model, compressed) in enumerate(pairs):
        left, right = axes[2 * place : 2 * place + 2]
        rows = texts[texts["model"] == model]
        rows = those(rows, lambda v, base=compressed: v.slug == base or (  # type: ignore[misc]
            is_plain(v, PROMPT) and v.unrecovered.slug == base))  # fmt: skip
        rows = rows.assign(x=[_sizes(parse(slug))[0] for slug in rows["variant"]]).sort_values("x")
        for text, line in rows.groupby("benchmark", sort=False):
            colour, marker = looks[str(text)]
            left.plot(line["x"], line["perplexity"], color=colour, marker=marker, markersize=SIZE)
            ticks(left, {0, *rows["x"]}, 4.6)
        here = gains[(gains["model"] == model) & (gains["compressed"] == compressed)]
        _gain_line(right, here, LOOKS[-1])
        ticks(right, here["x"], 4.6)
        for axis, words in ((left, "perplexity"), (right, BACK)):
            axis.set(title=_title(model, compressed), xlabel="tokens of the prompt", ylabel=words)
    handles: list[Artist] = [handle(f"perplexity of {text}", look) for text, look in looks.items()]
    caption = (
        "Left: perplexity, without a prompt (0) and with longer ones; a prompt shortens the windows of a running text. "
        f"Right: what the same prompts bring back, mean over benchmarks. {INTERVALS}"
    )
    return caption, list(axes), [*handles, handle(BACK, LOOKS[-1]), *dot_handles(gains["decision"])]


def _dynamic(recovered: pd.DataFrame) -> Made:
    """What dynamic prompting brings back, by the mean size of its prompts: a panel per model and compression."""
    gains = _gains(recovered, DYNAMIC, lambda variant: sum(_sizes(variant)) / len(_sizes(variant)))
    if gains.empty:
        return None
    found = [rows for _, rows in gains.groupby(["model", "compressed"], sort=False)]
    shown = [rows for rows in found if len(rows) > 1 or _printed_gain(rows.iloc[0]) is not None]
    alone = "".join(_gained(rows.iloc[0]) for rows in found if len(rows) == 1 and _printed_gain(rows.iloc[0]) is None)
    if not shown:
        return f"What dynamic prompting brings back beyond the compressed model, mean over benchmarks. {alone}", [], []
    _, axes = panels(len(shown), 2, size(len(shown), 3.4))
    for axis, rows in zip(axes, shown, strict=True):
        _gain_line(axis, rows, LOOKS[0])
        axis.set_title(_title(*rows[["model", "compressed"]].iloc[0]))
    label(axes, "mean tokens of its prompts", BACK)
    caption = (
        f"What dynamic prompting brings back, mean over benchmarks. Zero: the compressed model. {INTERVALS}{alone}"
    )
    return caption, list(axes), [handle(registry.METHODS[DYNAMIC].label, LOOKS[0]), *dot_handles(gains["decision"])]


def _printed_gain(row: Mapping[Any, Any] | pd.Series) -> float | None:
    return printed.gain(row["model"], row["variant"], "Average")


def _gained(row: Mapping[Any, Any] | pd.Series) -> str:
    """What a dot alone would show, a sentence."""
    return f"{row['model']}, {in_words(row['variant'])}: {interval(*(row[name] for name in GAIN))}. "


def _tasks(recovered: pd.DataFrame) -> Made:
    """A panel per choice among prompts: what it and each of its prompts bring back on each benchmark."""
    rows = recovered[(recovered["benchmark"] != "") & recovered["regained_points"].notna()]
    chosen = those(rows, lambda variant: is_plain(variant, DYNAMIC))
    pairs = list(chosen[["model", "variant"]].drop_duplicates().itertuples(index=False))
    if not pairs:
        return None
    most = max(chosen.groupby("model")["benchmark"].nunique())
    _, axes = panels(len(pairs), 2, size(len(pairs), 2.2 + 0.4 * most), sharex=True)
    words: dict[str, tuple[str, str]] = {}
    for axis, (model, slug) in zip(axes, pairs, strict=True):
        sides = [*(part.slug for part in registry.parts(parse(slug))), slug]
        words |= dict(zip([_called(side, len(sides)) for side in sides], LOOKS, strict=False))
        here = rows[rows["model"] == model]
        names = list(here[here["variant"] == slug]["benchmark"])
        for number, (side, look) in enumerate(zip(sides, LOOKS, strict=False)):
            shift = 0.6 * ((number + 0.5) / len(sides) - 0.5)
            for row in here[(here["variant"] == side) & here["benchmark"].isin(names)].to_dict("records"):
                _across(axis, row, names.index(row["benchmark"]) + shift, look)
        axis.axvline(0, color=GREY, linewidth=0.8)
        axis.set_yticks(range(len(names)), names)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.set(title=_title(model, slug), xlabel=BACK)
    handles: list[Artist] = [handle(name, look) for name, look in words.items()]
    caption = f"What dynamic prompting brings back on each benchmark, and each of its prompts by itself. {INTERVALS}"
    return caption, list(axes), [*handles, *dot_handles(rows["decision"])]


def _called(slug: str, count: int) -> str:
    recovery = parse(slug).recovery
    return registry.label(str(recovery)) if recovery else f"{count} prompts"


def _across(axis: Axes, row: Mapping[Any, Any], y: float, look: tuple[str, str]) -> None:
    """A dot with its interval, and the printed one, on a benchmark's line."""
    value, low, high = (row[name] for name in GAIN)
    axis.hlines(y, low, high, color=look[0], linewidth=1.2)
    dots(axis, [value], [y], [row["decision"]], {"color": look[0], "marker": look[1]})
    task = next((task for task, name in printed.TASKS.items() if name == row["benchmark"]), "")
    if task and (theirs := printed.gain(row["model"], row["variant"], task)) is not None:
        axis.plot(theirs, y, color=look[0], **DIAMOND)


def _gains(recovered: pd.DataFrame, method: str, place: Places) -> pd.DataFrame:
    """The rows over all benchmarks of one method's recoveries, with their place on an axis as `x`, in its order."""
    rows = recovered[(recovered["benchmark"] == "") & recovered["regained_points"].notna()]
    rows = those(rows, lambda variant: is_plain(variant, method))
    return rows.assign(x=[place(parse(slug)) for slug in rows["variant"]]).sort_values("x", kind="stable")


def _gain_line(axis: Axes, rows: pd.DataFrame, look: tuple[str, str]) -> None:
    value, low, high = (rows[name] for name in GAIN)
    axis.axhline(0, color=GREY, linewidth=0.8)
    axis.plot(rows["x"], value, color=look[0], alpha=0.5, zorder=2)
    axis.vlines(rows["x"], low, high, color=look[0], linewidth=1.2)
    dots(axis, rows["x"], value, rows["decision"], {"color": look[0], "marker": look[1]})
    for row in rows.to_dict("records"):
        if (theirs := _printed_gain(row)) is not None:
            axis.plot(row["x"], theirs, color=look[0], **DIAMOND)


def _sizes(variant: Variant) -> list[int]:
    return variant.recovery.sizes if variant.recovery else [0]


def _title(model: str, slug: str) -> str:
    return textwrap.fill(f"{model}: {in_words(slug)}", 44)
