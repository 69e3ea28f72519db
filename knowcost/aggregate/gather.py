"""What the scores of a run say, gathered for its tables, with their manifests and benchmarks."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as compute

from knowcost.aggregate import answer_bias, baseline, metrics, noise, phrasings, probabilities, rule, tables
from knowcost.aggregate.inputs import Cell, Files
from knowcost.aggregate.statistics import Group, drop_of
from knowcost.benchmarks.formats import is_published
from knowcost.common import parquet
from knowcost.common.errors import InputError
from knowcost.score.cells import read
from knowcost.spec.variants import AS_PUBLISHED, DENSE, parse, scope_key

log = logging.getLogger(__name__)

COLUMNS = ["id", "relation", "answer", "prediction", "correct", "rank", "unprompted", "again", "logprob",
           "choice_logprobs", "top_logprob"]  # fmt: skip

Row = dict[str, Any]  # a row of a table


@dataclass(frozen=True)
class Asked:
    """What cells that ask for facts say. rows: of drops.scores, one per cell; groups: one per model and benchmark;
    noises: of noise.table, one per cell that was asked twice; answers: of answer_bias.frame; phrased: of
    phrasings.frame; probable: of probabilities.table, one per cell."""

    rows: list[Row]
    groups: list[Group]
    noises: list[Row]
    answers: list[Row]
    phrased: list[Row]
    probable: list[Row]


def text(cell: Cell) -> Row:
    """What by_task.perplexity takes of a cell that measures perplexity."""
    rows, about = read(cell.path)
    more = {"limit": about.get("limit"), "dropped": tables.counts(about.get("dropped"))}
    return asdict(cell) | tables.how(about) | more | {"rows": rows.to_pandas()}


def asked(cells: Sequence[Cell], files: Files, margin: float) -> Asked:
    """What the cells that ask for facts say, model by model and benchmark by benchmark.

    Raises InputError when there is none, or when a variant was asked other facts than the dense model, or with other
    prompts.
    """
    if not cells:
        raise InputError("aggregate: no cell asks for facts. Name a benchmark beside the texts of perplexity.")
    by_group: dict[tuple[str, str], list[Cell]] = {}
    for each in cells:
        by_group.setdefault((each.model, each.benchmark), []).append(each)
    found = Asked([], [], [], [], [], [])
    for group in by_group.values():
        _gather(group, files, margin, found)
        log.info("%s, %s: %d variants", group[0].model, group[0].benchmark, len(group))
    return found


def _gather(cells: Sequence[Cell], files: Files, margin: float, found: Asked) -> None:
    """Add to `found` what the cells of one model and benchmark say."""
    first = cells[0]
    dense = next((cell for cell in cells if cell.variant == DENSE), None)
    if dense is None:
        log.warning("%s, %s: the dense model was not scored, so drops stay empty", first.model, first.benchmark)
    base = _read((dense or first).path)
    basis = probabilities.said(base[0])
    facts, majority, words = _facts(base[0], basis.log_right, files.benchmarks[first.benchmark])
    right: dict[str, np.ndarray] = {}
    probability: dict[str, np.ndarray] = {}
    changed: dict[str, np.ndarray] = {}
    rows, noises, asked_alike, probable = [], [], [], []
    for cell in cells:
        frame, about = base if cell is dense else _read(cell.path)
        row = _score_row(cell, frame, about) | {"majority": majority, "guess": facts["guess"].mean()}
        rows.append(row | _sizes(cell, files.manifests) | {"dense_accuracy": None})
        mine = basis if cell is (dense or first) else probabilities.said(frame)
        if _was_asked_others(cell, frame, base[0]):
            probable.append(probabilities.row(mine, None, np.zeros(0), margin))
            continue
        _check_facts(cell, frame, dense or first, base[0])
        _check_prompts(cell, about, dense or first, base[1])
        asked_alike.append(rows[-1])
        if moved := noise.measure(frame):
            noises.append(asdict(cell) | moved)
        right[cell.variant] = frame["correct"].to_numpy(bool)
        probability[cell.variant] = mine.right
        changed[cell.variant] = probabilities.changed(mine, basis)
        probable.append(probabilities.row(mine, basis if dense else None, facts["cluster"].to_numpy(), margin))
        if row["experiment"] != AS_PUBLISHED:
            _add_answers(cell, (frame, base[0] if dense else None), (facts, words), found)
    measured = {each["variant"]: each for each in noises}
    floors = {row["variant"]: noise.floor(row["variant"], measured) for row in rows}
    for row in rows:
        row["noise_points"] = floors[row["variant"]]
    whose = (first.family, first.model, first.benchmark)
    group = Group(*whose, facts, right, majority, first.kind, probability, floors, changed)
    if dense is not None:
        _add_versus(asked_alike, group, margin)
    above = baseline.above(group, list(right))
    for row in asked_alike:
        row |= dict(zip(baseline.COLUMNS, above.loc[row["variant"]], strict=True))
    found.rows.extend(rows)
    found.noises.extend(noises)
    audited = {row["variant"] for row in rows if row["experiment"] == AS_PUBLISHED}
    # the audit's alone: no fact is forgotten by compression there
    both = zip(rows, probable, strict=True)
    found.probable.extend(row | more for row, more in both if row["variant"] not in audited)
    found.groups.append(replace(group, right={slug: each for slug, each in right.items() if slug not in audited}))


def _add_answers(
    cell: Cell, frames: tuple[pd.DataFrame, pd.DataFrame | None], asked: tuple[pd.DataFrame, list[str]], found: Asked
) -> None:
    """Add to `found` which answers a cell gives, and how it does under several phrasings. frames: of the cell, and of
    the dense model; asked: the facts, and what their choices are called."""
    (facts, words), about = asked, asdict(cell)
    if given := answer_bias.row(facts, words, *frames):
        found.answers.append(about | given)
    if phrasings.repeats(facts):
        found.phrased.append(about | phrasings.row(facts, *frames))


def _facts(frame: pd.DataFrame, confidence: np.ndarray, benchmark: Path) -> tuple[pd.DataFrame, float, list[str]]:
    """(the facts of a statistics.Group, the majority baseline over them, what their choices are called), which are
    fewer than the benchmark's where there was a limit or some were dropped."""
    table, about = parquet.read(benchmark)
    ids = pa.array(frame["id"], table.schema.field("id").type)
    asked = table.take(compute.index_in(ids, table.column("id")))
    more = asked.select(["cluster", "fact", "phrasing", "popularity"]).to_pandas()
    facts = pd.concat([frame[["id", "relation", "answer"]].reset_index(drop=True), more], axis=1)
    places, words = answer_bias.places(asked, about)
    facts = facts.assign(confidence=confidence, guess=metrics.guesses(asked, about), place=places)
    return facts, metrics.majority(asked, about), words


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


def _add_versus(rows: Sequence[Row], group: Group, margin: float) -> None:
    """Add to the rows of one model and benchmark what they say beside the dense model's."""
    before = group.right[DENSE]
    slugs = [row["variant"] for row in rows if row["variant"] != DENSE]
    drop = drop_of(group, slugs) if slugs else None
    for row in rows:
        row["dense_accuracy"] = before.mean()
        if row["variant"] == DENSE or drop is None:
            continue
        place = slugs.index(row["variant"])
        low, high = drop.low[place], drop.high[place]
        row |= metrics.versus_dense(before, group.right[row["variant"]]) | {"drop_low": low, "drop_high": high}
        row["decision"] = rule.decide(row["drop_points"], low, high, margin, drop.differing[place])


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


def _read(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A scores file as (frame of COLUMNS, metadata). Raises InputError when columns are missing."""
    table, about = read(path, COLUMNS)
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}. Delete the file and score the cell again.")
    return table.to_pandas(), about
