"""A model is asked a benchmark: by the engine of its kind, in batches that fit into memory, twice if need be."""

import contextlib
import functools
import importlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import KINDS
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.score.measures import MEASURES, Measure
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent

log = logging.getLogger(__name__)


def ask(
    respondent: Respondent, benchmark_file: str | Path, part: slice, plan: Plan, *, twice: bool = False
) -> tuple[pa.Table, dict[str, Any]]:
    """(rows, metadata) of a part of one benchmark: rows of its kind's measure, with what that repeats, and `place`, the
    place of a row's fact in the benchmark's order. limit in the metadata: where the part ends, None if behind the last.

    again: of facts, whether the answer is right when the same model is asked once more in batches of half the size, if
    `twice`; of texts, what it then writes, drawn anew where texts are drawn, and again_tokens, again_ended. Else null.
    """
    once = functools.partial(_ask, respondent, benchmark_file, part)
    rows, metadata, plan = _within_memory(once, plan)
    repeated = _measure(metadata["kind"]).repeated
    other = _within_memory(once, plan.again())[0] if twice and repeated else None
    for name, again in repeated.items():
        column = other[name] if other is not None else pa.nulls(len(rows), rows.schema.field(name).type)
        rows = rows.append_column(again, column)
    return rows, metadata


def _within_memory(
    once: Callable[[Plan], tuple[pa.Table, dict[str, Any]]], wanted: Plan
) -> tuple[pa.Table, dict[str, Any], Plan]:
    """(rows, metadata, Plan): the wanted Plan, or what is left of it after halvings, if a GPU's memory runs out.

    After each all is asked again, so that one Plan holds for every row: int8 depends on what is asked together.
    """
    plan = wanted
    while True:
        try:
            rows, metadata = once(plan)
        except torch.OutOfMemoryError:
            if plan.halved() == plan:
                raise
        else:
            metadata["batch_plan"] += "" if plan == wanted else ", halved when memory ran out"
            return rows, metadata, plan
        plan = plan.halved()
        torch.cuda.empty_cache()
        log.warning("out of memory: asking again in batches of half the size, on which int8 results depend (%s)", plan)


def _ask(
    respondent: Respondent, benchmark_file: str | Path, part: slice, plan: Plan
) -> tuple[pa.Table, dict[str, Any]]:
    """The engine's rows and metadata, with the benchmark's kind. Raises BrokenPromise for rows that are not those of
    the kind's measure."""
    kind = prepared.metadata(benchmark_file)["kind"]
    # imported by its name: a job that asks encoders alone need not wait for the harness
    engine = importlib.import_module(f"knowcost.score.engines.{KINDS[kind].engine_for(respondent.family)}")
    with _within_embedding(respondent):
        rows, told = engine.ask(respondent, benchmark_file, part, plan)
    if rows.schema != _measure(kind).schema:
        raise BrokenPromise(f"{engine.__name__}: rows of kind {kind} are not those of its measure: {rows.schema}")
    if len(rows) != len(places := told.places["rows"]):
        raise BrokenPromise(f"{engine.__name__}: {len(rows)} rows, and the places of {len(places)}")
    rows = rows.append_column("place", pa.array(places, pa.int32()))
    return rows, told.metadata(part) | {"kind": kind}


@contextlib.contextmanager
def _within_embedding(respondent: Respondent) -> Iterator[None]:
    """Raise InputError for a text that holds a token without a row, as a padding token may be, before the model does
    something worse."""
    embedding, tokenizer = respondent.model.get_input_embeddings(), respondent.tokenizer
    if max(tokenizer.get_vocab().values()) < embedding.weight.shape[0]:
        yield
        return

    def look(module: torch.nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        most = int(arguments[0].max())
        if most >= module.weight.shape[0]:
            raise InputError(
                f"tokenizer {tokenizer.name_or_path}: a text of the benchmark holds {tokenizer.decode([most])!r}, "
                f"whose id {most:,} is beyond the {module.weight.shape[0]:,} rows of the model's embedding; take it out"
            )

    handle = embedding.register_forward_pre_hook(look)
    try:
        yield
    finally:
        handle.remove()


def _measure(kind: str) -> Measure:
    return MEASURES[KINDS[kind].measure]
