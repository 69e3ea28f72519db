"""Figures of the statistics per fact: the verdicts on the paper's findings, and which facts are forgotten first."""

import re
import textwrap
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from knowcost.aggregate import FULL_WEIGHT, tables
from knowcost.draw import CLAIMS
from knowcost.draw.drawn import Drawn
from knowcost.draw.style import COLOURS, GREY, MARKERS, finish, label, panels, widen
from knowcost.draw.words import RARE_FIRST
from knowcost.papers.claim import DECIDED, FAILS_IN_PART, HOLDS_IN_PART, UNSURE
from knowcost.papers.cost_of_compression.claims import PAPER
from knowcost.spec.families import FAMILIES, LABELS
from knowcost.spec.levels import percent_words
from knowcost.spec.variants import DENSE, GROUPINGS

FAMILY_COLOURS = {"encoder": "#0072B2", "encoder_decoder": "#D55E00", "decoder": "#009E73"}
FAMILY_MARKERS = {"encoder": "o", "encoder_decoder": "s", "decoder": "^"}
PARTS = {
    "confidence": "least confident|most confident",
    "frequency": "rarest answers|most frequent answers",
    "popularity": "least popular|most popular",
}
TITLES = {
    "confidence": "by the dense model's confidence",
    "frequency": "by how often the answer is right",
    "popularity": "by popularity",
}
SHARES = {"forgotten_percent": "-", "net_percent": "--"}  # as they are, and among facts known equally firmly
WORTH = 5  # percent of the known facts that pruning everything should have cost, to see which went first


def verdicts(claims: pd.DataFrame) -> Iterator[Drawn]:
    """A figure per paper: dot and interval per claim and family, filled where a verdict was reached. A paper of whose
    claims none has a number has none."""
    for paper, rows in claims.dropna(subset=["estimate", "low"]).groupby("paper", sort=False):
        name = CLAIMS if paper == PAPER else f"{CLAIMS}_{re.sub('[^a-z0-9]+', '_', str(paper).lower()).strip('_')}"
        title = f"The findings of “{paper}” in this run"
        yield Drawn(name, title, _caption(rows), _verdicts(rows, title))


def _caption(rows: pd.DataFrame) -> str:
    """What the numbers count, of each kind that is there, and which dots are filled."""
    counted = ", or ".join(unit for unit in dict.fromkeys(rows["unit"]))
    in_part = ""
    if {HOLDS_IN_PART, FAILS_IN_PART} & set(rows["verdict"]):
        in_part = "; what holds or fails in part does so at the mean of its levels, not at each of them"
    return (
        "Each finding as a number that is positive if the finding is true, with its 95% interval: "
        f"{counted}. Filled dots: the run decides, for the finding, against it or that there is no "
        f"difference worth speaking of{in_part}. Of several comparisons the one that speaks most against the finding."
    )


def _verdicts(rows: pd.DataFrame, title: str) -> Figure:
    sentences = list(dict.fromkeys(rows["sentence"]))
    families = _families(rows)
    figure = Figure(figsize=(8.6, 1.7 + 0.56 * len(sentences)), layout="constrained")
    axis = figure.subplots()
    axis.axvline(0, color="#444444", linewidth=1)
    _dots(axis, rows, sentences, families)
    words = [textwrap.fill(sentence.rstrip("."), 46) for sentence in sentences]
    axis.set(yticks=range(len(sentences)), yticklabels=words, ylim=(len(sentences) - 0.4, -0.6))
    axis.set_xscale("symlog", linthresh=1, linscale=0.8)
    reach = max(1.5, 1.3 * np.abs(rows[["low", "high"]].to_numpy()).max())
    axis.set_xlim(-reach, reach)
    ticks = [tick for tick in (-50, -10, -3, -1, 0, 1, 3, 10, 50) if abs(tick) <= reach]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.grid(False, axis="y")
    axis.set_xlabel("percentage points (log scale beyond 1)")
    axis.text(0, 1.01, "← against the finding", color=GREY, transform=axis.transAxes)
    axis.text(1, 1.01, "for it →", color=GREY, transform=axis.transAxes, ha="right")
    for place in range(1, len(sentences)):
        axis.axhline(place - 0.5, color="#E4E4E4", linewidth=0.8)
    unsure = Line2D([], [], color=GREY, marker="o", linestyle="", markerfacecolor="white", label=UNSURE)
    finish(figure, [axis], title, [*_handles(families), unsure])
    return figure


def _dots(axis: Axes, rows: pd.DataFrame, sentences: Sequence[str], families: Sequence[str]) -> None:
    """A row per sentence, families one below the other."""
    for row in rows.to_dict("records"):
        place = sentences.index(row["sentence"]) + 0.22 * (families.index(row["family"]) - (len(families) - 1) / 2)
        colour = FAMILY_COLOURS[row["family"]]
        axis.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
        face = colour if row["verdict"] in DECIDED else "white"
        marker = FAMILY_MARKERS[row["family"]]
        axis.plot(row["estimate"], place, marker=marker, markersize=6.5, color=colour, markerfacecolor=face)


def _families(rows: pd.DataFrame) -> list[str]:
    return [family for family in FAMILIES if family in set(rows["family"])]


def _handles(families: Sequence[str]) -> list[Artist]:
    return [
        Line2D([], [], color=FAMILY_COLOURS[f], marker=FAMILY_MARKERS[f], label=f"{LABELS[f]} models") for f in families
    ]


def first(forgotten_by: pd.DataFrame, family: str, who: str) -> Iterator[Drawn]:
    """Share forgotten by quartile of confidence, of answer frequency and of popularity, a line per scope, for magnitude
    pruning at the lowest level at which pruning everything cost WORTH percent of the known facts (else the highest
    level)."""
    rows = _pruned(forgotten_by)
    if rows.empty:
        return  # nothing pruned, or nothing known
    level = _telling(rows)
    rows = rows[rows["level"] == level]
    parts = rows.groupby(["by", "scope", "model", "benchmark"])["part"].transform("nunique")
    rows = rows[parts == 4]  # with fewer, the mean of a quarter would be over other benchmarks than its neighbour's
    means = _over_benchmarks(rows).groupby(["by", "scope", "part"])[list(SHARES)].mean().reset_index()
    shown = [by for by in PARTS if by in set(means["by"])]
    if not shown:
        return
    title = f"What is forgotten first, {percent_words(level)} pruned: {LABELS[family]} models"
    quarters = " or ".join(_QUARTERS[by] for by in shown)
    caption = (
        f"Facts that the dense model knew, in quarters by {quarters}: the share that magnitude pruning by "
        f"{percent_words(level)} made it forget, mean over benchmarks (those of fewer than {FULL_WEIGHT} known facts "
        "weigh less), then models. Benchmarks whose facts do not make four quarters are left out. "
        f"{_falling(means, shown)}"
    )
    yield Drawn(f"forgotten_first_{family}", title, caption + who, _quarters(means, shown, title), family)


def _falling(means: pd.DataFrame, shown: Sequence[str]) -> str:
    """What falling lines would mean, and where the intervals are, which these lines have not."""
    net = means["net_percent"].notna().groupby(means["by"]).any()
    first = " or ".join(_FIRST[by] for by in shown)
    words = f"A line that falls would mean that what {first} goes first; lines have no intervals here. "
    if not net.any():
        return words
    where = "" if net.all() else ", where there is one"
    return (
        f"{words}Dashed{where}: among facts that the dense model knew equally firmly; of these the tables "
        f"“{RARE_FIRST}” have the first quarter against the last, with intervals. "
    )


def _over_benchmarks(rows: pd.DataFrame) -> pd.DataFrame:
    """A model's mean over benchmarks, which weigh by what is known there."""
    keys = ["by", "scope", "model"]
    weight = (rows.groupby([*keys, "benchmark"])["known"].transform("sum") / FULL_WEIGHT).clip(upper=1)
    weighed = rows.assign(weight=weight, **{name: rows[name] * weight for name in SHARES})
    sums = weighed.groupby([*keys, "part"])[["weight", *SHARES]].sum(min_count=1)
    known = weighed.groupby([*keys, "part"])[list(SHARES)].count()
    whole = known.eq(known["forgotten_percent"], axis=0)  # a mean over fewer benchmarks would not compare
    return sums[list(SHARES)].div(sums["weight"], axis=0).where(whole)


def _telling(rows: pd.DataFrame) -> float:
    """The lowest level at which pruning everything cost WORTH percent of the known facts, else the highest."""
    whole = rows[rows["scope"] == "overall"] if "overall" in set(rows["scope"]) else rows
    sums = whole[whole["by"] == "confidence"].groupby("level")[["forgotten", "known"]].sum()
    enough = sums.index[100 * sums["forgotten"] >= WORTH * sums["known"]]
    return enough.min() if len(enough) else rows["level"].max()


_QUARTERS = {
    "confidence": "the probability it gave the answer",
    "frequency": "how often their answer is right",
    "popularity": "how popular they are",
}


_FIRST = {
    "confidence": "was known least firmly",
    "frequency": "has the rarest answer",
    "popularity": "is least popular",
}


def _pruned(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of magnitude pruning, paper's grouping, main scopes, quartiles only; with scope and level."""
    what = pd.DataFrame([tables.describe(slug) for slug in rows["variant"].unique()], columns=tables.TREATMENT)
    chosen = (what["method"] == "magnitude") & (what["experiment"] == "prune")
    chosen &= (what["grouping"] == GROUPINGS[0]) & what["scope"].isin(["overall", "attention", "feed_forward"])
    rows = rows[rows["by"].isin(list(PARTS))].merge(what.loc[chosen, ["variant", "scope", "level"]], on="variant")
    return rows.assign(part=pd.to_numeric(rows["part"]), level=pd.to_numeric(rows["level"]))


def _quarters(means: pd.DataFrame, shown: Sequence[str], title: str) -> Figure:
    figure, axes = panels(len(shown), 3, (3.2, 3.2) if len(shown) > 2 else (4.4, 3.4), sharey=True)
    scopes = [scope for scope in COLOURS if scope in set(means["scope"])]
    for axis, by in zip(axes, shown, strict=True):
        for scope in scopes:
            rows = means[(means["by"] == by) & (means["scope"] == scope)].sort_values("part")
            style = {"color": COLOURS[scope], "clip_on": False}
            axis.plot(rows["part"], rows["forgotten_percent"], **style, marker=MARKERS[scope], markersize=7)
            if rows["net_percent"].notna().any():
                axis.plot(rows["part"], rows["net_percent"], **style, linestyle=SHARES["net_percent"], linewidth=1)
        least, most = PARTS[by].split("|")
        axis.set_xticks([1, 2, 3, 4], [least.replace(" ", "\n"), "2", "3", most.replace(" ", "\n")])
        axis.set(title=TITLES[by], xlim=(0.7, 4.3))
    widen(axes[0], "y")
    axes[0].set_ylim(bottom=0)
    label(axes, "", "forgotten (% of known facts)")
    handles = [Line2D([], [], color=COLOURS[s], marker=MARKERS[s], markersize=7, label=LABELS[s]) for s in scopes]
    if means["net_percent"].notna().any():
        words = "among facts known equally firmly"
        handles.append(Line2D([], [], color="black", linestyle=SHARES["net_percent"], linewidth=1, label=words))
    finish(figure, axes, title, handles)
    return figure


def one_scale(scores: pd.DataFrame) -> Iterator[Drawn]:
    """Accuracy against sparsity of everything, a line per family, a panel per benchmark that as many families as any
    were asked. Yields nothing where no two families share a benchmark."""
    rows = scores[(scores["method"].isin([DENSE, "magnitude"])) & scores["experiment"].isin([DENSE, "prune"])]
    rows = rows[(rows["experiment"] == DENSE) | (rows["scope"] == "overall")].assign(level=rows["level"].fillna(0))
    shared = rows.groupby("benchmark")["family"].transform("nunique")
    rows = rows[(shared > 1) & (shared == shared.max())]
    if rows["level"].nunique() < 2:
        return
    title, names = "All families on one scale", ", ".join(rows["benchmark"].unique())
    caption = (
        f"The same facts with the same candidates ({names}), asked of {len(_families(rows))} families: the share "
        "for which a model finds the right one likeliest, mean over a family's models, when everything is pruned."
    )
    if rows["majority"].notna().any():
        caption += " Dashed: a model that always gives the most frequent answer."
    yield Drawn("one_scale", title, caption, _one_scale(rows, title))


def _one_scale(rows: pd.DataFrame, title: str) -> Figure:
    names = list(rows["benchmark"].unique())
    figure, axes = panels(len(names), 2, (7.9, 4.4) if len(names) == 1 else (4.4, 3.4), sharey=True)
    for axis, name in zip(axes, names, strict=True):
        of_name = rows[rows["benchmark"] == name]
        for family in of_name["family"].unique():
            means = 100 * of_name[of_name["family"] == family].groupby("level")["accuracy"].mean()
            colour, marker = FAMILY_COLOURS[family], FAMILY_MARKERS[family]
            axis.plot(means.index, means, clip_on=False, color=colour, marker=marker, markersize=7)
        if of_name["majority"].notna().any():
            axis.axhline(100 * of_name["majority"].mean(), color=GREY, linestyle="--", linewidth=1.2)
        axis.set(title="" if len(names) == 1 else name, ylim=(0, 100))
    label(axes, "sparsity of everything (% of weights)", "facts right (%)")
    handles = _handles(_families(rows))
    if rows["majority"].notna().any():
        handles.append(Line2D([], [], color=GREY, linestyle="--", label="majority baseline"))
    finish(figure, axes, title, handles)
    return figure
