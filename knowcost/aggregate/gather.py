"""What the scores of a run say, gathered for its tables, with their manifests and benchmarks."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as compute

from knowcost.aggregate import metrics, noise, tables
from knowcost.aggregate.inputs import Cell, Files
from knowcost.aggregate.statistics import Group
from knowcost.benchmarks.formats import is_published
from knowcost.common import parquet
from knowcost.common.errors import InputError
from knowcost.score.cells import read
from knowcost.spec.variants import AS_PUBLISHED, DENSE, parse, scope_key

log = logging.getLogger(__name__)

COLUMNS = ["id", "relation", "correct", "rank", "unprompted", "again"]  # of a scores file: all that the metrics need
DENSE_COLUMNS = ["answer", "logprob", "choice_logprobs"]  # and of the dense model's, to say which facts are forgotten

Row = dict[str, Any]  # a row of a table


@dataclass(frozen=True)
class Asked:
    """What cells that ask for facts say. rows: of drops.scores, one per cell; groups: one per model and benchmark;
    noises: of noise.table, one per cell that was asked twice."""

    rows: list[Row]
    groups: list[Group]
    noises: list[Row]


def text(cell: Cell) -> Row:
    """What by_task.perplexity takes of a cell that measures perplexity."""
    rows, about = read(cell.path)
    more = {"limit": about.get("limit"), "dropped": tables.counts(about.get("dropped"))}
    return asdict(cell) | tables.how(about) | more | {"rows": rows.to_pandas()}


def asked(cells: Sequence[Cell], files: Files) -> Asked:
    """What the cells that ask for facts say, model by model and benchmark by benchmark.

    Raises InputError when there is none, or when a variant was asked other facts than the dense model, or with other
    prompts.
    """
    if not cells:
        raise InputError("aggregate: no cell asks for facts. Name a benchmark beside the texts of perplexity.")
    by_group: dict[tuple[str, str], list[Cell]] = {}
    for each in cells:
        by_group.setdefault((each.model, each.benchmark), []).append(each)
    found = Asked([], [], [])
    for group in by_group.values():
        _gather(group, files, found)
        log.info("%s, %s: %d variants", group[0].model, group[0].benchmark, len(group))
    return found


def _gather(cells: Sequence[Cell], files: Files, found: Asked) -> None:
    """Add to `found` what the cells of one model and benchmark say."""
    first = cells[0]
    dense = next((cell for cell in cells if cell.variant == DENSE), None)
    if dense is None:
        log.warning("%s, %s: the dense model was not scored, so drops stay empty", first.model, first.benchmark)
    base = _read((dense or first).path, DENSE_COLUMNS)
    majority = _majority(base[0]["id"], files.benchmarks[first.benchmark])
    rows, noises, right = [], [], {}
    for cell in cells:
        frame, about = base if cell is dense else _read(cell.path)
        row = _score_row(cell, frame, about) | {"majority": majority} | _sizes(cell, files.manifests)
        if _was_asked_others(cell, frame, base[0]):
            rows.append(row)
            continue
        _check_facts(cell, frame, dense or first, base[0])
        _check_prompts(cell, about, dense or first, base[1])
        rows.append(row | _versus(cell, frame, dense, base[0]))
        if moved := noise.measure(frame):
            noises.append(asdict(cell) | moved)
        if row["experiment"] != AS_PUBLISHED:  # the audit's alone: no fact is forgotten by compression there
            right[cell.variant] = frame["correct"].to_numpy(bool)
    measured = {each["variant"]: each for each in noises}
    found.rows.extend(row | {"noise_points": noise.floor(row["variant"], measured)} for row in rows)
    found.noises.extend(noises)
    group = Group(first.family, first.model, first.benchmark, _facts(base[0]), right, majority, first.kind)
    found.groups.append(group)


def _facts(frame: pd.DataFrame) -> pd.DataFrame:
    """The facts of a statistics.Group. Confidence is among the choices where there are choices: a choice's own
    log-likelihood says more about its length."""
    choices = [0.0 if each is None else np.logaddexp.reduce(each) for each in frame["choice_logprobs"]]
    return frame[["id", "relation", "answer"]].assign(confidence=frame["logprob"] - np.array(choices))


def _score_row(cell: Cell, frame: pd.DataFrame, about: Mapping[str, Any]) -> Row:
    """What one scores file says by itself."""
    treatment = tables.describe(cell.variant)
    if is_published(cell.benchmark):
        treatment["experiment"] = AS_PUBLISHED
    return {
        "model": cell.model,
        "family": cell.family,
        **treatment,
        "benchmark": cell.benchmark,
        **metrics.summary(frame),
        "dropped": tables.counts(about.get("dropped")),
        "limit": about.get("limit"),
        **tables.how(about),
    }


def _was_asked_others(cell: Cell, frame: pd.DataFrame, others: pd.DataFrame) -> bool:
    """Whether a version with a tokenizer of its own was asked other facts than the dense model, since these must be
    words of the vocabulary: then it has an accuracy, but nothing to be held against."""
    if not parse(cell.variant).brought or frame["id"].equals(others["id"]):
        return False
    log.warning(
        "%s: %d facts were asked, %d of the dense model: its tokenizer is another, so no drop is computed",
        cell.path,
        len(frame),
        len(others),
    )
    return True


def _check_prompts(cell: Cell, about: Mapping[str, Any], other: Cell, others: Mapping[str, Any]) -> None:
    """Raise InputError when two cells of one model and benchmark were asked in other words."""
    name = "prompts_sha256"
    if about.get(name) != others.get(name):
        raise InputError(
            f"{cell.path}: was not asked with the prompts of {other.path}, so the two cannot be compared. Delete the "
            "older of the two files and run again."
        )


def _check_facts(cell: Cell, frame: pd.DataFrame, other: Cell, others: pd.DataFrame) -> None:
    """Raise InputError when two scores files of one model and benchmark hold different facts."""
    if not frame["id"].equals(others["id"]):
        raise InputError(
            f"{cell.path}: these are not the facts of {other.path} ({len(frame)} against {len(others)} rows, or in "
            "another order), so no drop can be computed. Delete the older of the two files and run again."
        )


def _versus(cell: Cell, frame: pd.DataFrame, dense: Cell | None, base: pd.DataFrame) -> Row:
    """What one scores file says beside the dense model's."""
    if dense is None:
        return {"dense_accuracy": None}
    versus = {} if cell is dense else metrics.versus_dense(base["correct"], frame["correct"])
    return {"dense_accuracy": metrics.accuracy(base), **versus}


def _sizes(cell: Cell, manifests: Mapping[tuple[str, str], Mapping[str, Any]]) -> Row:
    """Sizes and zeros of a variant from its manifest, and the bytes it saves against the dense model's; lenient."""
    manifest, dense = manifests.get((cell.model, cell.variant), {}), manifests.get((cell.model, DENSE), {})
    variant, parameters = parse(cell.variant), manifest.get("parameters", {})
    keys = {scope_key(step.grouping, step.scope) for step in variant.steps}  # none: dense; several: mixed
    scope = parameters.get("scope", {}).get(keys.pop(), {}) if len(keys) == 1 else {}
    nominal, whole = manifest.get("bytes", {}).get("nominal"), dense.get("bytes", {}).get("nominal")
    return {
        "touched_parameters": parameters.get("touched"),
        "zeros": scope.get("zeros"),
        "sparsity": scope.get("sparsity"),
        "nominal_bytes": nominal,
        "disk_bytes": manifest.get("bytes", {}).get("disk"),
        "bytes_saved_percent": 100 * (1 - nominal / whole) if nominal is not None and whole else None,
    }


def _majority(ids: pd.Series, benchmark: Path) -> float:
    """The majority baseline over the facts that were asked (fewer than all under a limit)."""
    table, about = parquet.read(benchmark)
    mine = compute.is_in(table.column("id"), value_set=pa.array(ids, table.schema.field("id").type))
    return metrics.majority(table.filter(mine), about)


def _read(path: Path, more: Sequence[str] = ()) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A scores file as (frame of COLUMNS and `more`, metadata). Raises InputError when columns are missing."""
    names = [*COLUMNS, *more]
    table, about = read(path, names)
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}. Delete the file and score the cell again.")
    return table.to_pandas(), about
