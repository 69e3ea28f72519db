"""The tables of a run as pandas frames: their columns and order, and how they become files: same input, same bytes."""

from pathlib import Path

import pandas as pd

from knowcost.common.files import atomic
from knowcost.spec import variants
from knowcost.spec.families import FAMILIES, SCOPES

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
    "tolerance": SMALL,
    **dict.fromkeys(("tokens", "compared", "matches"), COUNT),
}
TREATMENT = ["variant", "method", "experiment", "grouping", "scope", "level", "strength"]
HOW = ["batch_plan", "dtype", "int8_engine", "int8_activations"]  # of a scores file's metadata


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


def _number(form, value):
    """A number as text: empty for nan, and never "-0.000"."""
    if pd.isna(value):
        return ""
    text = form % value
    return text.lstrip("-") if float(text) == 0 else text
