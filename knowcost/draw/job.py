"""The figures of a run, drawn from its tables only. A figure without data is not drawn.

Most are about one family: the drop against the dense model, in percent of the dense model's accuracy, as in "The Cost
of Compression"; those that the paper has too carry its numbers (paper.py). The same tables give the same bytes.
"""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from knowcost.aggregate import paper_tables
from knowcost.aggregate.tables import read, under
from knowcost.benchmarks.formats import PUBLISHED
from knowcost.common.files import write_json
from knowcost.compress.registry import name_of
from knowcost.draw import findings
from knowcost.draw import perplexity as perplexity_figures
from knowcost.draw.plots import ALL, MISSING, UNKNOWN, bars, lines
from knowcost.draw.style import COLOURS, GREY, MARKERS, STYLE, finish, save
from knowcost.papers.cost_of_compression import index as paper
from knowcost.spec.families import ATTENTION_PARTS, LABELS
from knowcost.spec.variants import LOST

log = logging.getLogger(__name__)

INDEX = "figures.json"  # what was drawn, with captions, for the report
MAIN = ("overall", "attention", "feed_forward")
PARTS = ("attention", *ATTENTION_PARTS)
FINAL = ("final_unstructured", "final_structured")
BY_BENCHMARK, BY_MODEL = "by benchmark", "model by model"  # the groups that the report folds
PRINTED, LOSING = "printed in the paper", "as published (the layer lost)"  # what a diamond is
DIAMONDS = {
    PRINTED: "Diamonds: the drops that follow from Tables 3 to 5 as printed. ",
    LOSING: "Diamonds: this run's drops when the pruned layer is lost, as the published code scored it. ",
}
WHOLE = " Everything means every linear layer but the final one."
FINAL_LAYER = "Removing part of the final layer, as single weights or as whole rows: accuracy lost"


@dataclass(frozen=True)
class Subject:
    """What a few figures are about: the cells of an experiment of a family, in the words of paper.yaml."""

    family: str
    experiment: str
    scopes: str = "final"
    method: str | None = None
    grouping: str = "paper"

    @property
    def slug(self):
        method = f"_{re.sub('[+~]', '_', self.method)}" if self.method else ""
        grouping = f"_{self.grouping}" * (self.grouping != "paper")
        parts = "_attention_parts" * (self.scopes == "attention_parts")
        return f"{self.experiment}{method}_{self.family}{grouping}{parts}"

    @property
    def title(self):
        what = name_of(self.method) if self.method else "pruning the final layer alone"
        where = f"{'attention in ' * (self.scopes == 'attention_parts')}{LABELS[self.family]} models"
        return f"{what[0].upper()}{what[1:]}: {where}" + f" ({self.grouping} grouping)" * (self.grouping != "paper")

    def drawn(self, figure, caption, views, name="", title="", group=""):
        """One entry of the index and its figure. views: those of paper.yaml that the figure shows."""
        numbers = paper.numbers(self.family, self.experiment, self.scopes, views, self.method, self.grouping)
        entry = {"name": self.slug + name, "family": self.family, "title": self.title + title, "group": group}
        caption = f"{paper.named('Figure', numbers)} of the thesis. {caption}" if numbers else caption
        return entry | {"caption": caption, "paper": numbers}, figure


def draw(tables_dir, out_dir, formats=("svg", "png")):
    """Draw every figure the tables have data for; write them and an index (INDEX) into `out_dir`.

    Returns a list of dicts: name (of the file, without suffix), family (empty: about all), title, caption, group (the
    report folds those that have one), paper (the numbers of the thesis's figures that it shows).
    """
    data = read(tables_dir)
    drawn = []
    with matplotlib.rc_context(STYLE):
        for entry, figure in _all(data):
            figure.draw_without_rendering()
            figure.set_layout_engine("none")  # laid out once is enough for all formats
            for suffix in formats:
                save(figure, Path(out_dir) / f"{entry['name']}.{suffix}", suffix)
            drawn.append(entry)
            log.info("drew %s", entry["name"])
    write_json(Path(out_dir) / INDEX, drawn)
    return drawn


def _all(data):
    """Yield (entry of the index, Figure)."""
    yield from _unnumbered("", findings.verdicts(data["claims"]))
    yield from _unnumbered("", findings.one_scale(data["scores"]))
    for family in data["scores"]["family"].unique():
        names = ("scores", "drops", "drops_by_model", "forgotten_by", "audit_published")
        mine = {name: data[name][data[name]["family"] == family] for name in names}
        mine["scores"] = mine["scores"][~mine["scores"]["benchmark"].str.endswith(PUBLISHED)]
        who = _setting(mine)
        cells = _long(mine)
        yield from _figures(cells, family, who)
        yield from _unnumbered(family, _bytes(mine["drops"], family, who))
        yield from _unnumbered(family, findings.first(mine["forgotten_by"], family, who))
        texts = data["perplexity"][data["perplexity"]["family"] == family]
        yield from _unnumbered(family, perplexity_figures.against(mine["scores"], texts, family, who))


def _unnumbered(family, made):
    for name, title, caption, figure in made:
        entry = {"name": name, "family": family, "title": title, "group": "", "caption": caption, "paper": []}
        yield entry, figure


def _figures(cells, family, who):
    """Yield (entry, Figure) of one family's drops."""
    for experiment, make in (("prune", _pruning), ("quantize", _quantizing), ("prune_quantize", _levels)):
        rows = cells[cells["experiment"] == experiment]
        for method, grouping in rows[["method", "grouping"]].drop_duplicates().itertuples(index=False):
            group = under(rows[rows["method"] == method], grouping)
            for name, scopes, own in (("main", MAIN, MAIN), ("attention_parts", PARTS, ATTENTION_PARTS)):
                chosen = group[group["scope"].isin(scopes)]
                if chosen[chosen["scope"].isin(own)]["drop_percent"].notna().any():
                    yield from make(chosen, Subject(family, experiment, name, method, grouping), who)
    methods = paper.contents()["experiments"]["final"]["methods"]
    final = cells[cells["experiment"].isin(FINAL) & cells["method"].isin(methods)]  # one bar per way of removing
    if final["drop_percent"].notna().any():
        yield from _levels(final.assign(scope=final["experiment"]), Subject(family, "final"), who)


def _pruning(cells, subject, who):
    """Lines: averaged over benchmarks; a panel per model; a panel per benchmark; and so for each model by itself."""
    mean, each = cells[cells["panel"] == ALL], cells[cells["panel"] != ALL]
    models, benchmarks = mean["model"].unique(), each["panel"].unique()
    band = " The band spans the least and the most harmed model." if len(models) > 1 else ""
    notes = f" {_notes(cells)}{who}"
    only = ["by_benchmark"] * (len(benchmarks) == 1)
    caption = "Setting the smallest weights of a scope to zero: accuracy lost, averaged over benchmarks. "
    caption += f"{_numbers(mean)}{WHOLE * ('overall' in set(cells['scope']))}{band}{notes}"
    yield subject.drawn(lines(mean, subject.title), caption, ["mean", *only, *["by_model"] * (len(models) == 1)])
    if len(models) > 1 and subject.scopes == "main":
        words, caption = ", by model", f"Accuracy lost, averaged over benchmarks, each model by itself.{notes}"
        figure = lines(mean.assign(panel=mean["model"]), subject.title + words)
        yield subject.drawn(figure, caption, ["by_model", *only], "_by_model", words, BY_MODEL)
    if len(benchmarks) > 1:
        words, caption = ", by benchmark", f"Accuracy lost, each benchmark by itself.{band}{notes}"
        figure = lines(each, subject.title + words)
        yield subject.drawn(figure, caption, ["by_benchmark"], "_by_benchmark", words, BY_BENCHMARK)
    for model in models if len(models) > 1 and len(benchmarks) > 1 and subject.scopes == "main" else ():
        rows, words = each[each["model"] == model], f", {model} by benchmark"
        figure = lines(rows, subject.title + words)
        caption = f"Accuracy that {model} lost, each benchmark by itself. {_notes(rows)}{who}"
        yield subject.drawn(figure, caption, ["by_benchmark"], f"_model_{model}", words, BY_MODEL)


def _quantizing(cells, subject, who):
    """Bars per model: averaged over benchmarks, and a panel per benchmark."""
    mean, each = cells[cells["panel"] == ALL], cells[cells["panel"] != ALL]
    notes = f"{_notes(cells, PRINTED)}{who}"
    caption = f"Computing a scope's layers in 8-bit integers: accuracy lost. {_numbers(mean)} {notes}"
    figure = bars(cells if each["panel"].nunique() > 1 else mean, subject.title, mark=PRINTED)
    yield subject.drawn(figure, caption, ["mean", "by_model", "by_benchmark"])


def _levels(cells, subject, who):
    """Bars per model, a column of panels per level: averaged over benchmarks; then a row of panels per benchmark."""
    final = subject.experiment == "final"
    caption = FINAL_LAYER if final else "Pruning a scope, then quantizing it: accuracy lost"
    how, mark = ("pruned", LOSING) if final else ("pruned, then quantized", PRINTED)
    notes, benchmarks = f"{_notes(cells, mark)}{who}", cells[cells["panel"] != ALL]["panel"].unique()
    only = ["by_benchmark"] * (len(benchmarks) == 1)
    words = f"{caption}, averaged over benchmarks. {_numbers(cells[cells['panel'] == ALL])} {notes}"
    figure = bars(_by_level(cells, [ALL], f"{{level:.0f}}% {how}"), subject.title, mark=mark)
    yield subject.drawn(figure, words, ["mean", "by_model", *only])
    if not only:
        levels = cells["level"].nunique()
        rows, title = _by_level(cells, benchmarks, f"{{panel}}, {{level:.0f}}% {how}"), subject.title + ", by benchmark"
        words = f"{caption}, each benchmark by itself. {notes}"
        figure = bars(rows, title, levels, mark)
        yield subject.drawn(figure, words, ["by_benchmark"], "_by_benchmark", ", by benchmark", BY_BENCHMARK)


def _by_level(cells, names, form):
    """The rows of these panels split into a panel per level, named by `form`."""
    levels = sorted(cells["level"].unique())
    chosen = [cells[(cells["panel"] == name) & (cells["level"] == level)] for name in names for level in levels]
    return pd.concat([rows.assign(panel=form.format(**rows.iloc[0])) for rows in chosen])


def _bytes(drops, family, who):
    """What a variant saves against what it keeps: the practitioner's figure."""
    points = drops.dropna(subset=["bytes_saved_percent", "kept_percent"])
    if points.empty:
        return
    title = f"What is kept for the bytes saved: {LABELS[family]} models"
    figure = Figure(figsize=(7.9, 4.8), layout="constrained")
    axis = figure.subplots()
    axis.axhline(95, color=GREY, linestyle="--", linewidth=1)
    for (scope, experiment), group in points.groupby(["scope", "experiment"], sort=False):
        style = {"color": COLOURS.get(scope, GREY), "marker": MARKERS.get(experiment, "x")}
        axis.plot(group["bytes_saved_percent"], group["kept_percent"], linestyle="", markersize=7, alpha=0.85, **style)
    axis.set(xlabel="bytes saved (% of the dense model)", ylabel="facts still known (% of what\nthe dense model knew)")
    axis.set_ylim(0, 103)
    axis.set_xlim(min(0, points["bytes_saved_percent"].min() - 2), None)
    kinds = [e for e in MARKERS if e in set(points["experiment"])]
    handles = [Patch(color=COLOURS[s], label=LABELS[s]) for s in COLOURS if s in set(points["scope"])]
    handles += [Line2D([], [], color=GREY, linestyle="", marker=MARKERS[e], label=LABELS[e]) for e in kinds]
    handles.append(Line2D([], [], color=GREY, linestyle="--", linewidth=1, label="95% kept"))
    finish(figure, [axis], title, handles)
    caption = (
        "Every variant: the bytes it saves, and how many of the facts that the dense model answered right it still "
    )
    caption += "answers right. Zero weights count as no bytes, which is the most that sparse storage could reach. "
    yield f"bytes_{family}", title, caption + who, figure


def _long(mine):
    """One row per (panel, model, variant), as plots takes them: panel ALL holds means over benchmarks, the others one
    benchmark each. Every cell of the run's design has a row."""
    design = paper_tables.grid(mine["scores"])
    each = design[~design["experiment"].isin(["dense", "as_published"])]
    unknown = each["accuracy"].notna() & (each["dense_accuracy"] == 0)
    each = each.assign(panel=each["benchmark"], why=unknown.map({True: UNKNOWN, False: MISSING}))
    each["why"] = each["why"].where(each["drop_percent"].isna(), "")
    each = each.merge(_marks(mine), how="left", on=["model", "variant", "benchmark"])
    pair = ["model", "variant"]
    whole = each.groupby(pair, sort=False)
    more = {"mark": whole["mark"].mean().where(whole["mark"].count() == whole.size())}
    more["why"] = whole["why"].agg(lambda why: MISSING if MISSING in set(why) else UNKNOWN)
    means = each.drop_duplicates(pair).assign(panel=ALL)
    means = means.drop(columns=["mark", "why", "drop_percent", "majority_drop_percent"])
    means = means.merge(pd.DataFrame(more), how="left", on=pair)
    drops = mine["drops_by_model"][[*pair, "drop_percent", "majority_drop_percent"]]
    means = means.merge(drops, how="left", on=pair)
    means["why"] = means["why"].where(means["drop_percent"].isna(), "")
    return pd.concat([means, each], ignore_index=True)


def _marks(mine):
    """Drops to be marked, by (model, variant, benchmark): the printed ones; beside a pruned final layer, that of the
    same layer as the published code lost it."""
    lost = mine["scores"][mine["scores"]["experiment"] == "as_published"]
    lost = lost.assign(variant=lost["variant"].str.removesuffix(f"+{LOST}@final"), mark=lost["drop_percent"])
    printed = mine["audit_published"].rename(columns={"printed_drop_percent": "mark"})
    return pd.concat([rows[["model", "variant", "benchmark", "mark"]] for rows in (lost, printed)]).dropna()


def _setting(mine):
    """Who was asked what, for captions: models and benchmarks of this run with their numbers of facts."""
    models = mine["scores"]["model"].unique()
    asked = mine["scores"].groupby("benchmark", sort=False)["n"].max()
    facts = ", ".join(f"{name} ({count:,.0f} facts)" for name, count in asked.items())
    return f"Model{'s' * (len(models) > 1)}: {', '.join(models)}. Asked: {facts}."


def _notes(cells, mark=None):
    """What a figure's gaps, diamonds (`mark`) and dashed line are, if it has any."""
    gone = cells[(cells["why"] == MISSING) & (cells["panel"] != ALL)]
    notes = ""
    if len(gone):
        counts = gone.groupby(["model", "benchmark"], sort=False).size().items()
        words = ", ".join(f"{model} on {benchmark} ({count})" for (model, benchmark), count in counts)
        notes = f"Missing cells: {words}. "
    if mark and cells["mark"].notna().any():
        notes += DIAMONDS[mark]
    if cells["majority_drop_percent"].notna().any():
        notes += "Dashed: a model that always gives the most frequent answer. "
    return notes


def _numbers(cells):
    """The means in words, at the level nearest to 40% where there are levels."""
    levels = cells["level"].dropna().unique()
    start = "Mean drop"
    if len(levels):
        level = min(levels, key=lambda value: (abs(value - 40), value))
        cells, start = cells[cells["level"] == level], f"Mean drop at {level:.0f}%"
    means = cells.groupby("scope")["drop_percent"].mean().dropna()
    return f"{start}: {', '.join(f'{LABELS[s]} {means[s]:.1f}%' for s in COLOURS if s in means.index)}."
