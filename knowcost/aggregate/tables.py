"""The tables of a run as pandas frames: their columns and order, and how they become files: same input, same bytes.

Each is written twice: as Parquet with real types, which figures and report read, and as CSV for people, with numbers
rounded, and texts such that no spreadsheet computes them and no terminal obeys them. FORMATS says of every column of
numbers how it is rounded; one of counts holds whole numbers or nothing.
"""

import csv
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet

from knowcost.aggregate import STAGE_VERSION
from knowcost.aggregate.names import MADE_FROM
from knowcost.common import display, seal
from knowcost.common.errors import InputError
from knowcost.common.files import atomic, read_json, write_json
from knowcost.spec import variants
from knowcost.spec.families import FAMILIES, SHOWN_SCOPES

ALL = "all"  # the domain of the mean over all benchmarks that have one

SHARE, POINTS, COUNT, SMALL = "%.6f", "%.3f", "%d", "%.3g"
LEVEL = "%g"  # whole numbers stay whole: 40, but 62.5
FORMATS = {
    **dict.fromkeys(
        ("accuracy", "accuracy_macro", "p10", "mrr", "unprompted", "dense_accuracy", "majority", "sparsity"), SHARE
    ),
    **dict.fromkeys(("n", "forgotten", "gained", "benchmarks", "models", "pairs", "knowing"), COUNT),
    **dict.fromkeys(("small", "leads", "needed", "clusters"), COUNT),
    **dict.fromkeys(("touched_parameters", "zeros", "disk_bytes", "keep_at_least"), COUNT),
    **dict.fromkeys(("real_bytes", "loaded_bytes", "facts_kept", "size_budget"), COUNT),
    **dict.fromkeys(("n_as_published", "facts", "asked_least", "asked_most", "limit"), COUNT),
    **dict.fromkeys(("drawn", "relations_drawn", "clusters_drawn", "facts_for_2_points"), COUNT),
    **dict.fromkeys(("drop_points", "drop_low", "drop_high", "drop_percent", "kept_percent"), POINTS),
    **dict.fromkeys(("majority_drop_points", "majority_drop_percent", "bytes_saved_percent"), POINTS),
    **dict.fromkeys((*SHOWN_SCOPES, "linear", "total"), POINTS),
    **dict.fromkeys([f"printed_{name}" for name in (*SHOWN_SCOPES, "linear", "drop_percent")], POINTS),
    "printed_majority": SHARE,
    **dict.fromkeys(("dense", "corrected", "as_published", "ours", "published", "difference"), POINTS),
    **dict.fromkeys(("kept", "never_known", "relations", "known", "forgotten_a", "forgotten_b", "both"), COUNT),
    "differing": COUNT,
    "cells": COUNT,
    **dict.fromkeys(("moved_points", "noise_points"), POINTS),
    **dict.fromkeys(
        ("macro_points", "macro_low", "macro_high", "worst_points", "kept_low", "kept_high", "kept_least"), POINTS
    ),
    **dict.fromkeys(("lead_lost_percent", "lead_lost_low", "lead_lost_high"), POINTS),
    **dict.fromkeys(("probability_points", "probability_low", "probability_high"), POINTS),
    **dict.fromkeys(("guess", "probability", "brier", "ece"), SHARE),
    **dict.fromkeys([f"{name}_{what}" for name in ("brier", "ece") for what in ("change", "low", "high")], SHARE),
    **dict.fromkeys(("log_change", "log_low", "log_high", "kl_mean", "kl_low", "kl_high", "kl_p99"), SHARE),
    **dict.fromkeys(("changed", "n_probability"), COUNT),
    "accuracy_at_threshold": SHARE,
    **dict.fromkeys(("bits_known", "dense_bits_known"), POINTS),
    "bits_per_fact_kept": "%.4g",
    **dict.fromkeys(("bits_per_fact", "bits_low", "bits_high", "bits_per_parameter"), SMALL),
    "model_parameters": COUNT,
    "on_front": COUNT,
    "front_share": SHARE,
    **dict.fromkeys(("choices", "phrasings"), COUNT),
    **dict.fromkeys(("difference_points", "difference_low", "difference_high"), POINTS),
    **dict.fromkeys(("beyond_points", "beyond_low", "beyond_high"), POINTS),
    **dict.fromkeys(("lead_beyond_points", "lead_beyond_low", "lead_beyond_high"), POINTS),
    **dict.fromkeys(("forgotten_percent", "expected", "jaccard", "estimate", "low", "high"), POINTS),
    **dict.fromkeys(("p", "mcnemar_p", "holm_p", "overlap_p", "overlap_holm_p"), SMALL),
    **dict.fromkeys(("perplexity", "dense_perplexity", "word_perplexity"), "%.6g"),
    **dict.fromkeys(("perplexity_times", "bits_per_byte", "match_share"), POINTS),
    **dict.fromkeys([f"{name}_{what}" for name in ("attention", "activation") for what in ("cosine", "sd")], SHARE),
    "layer": COUNT,
    "level": LEVEL,
    **dict.fromkeys(("adapter_parameters", "adapter_bytes", "cached_parameters", "cached_bytes"), COUNT),
    **dict.fromkeys(("lost", "returned", "harmed", "returned_a", "returned_b"), COUNT),
    **dict.fromkeys(("untold", "untold_returned", "told", "told_returned", "never", "never_right"), COUNT),
    **dict.fromkeys(("step", "truncated"), COUNT),
    **dict.fromkeys(("loss", "validation_loss"), SHARE),
    "validation_perplexity": "%.6g",
    "learning_rate": SMALL,
    "tolerance": SMALL,
    **dict.fromkeys(("tokens", "compared", "matches"), COUNT),
    **dict.fromkeys(("wins", "ties", "losses", "failed", "empty", "swapped", "flipped", "scored"), COUNT),
    **dict.fromkeys(("unparsed", "too_long", "turn", "length", "question_length"), COUNT),
    **dict.fromkeys([f"null_{name}" for name in ("n", "win", "tie", "loss", "flipped")], COUNT),
}
# The columns that are text. All others are numbers, so that one that is missing throughout is no other type.
TEXT = {
    "a", "answer", "as_small", "b", "batch_plan", "benchmark", "border", "border_high", "border_low", "by", "chance_by",
    "claim", "compressed", "contrast", "decision", "discipline", "domain", "dropped", "dtype", "example",
    "example_answer", "experiment", "family", "format", "gaps", "grouping", "int8_activations", "int8_engine", "kind",
    "lead_border", "lead_match", "left_out", "match", "matching", "measure", "measured", "method", "missing", "model",
    "net_decision", "not_asked", "paper", "part", "printed_examples", "printed_type", "probability_decision",
    "recovery", "reference", "right_choices", "right_choices_drawn", "scope", "section", "sentence", "series", "shares",
    "shown",
    "sources", "strength", "strongest", "study_experiments", "subject", "texts", "told_by", "unit", "variant",
    "verdict", "why", "worst_benchmark",
    "against", "answered_by", "ended", "id", "judge", "question", "relation", "rubric", "second_judge", "text",
}  # fmt: skip
VERSION = {"stage_version": STAGE_VERSION}  # what a Parquet file says of itself
TREATMENT = ["variant", "method", "experiment", "grouping", "scope", "level", "strength"]
STUDY_EXPERIMENTS = "study_experiments"  # beside `experiment` in every table with a variant a row
HOW = ["batch_plan", "dtype", "int8_engine", "int8_activations"]  # of a scores file's metadata


def describe(slug: str) -> dict[str, Any]:
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


def with_experiments(frame: pd.DataFrame, experiments: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """A table of variants with what the study itself calls the experiments that they belong to, behind `experiment`.

    experiments: {family: {variant: names}}, as plan/design.py has them. Other tables stay as they are.
    """
    if not {"family", "variant", "experiment"} <= set(frame.columns):
        return frame
    pairs = zip(frame["family"], frame["variant"], strict=True)
    names = [experiments.get(family, {}).get(variant, "") for family, variant in pairs]
    made = frame.copy()
    made.insert(list(frame.columns).index("experiment") + 1, STUDY_EXPERIMENTS, names)
    return made


def under(rows: pd.DataFrame, grouping: str) -> pd.DataFrame:
    """Rows as one grouping draws the scopes: its own, and the paper's where it draws a scope alike and so has none."""
    own = rows["grouping"] == grouping
    return rows[own | ((rows["grouping"] == variants.GROUPINGS[0]) & ~rows["scope"].isin(rows[own]["scope"]))]


def those(rows: pd.DataFrame, test: Callable[[variants.Variant], bool]) -> pd.DataFrame:
    """The rows whose variant passes a test."""
    return rows[[test(variants.parse(slug)) for slug in rows["variant"]]] if len(rows) else rows


def how_asked(cells: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Per model and benchmark: in what batches, in what type and, for int8, with what scales its cells were asked.

    cells: dicts of model, benchmark and HOW, one per cell; the column `cells` counts those asked alike.
    """
    frame = pd.DataFrame(cells, columns=["model", "benchmark", *HOW])
    return frame.groupby(["model", "benchmark", *HOW], sort=False).size().reset_index(name="cells")


def how(about: Mapping[str, Any]) -> dict[str, str]:
    """HOW of a scores file's metadata, "" where it does not apply."""
    return {name: about.get(name) or "" for name in HOW}


def counts(reasons: Mapping[str, int] | None) -> str:
    """{reason: count} as one cell of text."""
    return "; ".join(f"{reason}: {count}" for reason, count in sorted((reasons or {}).items()))


def clear(folder: str | Path) -> None:
    """Remove what lies in a folder of tables, but for hidden files: a table of another run is none of this one's."""
    for path in Path(folder).glob("[!.]*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def write(frame: pd.DataFrame, folder: str | Path, name: str) -> None:
    """Write a frame as <name>.parquet and <name>.csv, each atomically.

    Columns of TEXT are text, "" where it is missing. All others are numbers, exact in Parquet (int64 for counts, else
    float64), in FORMATS' fixed formats in CSV (POINTS for those that it does not list), where texts are display.cell's.
    Raises ValueError or TypeError when a count is not a whole number, or another column no number.
    """
    made = pa.table({str(name): _typed(str(name), frame[name]) for name in frame.columns})
    with atomic(Path(folder) / f"{name}.parquet") as temporary:
        parquet.write_table(made.replace_schema_metadata(VERSION), temporary)
    texts = [_texts(name, made[name].to_pylist()) for name in made.column_names]
    with atomic(Path(folder) / f"{name}.csv") as temporary, open(temporary, "w", encoding="utf-8", newline="") as f:
        rows = csv.writer(f, lineterminator="\n")
        rows.writerow(made.column_names)
        rows.writerows(zip(*texts, strict=True))


def _typed(name: str, column: pd.Series) -> pa.Array:
    if FORMATS.get(name) == COUNT:
        return pa.array(pd.to_numeric(column).astype("Int64"), pa.int64())
    if name in TEXT:
        values = ["" if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)]
        return pa.array(values, pa.string())
    return pa.array(pd.to_numeric(column).astype("float64"), pa.float64())


def _texts(name: str, values: list[Any]) -> list[str]:
    """The cells of a column of a CSV file."""
    if name in TEXT and FORMATS.get(name) != COUNT:
        return [display.cell(value) for value in values]
    return [_number(FORMATS.get(name, POINTS), value) for value in values]


def finish(folder: str | Path, made_from: Mapping[str, str]) -> None:
    """Seal a folder of tables. made_from: {file: sha256} of what they were made from, kept beside them."""
    write_json(Path(folder) / MADE_FROM, made_from)
    seal.seal_folder(folder)


def made_from(folder: str | Path) -> dict[str, str]:
    """What a folder was made from, as `finish` noted. Raises InputError unless it is, file by file, what was sealed."""
    seal.check_folder(folder)
    return read_json(Path(folder) / MADE_FROM)


def read(folder: str | Path) -> dict[str, pd.DataFrame]:
    """{name: frame} of the Parquet files in a folder; a missing number is nan, a missing text "".

    Raises InputError unless the folder is, file by file, what was sealed, by this version of the stage.
    """
    seal.check_folder(folder)
    return {path.stem: _read(path) for path in sorted(Path(folder).glob("*.parquet"))}


def _read(path: Path) -> pd.DataFrame:
    table = parquet.read_table(path)
    if table.schema.metadata != {name.encode(): version.encode() for name, version in VERSION.items()}:
        raise InputError(f"{path}: made by another version of knowcost; run `snakemake -R tables`, which makes it anew")
    return table.to_pandas()


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order that every table uses; models and benchmarks stay in the order of the configuration."""
    keys: dict[str, tuple[str, ...] | None] = {
        "family": FAMILIES,
        "model": None,
        "benchmark": None,
        "experiment": variants.EXPERIMENTS,
        "method": None,
    }
    keys |= {
        "grouping": ("", *variants.GROUPINGS),
        "scope": ("", *SHOWN_SCOPES, "mixed"),
        "level": None,
        "variant": None,
    }
    rank = pd.DataFrame(index=frame.index)
    for name, order in keys.items():
        if name not in frame.columns:
            continue
        column = frame[name]
        if name in ("level", "method", "variant"):
            rank[name] = column
        else:
            rank[name] = column.map({value: place for place, value in enumerate(order or column.unique())})
    places = rank.sort_values(list(rank.columns), kind="stable", na_position="first").index
    return frame.loc[places].reset_index(drop=True)


def _number(form: str, value: float | None) -> str:
    """A number as text: empty where there is none, and never "-0.000"."""
    if value is None:
        return ""
    text = form % value
    return text.lstrip("-") if float(text) == 0 else text
