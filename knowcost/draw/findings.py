"""Figures of the statistics per fact: the verdicts on the paper's findings, and which facts are forgotten first."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from knowcost.aggregate import tables
from knowcost.draw import CLAIMS
from knowcost.draw.averaging import Subject
from knowcost.draw.drawn import Drawn
from knowcost.draw.style import COLOURS, GREY, LOOKS, MARKERS, aside, finish, hold, label, panels, widen
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
ENDS = ["forgotten_low", "forgotten_high"]
MEANS = [*SHARES, *ENDS]
FEWEST = 20  # known facts of which a quarter is drawn
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
    words = [textwrap.fill(sentence.rstrip("."), 46) for sentence in sentences]
    most = max(text.count("\n") for text in words) + 1
    height = max(0.56, 0.16 * most + 0.2, 0.17 * len(families))  # inches of a finding
    figure = Figure(figsize=(8.6, 1.7 + height * len(sentences)), layout="constrained")
    axis = figure.subplots()
    axis.axvline(0, color="#444444", linewidth=1)
    _dots(axis, rows, sentences, families)
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


def first(forgotten_by: pd.DataFrame, subject: Subject) -> Iterator[Drawn]:
    """Share forgotten by quartile of confidence, of answer frequency and of popularity, a line per scope, for magnitude
    pruning at the lowest level at which pruning everything cost WORTH percent of the known facts (else the highest
    level). Quarters of fewer than FEWEST known facts are left out; nothing, or a sentence, where there is nothing to
    see."""
    rows = _pruned(forgotten_by)
    if rows.empty:
        return  # nothing pruned, or nothing known
    level = _telling(rows)
    rows = rows[rows["level"] == level]
    rows = rows.reindex(columns=list(dict.fromkeys([*rows, *ENDS])))
    whole = rows.groupby(["by", "scope", "model", "benchmark"])
    enough = (whole["part"].transform("nunique") == 4) & (whole["known"].transform("min") >= FEWEST)
    rows = rows[enough]  # else the mean of a quarter would be over other benchmarks than its neighbour's
    means = _over_benchmarks(rows).groupby(["by", "scope", "part"])[MEANS].mean().reset_index()
    shown = [by for by in PARTS if by in set(means["by"])]
    title = subject.title(f"What is forgotten first, {percent_words(level)} pruned")
    if not shown or means["forgotten_percent"].max() <= subject.margin:
        yield subject.drawn("forgotten_first", title, _nothing(means), None)
        return
    quarters = " or ".join(_QUARTERS[by] for by in shown)
    caption = (
        f"Facts that the dense model knew, in quarters by {quarters}: the share that magnitude pruning by "
        f"{percent_words(level)} made it forget, mean over benchmarks, then models. Benchmarks without four quarters "
        f"of at least {FEWEST} known facts are left out. {_falling(means, shown)}"
    )
    yield subject.drawn("forgotten_first", title, caption, _quarters(means, shown, title))


def _nothing(means: pd.DataFrame) -> str:
    """Why nothing is drawn, a sentence."""
    if means.empty:
        return f"Nothing is drawn: no benchmark has four quarters of at least {FEWEST} known facts. "
    return f"Nothing is drawn: no quarter of the known facts lost more than {means['forgotten_percent'].max():.1f}%. "


def _falling(means: pd.DataFrame, shown: Sequence[str]) -> str:
    """What falling lines would mean, and what their intervals are."""
    net = means["net_percent"].notna().groupby(means["by"]).any()
    first = " or ".join(_FIRST[by] for by in shown)
    words = f"A line that falls would mean that what {first} goes first. "
    if means["forgotten_low"].notna().any():
        words += "Lines through dots: the 95% intervals of single benchmarks, averaged; those of means are no wider. "
    if not net.any():
        return words
    where = "" if net.all() else ", where there is one"
    return (
        f"{words}Dashed{where}: among facts that the dense model knew equally firmly; of these the tables "
        f"“{RARE_FIRST}” have the first quarter against the last, with intervals. "
    )


def _over_benchmarks(rows: pd.DataFrame) -> pd.DataFrame:
    """A model's mean over benchmarks."""
    found = rows.groupby(["by", "scope", "model", "part"])[MEANS]
    known = found.count()
    return found.mean().where(known.eq(known["forgotten_percent"], axis=0))  # of fewer benchmarks it would not compare


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
    size = {1: (7.9, 3.4), 2: (4.4, 3.4)}.get(len(shown), (3.2, 3.2))
    figure, axes = panels(len(shown), 3, size, sharey=True)
    scopes = [scope for scope in COLOURS if scope in set(means["scope"])]
    for axis, by in zip(axes, shown, strict=True):
        for place, scope in enumerate(scopes):
            rows = means[(means["by"] == by) & (means["scope"] == scope)].sort_values("part")
            style: dict[str, Any] = {"color": COLOURS[scope], "transform": aside(axis, place, len(scopes))}
            axis.vlines(
                rows["part"], rows["forgotten_low"].clip(lower=0), rows["forgotten_high"], **style, linewidth=1.1
            )
            style["clip_on"] = False
            axis.plot(rows["part"], rows["forgotten_percent"], **style, marker=MARKERS[scope], markersize=7)
            hold(axis, rows["part"], rows[["forgotten_percent", *ENDS]].max(axis=1))
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
    """Accuracy against sparsity of everything, a line per model, a panel per benchmark that as many families as any
    were asked. Yields nothing where no two families share a benchmark."""
    rows = scores[(scores["method"].isin([DENSE, "magnitude"])) & scores["experiment"].isin([DENSE, "prune"])]
    rows = rows[(rows["experiment"] == DENSE) | (rows["scope"] == "overall")].assign(level=rows["level"].fillna(0))
    shared = rows.groupby("benchmark")["family"].transform("nunique")
    rows = rows[(shared > 1) & (shared == shared.max()) & rows["accuracy"].notna()]
    rows = rows[rows.groupby(["benchmark", "model"])["level"].transform("nunique") > 1]
    if rows.groupby("benchmark")["family"].nunique().max() != shared.max():
        return
    title, names = "All families on one scale", ", ".join(rows["benchmark"].unique())
    caption = (
        f"The same facts with the same candidates ({names}), asked of {len(_families(rows))} families: the share "
        "for which a model finds the right one likeliest, when everything is pruned, a line for each model. Lines "
        "through dots: 95% intervals of what was lost."
    )
    if rows["majority"].notna().any():
        caption += " Dashed: a model that always gives the most frequent answer."
    yield Drawn("one_scale", title, caption, _one_scale(rows, title))


def _looks(rows: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """{model: its family's colour, and a marker that tells it from the family's others}."""
    families = rows.drop_duplicates("model").set_index("model")["family"]
    looks: dict[str, tuple[str, str]] = {}
    for family, models in families.groupby(families, sort=False):
        own = FAMILY_MARKERS[str(family)]
        markers = [own, *(marker for _, marker in LOOKS if marker != own)]
        looks |= {str(m): (FAMILY_COLOURS[str(family)], markers[n % len(markers)]) for n, m in enumerate(models.index)}
    return looks


def _one_scale(rows: pd.DataFrame, title: str) -> Figure:
    names, looks = list(rows["benchmark"].unique()), _looks(rows)
    figure, axes = panels(len(names), 2, (7.9, 4.4) if len(names) == 1 else (4.4, 3.4), sharey=True)
    for axis, name in zip(axes, names, strict=True):
        of_name = rows[rows["benchmark"] == name]
        for place, (model, look) in enumerate(looks.items()):
            mine = of_name[of_name["model"] == model].sort_values("level")
            style: dict[str, Any] = {"color": look[0], "clip_on": False, "transform": aside(axis, place, len(looks))}
            low, high = (100 * mine["dense_accuracy"] - mine[f"drop_{end}"] for end in ("high", "low"))
            axis.vlines(mine["level"], low.clip(lower=0), high.clip(upper=100), **style, linewidth=1.1)
            axis.plot(mine["level"], 100 * mine["accuracy"], **style, marker=look[1], markersize=6)
            hold(axis, mine["level"], 100 * mine["accuracy"])
        if of_name["majority"].notna().any():
            axis.axhline(100 * of_name["majority"].mean(), color=GREY, linestyle="--", linewidth=1.2)
        axis.set(title="" if len(names) == 1 else name, ylim=(0, 100))
    label(axes, "sparsity of everything (% of weights)", "facts right (%)")
    handles: list[Artist] = [
        Line2D([], [], color=colour, marker=marker, label=model) for model, (colour, marker) in looks.items()
    ]
    if rows["majority"].notna().any():
        handles.append(Line2D([], [], color=GREY, linestyle="--", label="majority baseline"))
    finish(figure, axes, title, handles)
    return figure
