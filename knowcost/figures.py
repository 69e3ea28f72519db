"""The figures of a run, drawn from its tables only. A figure without data is not drawn.

Most are about one family: the drop against the dense model, in percent of the dense model's accuracy, as in "The Cost
of Compression". The same tables give the same bytes.
"""

import logging
from pathlib import Path

import matplotlib
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from knowcost import statistics_figures
from knowcost.drawing import COLOURS, GREY, MARKERS, STYLE, finish, label, panels, save, widen
from knowcost.files import write_json
from knowcost.tables import ATTENTION_PARTS, LABELS, read, under

log = logging.getLogger(__name__)

INDEX = "figures.json"  # what was drawn, with captions, for the report
MAIN = ("overall", "attention", "feed_forward")
PARTS = ("attention", *ATTENTION_PARTS)
ALL, MEAN = "all benchmarks (mean)", "mean of models"
DROP = "drop in accuracy (% of dense)"


def draw(tables_dir, out_dir, formats=("svg", "png")):
    """Draw every figure the tables have data for; write them and an index (INDEX) into `out_dir`.

    Returns a list of dicts: name (of the file, without suffix), family (empty: about all), title, caption.
    """
    data = read(tables_dir)
    drawn = []
    with matplotlib.rc_context(STYLE):
        for family, name, title, caption, figure in _all(data):
            figure.draw_without_rendering()
            figure.set_layout_engine("none")  # laid out once is enough for all formats
            for suffix in formats:
                save(figure, Path(out_dir) / f"{name}.{suffix}", suffix)
            drawn.append({"name": name, "family": family, "title": title, "caption": caption})
            log.info("drew %s", name)
    write_json(Path(out_dir) / INDEX, drawn)
    return drawn


def _all(data):
    """Yield (family or "", name, title, caption, Figure)."""
    yield from (("", *made) for made in statistics_figures.verdicts(data["claims"]))
    yield from (("", *made) for made in statistics_figures.one_scale(data["scores"]))
    for family in data["scores"]["family"].unique():
        names = ("scores", "drops", "drops_by_model", "forgotten_by")
        mine = {name: data[name][data[name]["family"] == family] for name in names}
        who = _setting(mine)
        yield from ((family, *made) for made in _figures(mine, family, who))
        yield from ((family, *made) for made in statistics_figures.first(mine["forgotten_by"], family, who))


def _figures(mine, family, who):
    """Yield (name, title, caption, Figure) of one family."""
    cells = _long(mine)
    for experiment, make in (("prune", _pruning), ("quantize", _quantizing), ("prune_quantize", _both)):
        rows = cells[cells["experiment"] == experiment]
        for method, grouping in rows[["method", "grouping"]].drop_duplicates().itertuples(index=False):
            group = under(rows[rows["method"] == method], grouping)
            for scopes, suffix in ((MAIN, ""), (PARTS, "_attention_parts")):
                chosen = group[group["scope"].isin(scopes)]
                if not chosen["scope"].isin(ATTENTION_PARTS if suffix else MAIN).any():
                    continue
                slug = f"{experiment}_{method.replace('+', '_')}_{family}" + f"_{grouping}" * (grouping != "paper")
                title = f"{LABELS.get(method, method)}: {'attention in ' * bool(suffix)}{LABELS[family]} models"
                title = title[0].upper() + title[1:] + f" ({grouping} grouping)" * (grouping != "paper")
                for name, more, caption, figure in make(chosen, title):
                    yield slug + suffix + name, title + more, f"{caption} {_notes(chosen)}{who}", figure
    final = cells[cells["experiment"].isin(["final_unstructured", "final_structured"]) & (cells["panel"] == ALL)]
    if not final.empty:
        final = final.assign(panel=final["level"].map("{:.0f}% pruned".format), scope=final["experiment"])
        title = f"Pruning the final layer alone: {LABELS[family]} models"
        caption = "Removing part of the final layer, as single weights or as whole rows: accuracy lost. "
        yield f"final_{family}", title, f"{caption}{_numbers(final)} {_notes(final)}{who}", _bars(final, title)
    yield from _bytes(mine["drops"], family, who)


def _pruning(cells, title):
    mean, each = cells[cells["panel"] == ALL], cells[cells["panel"] != ALL]
    band = " The band spans the least and the most harmed model." if mean["model"].nunique() > 1 else ""
    scope = " Everything means every linear layer but the final one." if "overall" in set(cells["scope"]) else ""
    caption = "Setting the smallest weights of a scope to zero: accuracy lost, averaged over benchmarks. "
    yield "", "", f"{caption}{_numbers(mean)}{scope}{band}", _lines(mean, title)
    if each["panel"].nunique() > 1:
        more = ", by benchmark"
        yield "_by_benchmark", more, f"The same, each benchmark by itself.{band}", _lines(each, title + more)


def _quantizing(cells, title):
    mean, each = cells[cells["panel"] == ALL], cells[cells["panel"] != ALL]
    caption = f"Computing a scope's layers in 8-bit integers: accuracy lost. {_numbers(mean)}"
    yield "", "", caption, _bars(cells if each["panel"].nunique() > 1 else mean, title)


def _both(cells, title):
    mean = cells[cells["panel"] == ALL]
    mean = mean.assign(panel=mean["level"].map("{:.0f}% pruned, then quantized".format))
    caption = f"Pruning a scope, then quantizing it: accuracy lost, averaged over benchmarks. {_numbers(mean)}"
    yield "", "", caption, _bars(mean, title)


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


def _lines(cells, title):
    """One panel of lines per panel of `cells`: drop against sparsity, a line per scope, dense at 0."""
    names = list(cells["panel"].unique())
    figure, axes = panels(len(names), 2, (7.9, 4.4) if len(names) == 1 else (4.2, 3.2), sharex=True, sharey=True)
    scopes = [scope for scope in COLOURS if scope in set(cells["scope"])]
    start = cells.drop_duplicates(["panel", "model", "scope"]).assign(level=0.0, drop_percent=0.0)
    for axis, name in zip(axes, names, strict=True):
        rows = pd.concat([start, cells])
        rows = rows[rows["panel"] == name].dropna(subset=["drop_percent"])
        sns.lineplot(
            rows, x="level", y="drop_percent", hue="scope", style="scope", hue_order=scopes, style_order=scopes,
            palette=COLOURS, markers=MARKERS, dashes=False, markersize=7, legend=False, ax=axis,
            errorbar=("pi", 100), err_kws={"alpha": 0.13, "linewidth": 0},
        )  # fmt: skip
        baseline = rows.groupby("model")["majority_drop_percent"].first().mean()
        if pd.notna(baseline):
            axis.axhline(baseline, color=GREY, linestyle="--", linewidth=1.2)
        axis.set(title="" if names == [ALL] else name, xticks=sorted({0, *cells["level"]}))
        axis.set(xlabel="", ylabel="")
    widen(axes[0], "y")
    label(axes, "sparsity (% of the scope's weights)", DROP)
    handles = [Line2D([], [], color=COLOURS[s], marker=MARKERS[s], markersize=7, label=LABELS[s]) for s in scopes]
    finish(figure, axes, title, handles + _baseline_handle(cells))
    return figure


def _bars(cells, title):
    """One panel of horizontal bars per panel of `cells`: drop per model, a bar per scope."""
    names, models = list(cells["panel"].unique()), list(cells["model"].unique())
    scopes = [scope for scope in COLOURS if scope in set(cells["scope"])]
    if len(models) > 1:
        columns = ["drop_percent", "majority_drop_percent"]
        mean = cells.groupby(["panel", "scope"], sort=False)[columns].mean().reset_index().assign(model=MEAN)
        cells, models = pd.concat([mean, cells]), [MEAN, *models]
    height = 1.5 + 0.2 * len(models) * (len(scopes) + 0.8)
    figure, axes = panels(len(names), 3, (7.5 / min(len(names), 3) + 0.4, height), sharex=True, sharey=True)
    for axis, name in zip(axes, names, strict=True):
        rows = cells[cells["panel"] == name]
        sns.barplot(
            rows, x="drop_percent", y="model", hue="scope", order=models, hue_order=scopes, palette=COLOURS,
            saturation=1, orient="h", errorbar=None, width=0.82, legend=False, ax=axis,
        )  # fmt: skip
        for bars in axis.containers:
            axis.bar_label(bars, fmt=_tenths, padding=3, fontsize=8, bbox={"fc": "white", "ec": "none", "pad": 0.4})
        baseline = rows.groupby("model")["majority_drop_percent"].first().reindex(models)
        for place, value in enumerate(baseline):
            axis.plot([value, value], [place - 0.45, place + 0.45], color=GREY, linestyle="--", linewidth=1.2)
        axis.axvline(0, color="#444444", linewidth=0.8)
        axis.grid(False, axis="y")
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
        axis.margins(x=0.16)
        axis.set(title="" if names == [ALL] else name, xlabel="", ylabel="")
    widen(axes[0], "x")
    label(axes, DROP, "")
    handles = [Patch(color=COLOURS[s], label=LABELS[s]) for s in scopes]
    finish(figure, axes, title, handles + _baseline_handle(cells))
    return figure


def _tenths(value):
    return f"{round(value, 1) + 0.0:.1f}"  # + 0.0 turns -0.0 into 0.0


def _baseline_handle(cells):
    known = cells["majority_drop_percent"].notna().any()
    return [Line2D([], [], color=GREY, linestyle="--", linewidth=1.2, label="majority baseline")] if known else []


def _long(mine):
    """One row per (panel, model, variant): panel ALL holds the means over benchmarks, the others one benchmark each."""
    columns = ["panel", "benchmark", "model", "experiment", "method", "grouping", "scope", "level", "drop_percent"]
    columns.append("majority_drop_percent")
    means = mine["drops_by_model"].assign(panel=ALL, benchmark="")
    each = mine["scores"].assign(panel=mine["scores"]["benchmark"])
    long = pd.concat([means[columns], each[columns]], ignore_index=True)
    return long[long["drop_percent"].notna()]


def _setting(mine):
    """Who was asked what, for captions: models and benchmarks of this run with their numbers of facts."""
    models = mine["scores"]["model"].unique()
    asked = mine["scores"].groupby("benchmark", sort=False)["n"].max()
    facts = ", ".join(f"{name} ({count:,.0f} facts)" for name, count in asked.items())
    return f"Model{'s' * (len(models) > 1)}: {', '.join(models)}. Asked: {facts}."


def _notes(cells):
    dashed = "Dashed: a model that always gives the most frequent answer. "
    return dashed if cells["majority_drop_percent"].notna().any() else ""


def _numbers(cells):
    """The means in words, at the level nearest to 40% where there are levels."""
    levels = cells["level"].dropna().unique()
    start = "Mean drop"
    if len(levels):
        level = min(levels, key=lambda value: (abs(value - 40), value))
        cells, start = cells[cells["level"] == level], f"Mean drop at {level:.0f}%"
    means = cells.groupby("scope")["drop_percent"].mean()
    return f"{start}: {', '.join(f'{LABELS[s]} {means[s]:.1f}%' for s in COLOURS if s in means.index)}."
