"""What the scores of a run say, gathered for its tables, with their manifests and benchmarks."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as compute

from knowcost.aggregate import answer_bias, baseline, metrics, noise, phrasings, probabilities, rule, tables
from knowcost.aggregate.inputs import Cell, Files, by_benchmark, same_facts
from knowcost.aggregate.statistics import Group, drop_of
from knowcost.benchmarks.formats import is_published
from knowcost.common import parquet
from knowcost.common.errors import InputError
from knowcost.score.cells import read, read_columns
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
    """What by_task.perplexity takes of a cell that measures perplexity, and similarity.similarity of one of layers."""
    rows, about = read(cell.path)
    more = {"limit": about.get("limit"), "dropped": tables.counts(about.get("dropped"))}
    return asdict(cell) | tables.how(about) | more | {"rows": rows.to_pandas()}


def asked(cells: Sequence[Cell], files: Files, margin: float) -> Asked:
    """What the cells that ask for facts say, model by model and benchmark by benchmark.

    Raises InputError when there is none, or when a variant was asked other facts than the dense model, or with other
    prompts.
    """
    if not cells:
        raise InputError("aggregate: no cell asks for facts. Name a benchmark beside texts.")
    found = Asked([], [], [], [], [], [])
    for group in by_benchmark(cells):
        _gather(group, files, margin, found)
        log.info("%s, %s: %d variants", group[0].model, group[0].benchmark, len(group))
    return found


def apart(asked: Asked) -> list[Asked]:
    """[what was asked of knowledge, what was asked as a control: benchmarks of facts that no model was told]."""
    never = {group.benchmark for group in asked.groups if group.is_never_told}
    own, controls = Asked([], [], [], [], [], []), Asked([], [], [], [], [], [])
    for field in fields(asked):
        for each in getattr(asked, field.name):
            benchmark = each.benchmark if isinstance(each, Group) else each["benchmark"]
            getattr(controls if benchmark in never else own, field.name).append(each)
    return [own, controls]


@dataclass(frozen=True)
class _Base:
    """The cell of a model and benchmark that the others are held against: the dense model's, else the first.

    frame, about: its scores file; said: what that says of probabilities; facts, majority, words: of _facts.
    """

    cell: Cell
    frame: pd.DataFrame
    about: Mapping[str, Any]
    said: probabilities.Said
    facts: pd.DataFrame
    majority: float
    words: list[str]

    @property
    def is_dense(self) -> bool:
        """Whether it is the dense model's."""
        return self.cell.variant == DENSE


@dataclass(frozen=True)
class _Said:
    """What one cell says. row: of drops.scores, and probable: of probabilities.table, both without what the cell is
    beside others. noise: of noise.measure, if it was asked twice. right, probability, changed: of Group; None where it
    was asked other facts."""

    row: Row
    probable: Row
    noise: dict[str, float] | None = None
    right: np.ndarray | None = None
    probability: np.ndarray | None = None
    changed: np.ndarray | None = None


def _gather(cells: Sequence[Cell], files: Files, margin: float, found: Asked) -> None:
    """Add to `found` what the cells of one model and benchmark say."""
    base = _base(cells, files)
    said = {cell: _said(cell, base, margin, found) for cell in cells}
    measured = {cell.variant: each.noise for cell, each in said.items() if each.noise}
    floors = {cell.variant: noise.floor(cell.variant, measured) for cell in cells}
    for cell, each in said.items():
        each.row.update(_sizes(cell, files.manifests), noise_points=floors[cell.variant])
    alike = {cell.variant: each for cell, each in said.items() if each.right is not None}
    right, probability, changed = (
        {slug: getattr(each, name) for slug, each in alike.items()} for name in ("right", "probability", "changed")
    )
    whose = (base.cell.family, base.cell.model, base.cell.benchmark)
    group = Group(*whose, base.facts, right, base.majority, base.cell.kind, probability, floors, changed)
    rows = [each.row for each in alike.values()]
    if base.is_dense:
        _add_versus(rows, group, margin)
    above = baseline.above(group, list(right))
    for row in rows:
        row |= dict(zip(baseline.COLUMNS, above.loc[row["variant"]], strict=True))
    found.rows.extend(each.row for each in said.values())
    found.noises.extend(asdict(cell) | each.noise for cell, each in said.items() if each.noise)
    own = [each for each in said.values() if each.row["experiment"] != AS_PUBLISHED]
    # the others are the audit's alone: no fact is forgotten by compression there
    found.probable.extend(each.row | each.probable for each in own)
    kept = {each.row["variant"] for each in own}
    found.groups.append(replace(group, right={slug: each for slug, each in right.items() if slug in kept}))


def _base(cells: Sequence[Cell], files: Files) -> _Base:
    cell = next((cell for cell in cells if cell.variant == DENSE), cells[0])
    if cell.variant != DENSE:
        log.warning("%s, %s: the dense model was not scored, so drops stay empty", cell.model, cell.benchmark)
    frame, about = _read(cell.path)
    said = probabilities.said(frame)
    return _Base(cell, frame, about, said, *_facts(frame, said.log_right, files.benchmarks[cell.benchmark]))


def _said(cell: Cell, base: _Base, margin: float, found: Asked) -> _Said:
    """What one cell says; added to `found` is which answers it gives."""
    is_base = cell is base.cell
    frame, about = (base.frame, base.about) if is_base else _read(cell.path)
    row = _score_row(cell, frame, about)
    row |= {"majority": base.majority, "guess": base.facts["guess"].mean(), "dense_accuracy": None}
    said = base.said if is_base else probabilities.said(frame)
    if not same_facts(cell, frame["id"], base.cell, base.frame["id"]):
        return _Said(row, probabilities.row(said, None, np.zeros(0), margin))
    _check_prompts(cell, about, base)
    if row["experiment"] != AS_PUBLISHED:
        _add_answers(cell, frame, base, found)
    clusters, fact = (base.facts[name].to_numpy() for name in ("cluster", "fact"))
    names = fact if phrasings.repeats(base.facts) else None
    probable = probabilities.row(said, base.said if base.is_dense else None, clusters, margin, names)
    changed = probabilities.changed(said, base.said)
    return _Said(row, probable, noise.measure(frame), said.correct, said.right, changed)


def _add_answers(cell: Cell, frame: pd.DataFrame, base: _Base, found: Asked) -> None:
    """Add to `found` which answers a cell gives, and how it does under several phrasings."""
    dense = base.frame if base.is_dense else None
    if given := answer_bias.row(base.facts, base.words, frame, dense):
        found.answers.append(asdict(cell) | given)
    if phrasings.repeats(base.facts):
        found.phrased.append(asdict(cell) | phrasings.row(base.facts, frame, dense))


def _facts(frame: pd.DataFrame, confidence: np.ndarray, benchmark: Path) -> tuple[pd.DataFrame, float, list[str]]:
    """(the facts of a statistics.Group, the majority baseline over them, what their choices are called), which are
    fewer than the benchmark's where there was a limit or some were dropped."""
    table, about = parquet.read(benchmark)
    ids = pa.array(frame["id"], table.schema.field("id").type)
    asked = table.take(compute.index_in(ids, table.column("id")))
    more = asked.select(["cluster", "fact", "phrasing", "popularity", "stated_in"]).to_pandas()
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


def _check_prompts(cell: Cell, about: Mapping[str, Any], base: _Base) -> None:
    """Raise InputError when a cell was asked in other words than the one it is held against."""
    name = "prompts_sha256"
    if about.get(name) != base.about.get(name):
        raise InputError(
            f"{cell.path}: was not asked with the prompts of {base.cell.path}, so the two cannot be compared. Delete "
            "the older of the two files and run again."
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
    """Sizes and zeros of a variant from its manifest, of a recovered one the adapter's beside them, and the bytes it
    saves against the dense model's, adapter and all; lenient."""
    manifest, dense = manifests.get((cell.model, cell.variant), {}), manifests.get((cell.model, DENSE), {})
    variant, parameters = parse(cell.variant), manifest.get("parameters", {})
    keys = {scope_key(step.grouping, step.scope) for step in variant.steps}  # none: dense; several: mixed
    scope = parameters.get("scope", {}).get(keys.pop(), {}) if len(keys) == 1 else {}
    size = manifest.get("bytes", {})
    real, whole = size.get("real"), dense.get("bytes", {}).get("real")
    return {
        "touched_parameters": parameters.get("touched"),
        "zeros": scope.get("zeros"),
        "sparsity": scope.get("sparsity"),
        "real_bytes": real,
        "loaded_bytes": size.get("loaded"),
        "format": size.get("format"),
        "disk_bytes": size.get("disk"),
        "adapter_parameters": parameters.get("adapter"),
        "adapter_bytes": size.get("adapter"),
        "cached_parameters": parameters.get("cached"),
        "cached_bytes": size.get("cached"),
        "bytes_saved_percent": 100 * (1 - real / whole) if real is not None and whole else None,
    }


def _read(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A scores file as (frame of COLUMNS, metadata)."""
    table, about = read_columns(path, COLUMNS)
    return table.to_pandas(), about
