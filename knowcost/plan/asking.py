"""How much is still to be asked of a study, told before anything is done. Imports no torch."""

from collections.abc import Iterable
from math import inf
from pathlib import Path

from knowcost.benchmarks import expected
from knowcost.benchmarks.formats import kind_of
from knowcost.benchmarks.kinds import KINDS
from knowcost.plan import config as configuration
from knowcost.plan import design
from knowcost.plan.config import Study
from knowcost.plan.design import Cell
from knowcost.score import cells, index, kept
from knowcost.score.cells import Asked, Settings
from knowcost.score.plan import MOST_WINDOWS
from knowcost.spec.variants import DENSE, parse


def to_ask(study: Study, of: Iterable[Cell] | None = None) -> dict[Cell, int]:
    """{cell: how many of its facts are still to be asked}, 0 where all that it needs is kept; of: only these cells.

    Facts that a model cannot be asked count, too. Of a benchmark that is not prepared yet it is the best bound there
    is. An archive that would be made anew may turn out to be the same, and then less is asked.
    """
    every = of is None
    looked = index.load(Path.cwd())
    left = {cell: _left(study, cell, looked) for cell in (design.cells(study) if of is None else of)}
    if every:
        looked.save()
    return left


def settings(study: Study, row: str) -> Settings:
    """How the cells of a row of the model table are asked."""
    config = study.config
    dtype = configuration.dtype(study, row)
    return Settings(config["score"], dtype, config["limit"], generation=config["generation"])


def _left(study: Study, cell: Cell, looked: index.Index) -> int:
    limit = study.config["limit"]
    wanted = _facts(study, cell.benchmark, looked)
    asked = _asked(study, cell, looked)
    if asked is None:
        return wanted
    key = cells.key_of(asked, settings(study, parse(cell.variant).brought or cell.model))
    found = kept.widest(looked.of_archive(cell.model, cell.variant).kept, cell.benchmark, key)
    if not found:
        return wanted
    return 0 if found[0].covers(limit) else max(0, wanted - (found[0].through or 0))


def _asked(study: Study, cell: Cell, looked: index.Index) -> Asked | None:
    """What a cell is about; None where a part of it is not there yet."""
    benchmark, weights = looked.of_benchmark(cell.benchmark), looked.of_archive(cell.model, cell.variant).weights
    if benchmark is None or weights is None:
        return None
    kind = kind_of(study.benchmarks[cell.benchmark]["format"])
    digests = {"weights": weights, "benchmark_sha256": benchmark.sha256}
    if KINDS[kind].beside_dense:
        dense = looked.of_archive(cell.model, DENSE).weights
        if dense is None:
            return None
        digests["dense"] = dense
    return Asked(cell.variant, study.models[cell.model]["family"], kind, benchmark.rows, digests)


def _facts(study: Study, name: str, looked: index.Index) -> int:
    """How many facts, or windows, of a benchmark a whole cell is asked."""
    limit, row = study.config["limit"], study.benchmarks[name]
    kind, here = KINDS[kind_of(row["format"])], looked.of_benchmark(name)
    if kind.running:
        return int(min(limit or inf, MOST_WINDOWS[kind.engine]))
    if here:
        return int(min(limit or inf, here.rows))
    return expected.rows(row, limit)
