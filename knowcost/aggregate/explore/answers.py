"""What cells say of the facts of a benchmark, as parts have it.

What a row says is as in fact_by_fact.py. The cells of one model and benchmark are in memory at a time, and of those
that are not the dense model's only the rows whose being right changed are looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute

from knowcost.aggregate import fact_by_fact, inputs
from knowcost.aggregate.explore import parts
from knowcost.aggregate.inputs import Cell
from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import KINDS
from knowcost.common.errors import InputError
from knowcost.score.cells import read_columns


@dataclass(frozen=True)
class Asked:
    """The facts of a benchmark that any dense model was asked: their texts; models: {model: the places among these of
    those that it was asked}. A fact that no model was asked is not among them."""

    texts: parts.Texts
    kind: str
    models: Mapping[str, np.ndarray]


def asked(path: Path, dense: Sequence[Cell]) -> Asked:
    """What was asked of a prepared benchmark, in its order. dense: the dense models' cells of it."""
    table, about = prepared.read(path)
    places, answers = {}, np.full(len(table), None, object)
    for cell in dense:
        rows, _ = read_columns(cell.path, ["id", "answer"])
        found = compute.index_in(rows["id"], table["id"].combine_chunks())
        if found.null_count:
            raise InputError(f"{cell.path}: holds facts that {path} has not; delete it and run again")
        places[cell.model] = found.to_numpy()
        answers[places[cell.model]] = rows["answer"].to_numpy()
    facts = np.unique(np.concatenate(list(places.values())))
    shown = KINDS[about["kind"]].shown
    ids, questions, relations = (table[name].take(facts).to_pylist() for name in ("id", shown, "relation"))
    texts = parts.Texts(ids, questions, answers[facts].tolist(), relations)
    return Asked(texts, about["kind"], {model: np.searchsorted(facts, own) for model, own in places.items()})


def of_model(cells: Mapping[int, Cell], benchmark: Asked) -> tuple[bytes, list[Cell]]:
    """(the part of a model on a benchmark, those of its cells that hold other facts than the dense model's, which are
    left out). cells: {a variant's place among the model's: its cell}, the dense model's first."""
    dense, *others = cells.items()
    before = _rows(dense[1])
    right = before["correct"].to_numpy()
    measure = _measure(before)
    said, left_out = [_said(dense[0], before, np.arange(len(before)), measure)], []
    for place, cell in others:
        rows = _rows(cell)
        if inputs.same_facts(cell, rows["id"], dense[1], before["id"]):
            said.append(_said(place, rows, np.flatnonzero(rows["correct"].to_numpy() ^ right), measure))
        else:
            left_out.append(cell)
    facts = benchmark.models[dense[1].model]
    answers = np.array(benchmark.texts.answers, object)[facts]
    everything = len(facts) == len(benchmark.texts.ids)
    return parts.of_model(None if everything else facts, answers, said, measure), left_out


def _rows(cell: Cell) -> pa.Table:
    return read_columns(cell.path, ["id", *fact_by_fact.SAID])[0]


def _measure(rows: pa.Table) -> str | None:
    """Which number tells most of the dense model's rows, and so of all variants': a rank where there are ranks."""
    if rows["rank"].null_count < len(rows):
        return parts.RANK
    return parts.PROBABILITY if rows["logprob"].null_count < len(rows) else None


def _said(variant: int, rows: pa.Table, news: np.ndarray, measure: str | None) -> parts.Said:
    """What a cell's rows say. news: those of them whose answers are told."""
    found = fact_by_fact.said(rows.take(news).select(fact_by_fact.SAID).to_pandas())
    values = found[measure] if measure else np.full(len(news), np.nan)
    return parts.Said(variant, rows["correct"].to_numpy(), news, found["prediction"], values)
