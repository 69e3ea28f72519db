"""Figures of what compression costs one family: the drop against the dense model, in percent of the dense model's
accuracy, as in "The Cost of Compression". Those that the paper has, and what is pruned and then quantized, which stands
in no other figure; methods.py has the rest, side by side."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from knowcost.aggregate.tables import under
from knowcost.aggregate.yardsticks import nearest_level
from knowcost.compress.registry import methods_of
from knowcost.draw import AS_IN_PAPER, worth
from knowcost.draw.baseline import is_within
from knowcost.draw.drawn import Drawn
from knowcost.draw.plots import ALL, MISSING, bars, lines, near
from knowcost.draw.style import BARS, COLOURS, decided_in_words
from knowcost.draw.words import everything, interval
from knowcost.papers.cost_of_compression import index as paper
from knowcost.recover.registry import name_of
from knowcost.spec.families import LABELS
from knowcost.spec.levels import percent_words
from knowcost.spec.variants import ATTENTION_PARTS, GROUPINGS

MAIN = ("overall", "attention", "feed_forward")
PARTS = ("attention", *ATTENTION_PARTS)
FINAL = ("final_unstructured", "final_structured")
BOTH = "pruned, then quantized"  # a group that the report folds
PRINTED, LOSING = "printed in the paper", "as published (the layer lost)"  # what a diamond is
DIAMONDS = {
    PRINTED: "Diamonds: the drops that follow from Tables 3 to 5 as printed. ",
    LOSING: "Diamonds: this run's drops when the pruned layer is lost, as the published code scored it. ",
}
ALWAYS = "a model that always gives the most frequent answer. "
MOST_LEVELS = 3  # of which panels stand in a row
FINAL_LAYER = "Removing part of the final layer, as single weights or as whole rows"
PRUNED_THEN_QUANTIZED = "Pruning a scope, then quantizing it"


@dataclass(frozen=True)
class Study:
    """who: the end of the captions. margin: the study's, in points. averaged: whether a mean over the family's models
    says something of each; the paper's figures have one in any case."""

    who: str
    margin: float
    averaged: bool


@dataclass(frozen=True)
class Subject:
    """What a few figures are about: the cells of an experiment of a family, in the words of paper.yaml.

    method: a Variant.method, None for all that the experiment has.
    """

    family: str
    experiment: str
    study: Study
    scopes: str = "final"
    method: str | None = None
    grouping: str = GROUPINGS[0]

    @property
    def slug(self) -> str:
        """The start of the figures' file names."""
        method = f"_{re.sub('[+~]', '_', self.method)}" if self.method else ""
        grouping = f"_{self.grouping}" * (self.grouping != GROUPINGS[0])
        parts = "_attention_parts" * (self.scopes == "attention_parts")
        return f"{self.experiment}{method}_{self.family}{grouping}{parts}"

    @property
    def title(self) -> str:
        """ "Magnitude pruning: encoder models"."""
        what = name_of(self.method) if self.method else "pruning the final layer alone"
        where = f"{'attention in ' * (self.scopes == 'attention_parts')}{LABELS[self.family]} models"
        grouping = f" ({self.grouping} grouping)" * (self.grouping != GROUPINGS[0])
        return f"{what[0].upper()}{what[1:]}: {where}{grouping}"

    def whole(self, cells: pd.DataFrame) -> str:
        """What "everything" means, if it is among the cells."""
        return everything([self.method]) if self.method and "overall" in set(cells["scope"]) else ""

    @property
    def what(self) -> str:
        """What was done, to begin a caption with: the method's own words where it is one."""
        if self.experiment == "prune_quantize":
            return PRUNED_THEN_QUANTIZED
        return methods_of(self.method)[0].what if self.method else FINAL_LAYER


@dataclass(frozen=True)
class View:
    """One way to look at a subject. shown: the views of paper.yaml that it is. draw: makes the figure of rows, with its
    title; notes: what its marks are, of these rows. words: what the title adds; suffix: what the file's name adds."""

    shown: Sequence[str]
    draw: Callable[[pd.DataFrame, str], Figure]
    notes: Callable[[pd.DataFrame], str]
    words: str = ""
    suffix: str = ""


def _drawn(subject: Subject, view: View, cells: pd.DataFrame, caption: str) -> Iterator[Drawn]:
    """The figure of `cells`, or a sentence where it would show nothing, where it is wanted: see this module's head."""
    numbers = paper.numbers(
        subject.family, subject.experiment, subject.scopes, view.shown, subject.method, subject.grouping
    )
    if not numbers and (subject.experiment != "prune_quantize" or view.suffix):
        return
    caption = f"{paper.named('Figure', numbers)} of the thesis. {caption}" if numbers else caption
    title, name, group = subject.title + view.words, subject.slug + view.suffix, AS_IN_PAPER if numbers else BOTH
    shown, gone = worth.split(cells, subject.study.margin)
    figure = view.draw(shown, title) if len(shown) else None
    caption += (view.notes(shown) if figure else "") + gone + subject.study.who
    yield Drawn(name, title, caption, figure, subject.family, group, numbers)


def figures(cells: pd.DataFrame, family: str, study: Study) -> Iterator[Drawn]:
    """The figures of one family's drops; cells: as cells.cells_of makes them."""
    for experiment, make in (("prune", _pruning), ("quantize", _quantizing), ("prune_quantize", _levels)):
        rows = cells[cells["experiment"] == experiment]
        for method, grouping in rows[["method", "grouping"]].drop_duplicates().itertuples(index=False):
            group = under(rows[rows["method"] == method], grouping)
            for name, scopes, own in (("main", MAIN, MAIN), ("attention_parts", PARTS, ATTENTION_PARTS)):
                chosen = group[group["scope"].isin(scopes)]
                if chosen[chosen["scope"].isin(own)]["drop_percent"].notna().any():
                    yield from make(chosen, Subject(family, experiment, study, name, method, grouping))
    methods = paper.contents()["experiments"]["final"]["methods"]
    final = cells[cells["experiment"].isin(FINAL) & cells["method"].isin(methods)]  # one bar per way of removing
    if final["drop_percent"].notna().any():
        yield from _levels(final.assign(scope=final["experiment"]), Subject(family, "final", study))


def _pruning(cells: pd.DataFrame, subject: Subject) -> Iterator[Drawn]:
    """Lines: averaged over benchmarks; a panel per model; a panel per benchmark; and so for each model by itself."""
    mean, each = cells[cells["panel"] == ALL], cells[cells["panel"] != ALL]
    models, benchmarks = mean["model"].unique(), each["panel"].unique()
    band = "The band spans the least and the most harmed model. " * (len(models) > 1)
    only = ["by_benchmark"] * (len(benchmarks) == 1)
    start = f"{subject.what}: accuracy lost, averaged over benchmarks. {_numbers(mean)}{subject.whole(mean)}"
    view = View(["mean", *only, *["by_model"] * (len(models) == 1)], lines, _notes)
    yield from _drawn(subject, view, mean, f"{start}{band}{_gaps(cells)}")
    several = len(models) > 1 and subject.scopes == "main"
    if several:
        view = View(["by_model", *only], lines, _notes, ", by model", "_by_model")
        own = mean.assign(panel=mean["model"], mean_decision=mean["decision"])
        caption = f"Accuracy lost, averaged over benchmarks, each model by itself. {_gaps(cells)}"
        yield from _drawn(subject, view, own, caption)
    if len(benchmarks) > 1:
        view = View(["by_benchmark"], lines, _notes, ", by benchmark", "_by_benchmark")
        yield from _drawn(subject, view, each, f"Accuracy lost, each benchmark by itself. {band}{_gaps(cells)}")
        if several:
            yield from _each_model(each, subject)


def _each_model(cells: pd.DataFrame, subject: Subject) -> Iterator[Drawn]:
    """Lines for each model by itself, a panel per benchmark."""
    for model, rows in cells.groupby("model", sort=False):
        view = View(["by_benchmark"], lines, _notes, f", {model} by benchmark", f"_model_{model}")
        rows = rows.assign(mean_decision=rows["decision"])
        yield from _drawn(subject, view, rows, f"Accuracy that {model} lost, each benchmark by itself. {_gaps(rows)}")


def _quantizing(cells: pd.DataFrame, subject: Subject) -> Iterator[Drawn]:
    """Bars per model: averaged over benchmarks, and a panel per benchmark."""
    mean, each = cells[cells["panel"] == ALL], cells[cells["panel"] != ALL]
    shown = cells if each["panel"].nunique() > 1 else mean
    start = f"{subject.what}: accuracy lost. {_numbers(mean)}{subject.whole(mean)}"
    view = View(["mean", "by_model", "by_benchmark"], partial(bars, mark=PRINTED), partial(_notes_of_bars, PRINTED))
    yield from _drawn(subject, view, shown, start + _gaps(cells))


def _levels(cells: pd.DataFrame, subject: Subject) -> Iterator[Drawn]:
    """Bars per model, a column of panels per level: averaged over benchmarks; then a row of panels per benchmark."""
    how, mark = ("pruned", LOSING) if subject.experiment == "final" else ("pruned, then quantized", PRINTED)
    mean, each = cells[cells["panel"] == ALL], cells[cells["panel"] != ALL]
    several = each["panel"].nunique() > 1
    draw, notes = partial(bars, mark=mark, averaged=_is_averaged(subject)), partial(_notes_of_bars, mark)
    view = View(["mean", "by_model", *["by_benchmark"] * (not several)], draw, notes)
    numbers = _numbers(mean) if _is_averaged(subject) or mean["model"].nunique() == 1 else ""
    start = f"{subject.what}: accuracy lost, averaged over benchmarks. {numbers}{subject.whole(mean)}"
    yield from _drawn(subject, view, _by_level(mean, how), start + _gaps(cells))
    if several:
        columns = min(cells["level"].nunique(), MOST_LEVELS)
        view = View(["by_benchmark"], partial(draw, columns=columns), notes, ", by benchmark", "_by_benchmark")
        start = f"{subject.what}: accuracy lost, each benchmark by itself. "
        yield from _drawn(subject, view, _by_level(each, how), start + _gaps(cells))


def _is_averaged(subject: Subject) -> bool:
    """Whether bars have one for the mean of models: where the study says so, and in the paper's own figures."""
    views = ("mean", "by_model", "by_benchmark")
    its = (subject.family, subject.experiment, subject.scopes, views, subject.method, subject.grouping)
    return subject.study.averaged or bool(paper.numbers(*its))


def _by_level(cells: pd.DataFrame, how: str) -> pd.DataFrame:
    """The rows split into a panel per panel and level, named "40% pruned", or "trex, 40% pruned"."""
    made = []
    for panel in cells["panel"].unique():
        start = "" if panel == ALL else f"{panel}, "
        for level in sorted(cells["level"].unique()):
            rows = cells[(cells["panel"] == panel) & (cells["level"] == level)]
            made.append(rows.assign(panel=f"{start}{percent_words(level)} {how}"))
    return pd.concat(made)


def _gaps(cells: pd.DataFrame) -> str:
    """What is missing, a sentence."""
    gone = cells[(cells["why"] == MISSING) & (cells["panel"] != ALL)]
    if gone.empty:
        return ""
    counts = gone.groupby(["model", "benchmark"], sort=False).size().reset_index().itertuples(index=False)
    return f"Missing cells: {', '.join(f'{model} on {benchmark} ({count})' for model, benchmark, count in counts)}. "


def _notes(shown: pd.DataFrame) -> str:
    """What dots and the dashed line of a figure of lines are; shown: its rows."""
    decided = decided_in_words(shown["mean_decision"][shown["drop_percent"].notna()])
    return decided + _intervals(shown) + _undecided(shown) + _dashed(shown, ["panel"])


def _intervals(shown: pd.DataFrame) -> str:
    """What the lines through dots are; there are none where a dot is a mean."""
    single = shown.groupby(["panel", "scope"])["model"].transform("nunique") == 1
    return "Lines through dots: 95% intervals. " * bool(shown["percent_low"][single].notna().any())


def _notes_of_bars(mark: str, shown: pd.DataFrame) -> str:
    """What bars, diamonds (`mark`) and dashed lines are; shown: the figure's rows."""
    words = decided_in_words(shown["decision"][shown["drop_percent"].notna()], BARS)
    words += _undecided(shown)
    return words + DIAMONDS[mark] * bool(shown["mark"].notna().any()) + _dashed(shown, ["panel", "model"])


def _undecided(shown: pd.DataFrame) -> str:
    """Which means no table decides: those of several models on one benchmark."""
    several = shown.loc[(shown["mean_decision"] == "") & (shown["panel"] != ALL), "model"].nunique() > 1
    return "Of the mean of models on one benchmark nothing is decided. " * several


def _dashed(shown: pd.DataFrame, by: list[str]) -> str:
    """What the majority baseline is, and where it stands; by: of what there is one."""
    each = shown.groupby(["panel", "model"])["majority_drop_percent"].first()
    found, within = each.dropna().groupby(level=by).mean(), near(shown)
    if found.empty:
        return ""
    line = [is_within(value, within) for value in found]
    start = "Dashed" if all(line) else "Dashed, or in words where it is far from the data"
    start = start if any(line) else "Majority baseline, in words since it is far from the data"
    return f"{start}{'' if each.notna().all() else ', where there is one'}: {ALWAYS}"


def _numbers(mean: pd.DataFrame) -> str:
    """The means in words, at the level nearest to REFERENCE_LEVEL where there are levels: relative as the paper has
    them, and the points with their interval."""
    start = "Mean drop"
    if mean["level"].notna().any():
        level = nearest_level(mean["level"])
        mean, start = mean[mean["level"] == level], f"Mean drop at {percent_words(level)} sparsity"
    found = mean.dropna(subset=["drop_percent"]).groupby("scope")
    drops = found["drop_percent"].mean()
    points = {str(scope): _points(rows) for scope, rows in found}
    known = ", relative, and in points with 95% intervals where the dense model is shown to know something"
    start += known * any(points.values())
    return f"{start}: {'; '.join(f'{LABELS[s]} {drops[s]:z.1f}%{points[s]}' for s in COLOURS if s in points)}. "


def _points(rows: pd.DataFrame) -> str:
    """The points lost by the mean of models, as what follows its relative drop; rows: one per model."""
    value, low, high = rows[["mean_points", "mean_low", "mean_high"]].iloc[0]
    return "" if pd.isna(value) else f", {interval(value, low, high)}"
