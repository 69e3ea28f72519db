"""Models as they are asked. For tests only."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from knowcost.common import seal
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent
from knowcost.spec.architectures import family_of

PLAN = Plan(cloze_tokens=2048, harness_tokens=1024, generated_tokens=4096, prompts=None, one_length=False)


def respondent(model, tokenizer, virtual_tokens=0):
    """A model of the family that its architecture is of."""
    return Respondent(model, tokenizer, family_of(model.config.model_type), virtual_tokens)


def rows_of(engine, model, tokenizer, benchmark, limit=None, virtual_tokens=0, **plan):
    """(rows, metadata) of an engine, a module. benchmark: a prepared file, or its table; plan: what differs from
    PLAN."""
    who, wanted = respondent(model, tokenizer, virtual_tokens), replace(PLAN, **plan)
    if not isinstance(benchmark, pa.Table):
        rows, told = engine.ask(who, benchmark, slice(limit), wanted)
        return rows, told.metadata(slice(limit))
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(benchmark, Path(folder, "benchmark.parquet"))
        seal.seal(Path(folder, "benchmark.parquet"))
        rows, told = engine.ask(who, Path(folder, "benchmark.parquet"), slice(limit), wanted)
        return rows, told.metadata(slice(limit))
