"""Some of what the models wrote, side by side: of a few questions the dense model's answer and those of a few variants.

Nobody picks them: of each benchmark the first question of its first classes, and of each model's variants on it those
whose answers keep most and least of the dense model's, and the one in the middle.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from knowcost.aggregate.inputs import Cell, by_benchmark
from knowcost.aggregate.tables import those
from knowcost.benchmarks.kinds import KINDS
from knowcost.common import parquet
from knowcost.spec.variants import AS_PUBLISHED, DENSE

COLUMNS = ["family", "model", "benchmark", "id", "relation", "turn", "question", "question_length", "variant", "text",
           "length", "ended"]  # fmt: skip
QUESTIONS = 4  # of a benchmark, at most
QUESTION, TEXT = 600, 900  # characters that are shown
ORDER = "kept"  # the measure of the table `written` that variants are chosen by


def examples(cells: Sequence[Cell], benchmarks: Mapping[str, Path], written: pd.DataFrame) -> pd.DataFrame:
    """A row per question, turn and variant, the dense model's first; texts are cut, their lengths (in characters) are
    those of the whole. None of a model without a variant beside the dense one.

    cells: those that hold texts; benchmarks: {name: file}; written: the table of this name.
    """
    rows: list[dict[str, Any]] = []
    for group in by_benchmark(cells):
        model, benchmark = group[0].model, group[0].benchmark
        chosen = _variants(written[(written["model"] == model) & (written["benchmark"] == benchmark)])
        by_variant = {cell.variant: cell for cell in group}
        if chosen:
            rows += _beside([by_variant[slug] for slug in (DENSE, *chosen)], benchmarks[benchmark])
    return pd.DataFrame(rows, columns=COLUMNS)


def _variants(written: pd.DataFrame) -> list[str]:
    """Of a model on a benchmark the variants to show, the nearest to the dense model first."""
    found = written[(written["measure"] == ORDER) & (written["part"] == "") & (written["variant"] != DENSE)]
    found = those(found, lambda variant: variant.experiment != AS_PUBLISHED)  # those are there for an audit alone
    slugs = list(found.dropna(subset=["value"]).sort_values("value", ascending=False, kind="stable")["variant"])
    return list(dict.fromkeys([*slugs[:1], *slugs[len(slugs) // 2 :][:1], *slugs[-1:]]))


def _beside(cells: Sequence[Cell], benchmark: Path) -> Iterator[dict[str, Any]]:
    """The rows of one model on one benchmark; cells: the dense model's, and those of the variants to show."""
    answers = [{(row["id"], row["turn"]): row for row in _rows(cell)} for cell in cells]
    first: dict[str | None, str] = {}
    for row in answers[0].values():
        first.setdefault(row["relation"], row["id"])
    chosen = list(first.values())[:QUESTIONS]
    said = _messages(benchmark, cells[0].kind, chosen)
    for name, turn in [place for place in answers[0] if place[0] in chosen]:
        for cell, mine in zip(cells, answers, strict=True):
            row, question = mine[name, turn], said[name][turn - 1]
            yield {
                "family": cell.family, "model": cell.model, "benchmark": cell.benchmark, "id": name,
                "relation": row["relation"] or "", "turn": turn,
                "question": question[:QUESTION], "question_length": len(question),
                "variant": cell.variant, "text": row["text"][:TEXT], "length": len(row["text"]), "ended": row["ended"],
            }  # fmt: skip


def _messages(benchmark: Path, kind: str, ids: Collection[str]) -> dict[str, list[str]]:
    """{id: what the user says turn by turn}."""
    table, _ = parquet.read(benchmark)
    rows = table.filter(pc.is_in(table["id"], pa.array(ids))).to_pylist()
    return {row["id"]: KINDS[kind].said(row) for row in rows}


def _rows(cell: Cell) -> list[dict[str, Any]]:
    return parquet.read(cell.path, ["id", "relation", "turn", "text", "ended"])[0].to_pylist()
