"""The report's tables on matching, domains, MMLU's disciplines, perplexity and similarity."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from knowcost.aggregate.tables import ALL
from knowcost.aggregate.yardsticks import on_other_tokens
from knowcost.recover.registry import name_of
from knowcost.recover.wording import in_words
from knowcost.report.table import Cell, Column, Table, Told, columns, number, row, variant
from knowcost.spec.families import LABELS
from knowcost.spec.variants import GROUPINGS

NOT_ABOVE = " Grey: the dense model is not shown to be above the baseline, so there is little to lose."
WHOLE = ""  # the scope of what was compressed elsewhere


def matching(frame: pd.DataFrame) -> Iterator[Table]:
    """A table of borders for everything compressed, and a folded one for parts: a row per model, method and scope, a
    column per benchmark. Grey: the dense model is not shown to be above the baseline there."""
    what = (
        "The strongest compression that still matches the dense model (how much it may lose is told under “How it was "
        "measured”), and in brackets the 95% interval of that border. Below it the strongest that is shown to match: "
        "of the accuracy, and of the lead over the baseline."
    )
    everything = frame["scope"].isin(["overall", WHOLE])
    for title, rows, folded in (
        ("Matching", frame[everything], False),
        ("Matching, by scope", frame[~everything], True),
    ):
        if len(rows):
            grey = any(_quiet(border) for border in rows.to_dict("records"))
            yield _borders(rows, title, what + NOT_ABOVE * grey, folded)


def _borders(frame: pd.DataFrame, title: str, note: str, folded: bool) -> Table:
    benchmarks = list(frame["benchmark"].unique())
    texts = ["model", "method", "levels", "scope"]
    made: dict[tuple[str, ...], list[Cell]] = {}
    for border in frame.to_dict("records"):
        key = (border["model"], name_of(border["method"]), border["kind"], _scope(border))
        cells = made.setdefault(key, row([*key, *[""] * len(benchmarks)]))
        place = len(texts) + benchmarks.index(border["benchmark"])
        cells[place] = Told(_border(border), "quiet" if _quiet(border) else "", _shown(border))
    return Table(title, note, columns([*texts, *benchmarks]), list(made.values()), folded)


def _quiet(border: Mapping[Hashable, Any]) -> bool:
    """Whether the dense model is not shown to be above the baseline."""
    return bool(pd.notna(border["majority"]) and not border["lead_border"])


def _scope(border: Mapping[Hashable, Any]) -> str:
    """The scope in words, with the grouping where it is not the paper's."""
    words = LABELS.get(border["scope"], "")
    return words if border["grouping"] in (GROUPINGS[0], "") else f"{words} ({border['grouping']})"


def _border(border: Mapping[Hashable, Any]) -> str:
    """ "40% (20% to 40%)", "80%, the strongest that was run, not 60%"."""
    more = border["kind"] and border["border"] == border["strongest"]  # what has no strength has nothing stronger
    words = f"{border['border']}, the strongest that was run" if more else border["border"]
    low, high = border["border_low"], border["border_high"]
    gaps = f", not {border['gaps']}" if border["gaps"] else ""
    return words + gaps + (f" ({low} to {high})" if low != high else "")


def _shown(border: Mapping[Hashable, Any]) -> str:
    """ "shown: 20%", "shown: 20%, of the lead none"."""
    lead = f", of the lead {border['lead_border']}" if border["lead_border"] else ""
    return f"shown: {border['shown']}{lead}" if border["shown"] else ""


def domains(frame: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model: accuracy by domain, a row per variant."""
    note = "Mean accuracy (%) over the benchmarks of a domain, and over all benchmarks that have one."
    for model, rows in frame.groupby("model", sort=False):
        named = rows.replace({"domain": {ALL: "all of these"}})
        heads, cells = _wide(named, "domain", 100 * rows["accuracy"])
        yield Table(f"Accuracy by domain: {model}", note, heads, cells, folded=True)


def disciplines(frame: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model and benchmark: MMLU by discipline, a row per variant."""
    note = "Accuracy (%) over the questions of a discipline; subjects are in results/tables/disciplines.csv."
    whole_disciplines = frame[frame["subject"] == ""]
    for (model, benchmark), rows in whole_disciplines.groupby(["model", "benchmark"], sort=False):
        heads, cells = _wide(rows, "discipline", 100 * rows["accuracy"])
        yield Table(f"{benchmark} by discipline: {model}", note, heads, cells, folded=True)


def perplexity(frame: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model: perplexity on each text, a row per variant."""
    note = "Perplexity per token; it compares with other models only where they share a vocabulary."
    for model, rows in frame.groupby("model", sort=False):
        heads, cells = _wide(rows, "benchmark", rows["perplexity"], ".4g")
        yield Table(f"Perplexity of {model}", note + _other_tokens(rows), heads, cells, folded=True)


def _other_tokens(rows: pd.DataFrame) -> str:
    """Which of a model's variants were scored on other tokens than the dense model, where that was asked."""
    slugs = rows["variant"][on_other_tokens(rows)].unique()
    if not len(slugs):
        return ""
    words = "; ".join(in_words(slug) for slug in slugs)
    return f" Over fewer tokens of each window than the dense model's, and so not to be held against it: {words}."


def similarity(frame: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model: the cosine to the dense model, the mean over its layers, a row per variant."""
    note = (
        "The cosine to the dense model's on the same windows of a text, the mean over all layers; 1 is equal. "
        "results/tables/similarity.csv has each layer."
    )
    for model, rows in frame.groupby("model", sort=False):
        means = rows.groupby(["variant", "benchmark"], sort=False)[["attention_cosine", "activation_cosine"]]
        long = means.mean().reset_index().melt(["variant", "benchmark"])
        named = long.assign(what=long["benchmark"] + ", " + long["variable"].str.removesuffix("_cosine"))
        heads, cells = _wide(named, "what", named["value"], ".4f")
        yield Table(f"Similarity to the dense model: {model}", note, heads, cells, folded=True)


def _wide(frame: pd.DataFrame, by: str, values: pd.Series, form: str = ".1f") -> tuple[list[Column], list[list[Cell]]]:
    """(columns, rows) of a frame with a row per variant and a column per value of `by`."""
    names, variants = list(frame[by].unique()), list(frame["variant"].unique())
    table = pd.Series(values.to_numpy(), [frame["variant"], frame[by]])
    rows = [[variant(slug), *row([], [number(table.get((slug, name)), form) for name in names])] for slug in variants]
    return columns(["variant"], names), rows
