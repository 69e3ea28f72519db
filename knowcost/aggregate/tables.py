"""The tables of a run as pandas frames, and how they become CSV files: same input, same bytes.

Drops are losses against the dense model on the same facts: drop_points in percentage points of accuracy, drop_percent
relative to the dense accuracy (what "The Cost of Compression" plots). Averages follow that paper: over the benchmarks
of a model, then over the models of a family. What was not run stays empty; a mean over only some of the family's
benchmarks would not compare with the others, and is empty too.
"""

from math import nan
from pathlib import Path

import pandas as pd

from knowcost.common.files import atomic
from knowcost.spec import variants
from knowcost.spec.families import FAMILIES, SCOPES

KEEP_LEVELS = (99, 95, 90)  # percent of the dense model's facts that `cheapest` asks a variant to keep
SHARE, POINTS, COUNT, SMALL = "%.6f", "%.3f", "%d", "%.3g"
FORMATS = {
    **dict.fromkeys(
        ("accuracy", "accuracy_macro", "p10", "mrr", "unprompted", "dense_accuracy", "majority", "sparsity"), SHARE
    ),
    **dict.fromkeys(("level", "n", "forgotten", "gained", "benchmarks", "models", "pairs", "measurable"), COUNT),
    **dict.fromkeys(("touched_parameters", "zeros", "nominal_bytes", "disk_bytes", "keep_at_least"), COUNT),
    **dict.fromkeys(("n_as_published", "facts", "asked_least", "asked_most", "limit"), COUNT),
    **dict.fromkeys(("drop_points", "drop_low", "drop_high", "drop_percent", "kept_percent"), POINTS),
    **dict.fromkeys(("majority_drop_points", "majority_drop_percent", "bytes_saved_percent"), POINTS),
    **dict.fromkeys((*SCOPES, "linear", "total"), POINTS),
    **dict.fromkeys([f"printed_{name}" for name in (*SCOPES, "linear", "drop_percent")], POINTS),
    "printed_majority": SHARE,
    **dict.fromkeys(("dense", "corrected", "as_published", "ours", "published", "difference"), POINTS),
    **dict.fromkeys(("kept", "never_known", "relations", "known", "forgotten_a", "forgotten_b", "both"), COUNT),
    "differing": COUNT,
    "cells": COUNT,
    **dict.fromkeys(("moved_points", "noise_points"), POINTS),
    **dict.fromkeys(("micro_points", "micro_low", "micro_high", "macro_points", "macro_low", "macro_high"), POINTS),
    **dict.fromkeys(("forgotten_percent", "expected", "jaccard", "estimate", "low", "high"), POINTS),
    **dict.fromkeys(("mcnemar_p", "holm_p", "overlap_p"), SMALL),
    **dict.fromkeys(("perplexity", "dense_perplexity", "word_perplexity"), "%.6g"),
    **dict.fromkeys(("perplexity_times", "bits_per_byte", "match_share"), POINTS),
    **dict.fromkeys(("tokens", "compared", "matches"), COUNT),
}
TREATMENT = ["variant", "method", "experiment", "grouping", "scope", "level", "strength"]
SCORES = ["family", "model", *TREATMENT, "benchmark", "n", "accuracy", "accuracy_macro", "p10", "mrr", "unprompted",
          "dense_accuracy", "drop_points", "drop_low", "drop_high", "noise_points", "drop_percent", "forgotten",
          "gained", "kept_percent", "majority", "majority_drop_points", "majority_drop_percent", "touched_parameters",
          "zeros", "sparsity", "nominal_bytes", "disk_bytes", "bytes_saved_percent", "limit", "dropped"]  # fmt: skip
HOW = ["batch_plan", "dtype", "int8_engine", "int8_activations"]  # of a scores file's metadata
MEANS = ["drop_points", "drop_percent", "kept_percent", "majority_drop_points", "majority_drop_percent"]


def describe(slug):
    """What a variant's slug says, as a dict of TREATMENT's columns (empty where they don't apply).

    experiment: Variant.experiment. level: percent of the weights removed; strength: the levels in words, "2:4" or
    "4 bit".
    """
    variant = variants.parse(slug)
    return {
        "variant": slug,
        "method": variant.method,
        "experiment": variant.experiment,
        "grouping": variant.grouping or "",
        "scope": "mixed" if variant.mixed else variant.scope or "",
        "level": variant.level,
        "strength": variant.strength,
    }


def scores(cells):
    """One row per cell, from dicts: model, family, benchmark, the variant's description, metrics, and sizes.

    Order: family, model and benchmark as they first appear in `cells`, then experiment, method, scope, level.
    """
    frame = pd.DataFrame(cells).reindex(columns=SCORES)
    for name in frame.columns.intersection(list(FORMATS)):
        frame[name] = pd.to_numeric(frame[name])
    known = frame["dense_accuracy"] > 0
    frame["drop_percent"] = (frame["drop_points"] / frame["dense_accuracy"]).where(known)
    baseline = 100 * (frame["dense_accuracy"] - frame["majority"])
    frame["majority_drop_points"] = baseline
    frame["majority_drop_percent"] = (baseline / frame["dense_accuracy"]).where(known)
    return ordered(frame)


def drops_by_model(scores):
    """Per model and variant: the mean over the family's benchmarks, how many there are, and on how many of them the 95%
    interval of the drop lies above zero and the drop above the noise floor (`measurable`)."""
    rows = []
    benchmarks = scores.groupby("family")["benchmark"].nunique()
    for (family, model), of_model in scores.groupby(["family", "model"], sort=False):
        expected = benchmarks[family]
        for _, cells in of_model[of_model["experiment"] != "dense"].groupby("variant", sort=False):
            first = cells.iloc[0]
            rows.append(
                {"family": family, "model": model, **first[TREATMENT], "benchmarks": len(cells)}
                | _means(cells, expected)
                | {
                    "measurable": int(
                        ((cells["drop_low"] > 0) & ~(cells["drop_points"] <= cells["noise_points"])).sum()
                    )
                }
                | {name: first[name] for name in ("nominal_bytes", "bytes_saved_percent")}
            )
    return pd.DataFrame(rows, columns=_columns(["model"], ["benchmarks"], ["nominal_bytes"]))


def _means(cells, expected):
    """{name: mean over benchmarks} of MEANS, empty unless there are as many as expected.

    Percentages skip a benchmark on which the dense model knew nothing: there was nothing to lose.
    """
    means = cells[MEANS].mean()
    if len(cells) < expected or cells["drop_points"].isna().any():
        means[:] = nan
    if cells["majority_drop_points"].isna().any():
        means[["majority_drop_points", "majority_drop_percent"]] = nan
    return dict(means)


def drops(by_model):
    """Per family and variant: the mean over the models that have it; `pairs` counts their (model, benchmark) pairs."""
    rows = []
    for (family, _), group in by_model.groupby(["family", "variant"], sort=False):
        whole = group[group["drop_points"].notna()]
        rows.append(
            {"family": family, **group.iloc[0][TREATMENT], "models": len(whole), "pairs": whole["benchmarks"].sum()}
            | dict(whole[[*MEANS, "bytes_saved_percent"]].mean())
            | {"measurable": whole["measurable"].sum()}
        )
    return ordered(pd.DataFrame(rows, columns=_columns([], ["models", "pairs"], [])))


def cheapest(by_model):
    """Per model and share of facts to keep: the variant that saves most bytes while keeping that share, if one does."""
    rows = []
    for (family, model), group in by_model.groupby(["family", "model"], sort=False):
        for least in KEEP_LEVELS:
            fit = group[(group["kept_percent"] >= least) & (group["bytes_saved_percent"] > 0)]
            best = fit.sort_values(["bytes_saved_percent", "kept_percent"], ascending=False, kind="stable").head(1)
            values = best[["variant", "bytes_saved_percent", "kept_percent", "drop_points"]].to_dict("records")
            rows.append({"family": family, "model": model, "keep_at_least": least, **(values[0] if values else {})})
    names = ["family", "model", "keep_at_least", "variant", "bytes_saved_percent", "kept_percent", "drop_points"]
    return pd.DataFrame(rows, columns=names)


def under(rows, grouping):
    """Rows as one grouping draws the scopes: its own, and the paper's where it draws a scope alike and so has none."""
    own = rows["grouping"] == grouping
    return rows[own | ((rows["grouping"] == variants.GROUPINGS[0]) & ~rows["scope"].isin(rows[own]["scope"]))]


def how_asked(cells):
    """Per model and benchmark: in what batches, in what type and, for int8, with what scales its cells were asked.

    cells: dicts of model, benchmark and HOW, one per cell; the column `cells` counts those asked alike.
    """
    frame = pd.DataFrame(cells, columns=["model", "benchmark", *HOW])
    return frame.groupby(["model", "benchmark", *HOW], sort=False).size().reset_index(name="cells")


def counts(reasons):
    """{reason: count} as one cell of text."""
    return "; ".join(f"{reason}: {count}" for reason, count in sorted((reasons or {}).items()))


def write(frame, path):
    """Write a frame as CSV, atomically, with FORMATS' fixed number formats (POINTS for columns it does not list)."""
    text = frame.copy()
    for name in text.columns:
        if pd.api.types.is_numeric_dtype(text[name]) or name in FORMATS:
            values = pd.to_numeric(text[name])
            text[name] = [_number(FORMATS.get(name, POINTS), value) for value in values]
        else:
            text[name] = text[name].fillna("")
    with atomic(path) as temporary:
        text.to_csv(temporary, index=False, lineterminator="\n")


def read(folder):
    """{name: frame} of the CSV files in a folder, numbers as numbers, empty text as "" (a model may be called "NA")."""
    frames = {}
    for path in sorted(Path(folder).glob("*.csv")):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        wide = path.stem.startswith("int8_")
        for name in frame.columns:
            if name in FORMATS or (wide and name not in ("model", "benchmark")):
                frame[name] = pd.to_numeric(frame[name])
        frames[path.stem] = frame
    return frames


def ordered(frame):
    """Rows in the order that every table uses; models and benchmarks stay in the order of the configuration."""
    keys = {"family": FAMILIES, "model": None, "benchmark": None, "experiment": variants.EXPERIMENTS, "method": None}
    keys |= {"grouping": ("", *variants.GROUPINGS), "scope": ("", *SCOPES, "mixed"), "level": None, "variant": None}
    rank = pd.DataFrame(index=frame.index)
    for name, order in keys.items():
        if name not in frame.columns:
            continue
        column = frame[name]
        if name in ("level", "method", "variant"):
            rank[name] = column
        else:
            places = {value: place for place, value in enumerate(order or column.unique())}
            rank[name] = column.map(places)
    order = rank.sort_values(list(rank.columns), kind="stable", na_position="first").index
    return frame.loc[order].reset_index(drop=True)


def _columns(model, counts, sizes):
    return ["family", *model, *TREATMENT, *counts, *MEANS, "measurable", *sizes, "bytes_saved_percent"]


def _number(form, value):
    """A number as text: empty for nan, and never "-0.000"."""
    if pd.isna(value):
        return ""
    text = form % value
    return text.lstrip("-") if float(text) == 0 else text
