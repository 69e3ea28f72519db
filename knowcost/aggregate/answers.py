"""Answers that are texts, gathered and measured: a number per answer and measure, beside the dense model's answer."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as compute

from knowcost.aggregate import tables, texts
from knowcost.aggregate.inputs import Cell, Files, by_benchmark
from knowcost.benchmarks.kinds import KINDS
from knowcost.common import parquet
from knowcost.common.errors import InputError
from knowcost.papers.claim import UNIQUE_TOKENS
from knowcost.score.cells import read_columns
from knowcost.score.rows import AGAIN, ENDED
from knowcost.spec.variants import DENSE, parse

log = logging.getLogger(__name__)

# What is said of an answer, and what of an answer beside another to the same question. SAME_LENGTH: of the first tokens
# of either, as many as the shorter has.
SAME_LENGTH = "unique_same_length"
ALONE = ("unique_tokens", "distinct_1", "distinct_2", "repeated", "loops", "tokens", "empty", "unfinished",
         "rouge1", "rouge2", "rougeL")  # fmt: skip
BESIDE = ("kept", "same")
MEASURES = (ALONE[0], SAME_LENGTH, *ALONE[1:], *BESIDE)
COLUMNS = ["id", "relation", "turn", "text", "tokens", "ended", *AGAIN.values()]


@dataclass(frozen=True)
class Said:
    """What one cell says. about: of how_asked, and its place. own: an array of answers by MEASURES; other: of what it
    is held against, the dense model's answers, of the dense model what it writes when it is asked once more; nan for
    what is not known, and for BESIDE. moved: by how much more there is when it is asked once more, None where it was
    not."""

    about: dict[str, Any]
    own: np.ndarray
    other: np.ndarray
    moved: np.ndarray | None


@dataclass(frozen=True)
class Answers:
    """What the variants of a model wrote. questions: frame of id, relation, turn and cluster, a row per answer; said:
    {variant: what it says}."""

    family: str
    model: str
    benchmark: str
    kind: str
    questions: pd.DataFrame
    said: dict[str, Said]

    def windows(self, measure: str) -> Iterator[dict[str, Any]]:
        """Per variant a cell of windows.of_cells: the sum of a measure in each cluster, and the answers there."""
        about = {"family": self.family, "model": self.model, "benchmark": self.benchmark}
        for slug, said in self.said.items():
            values = pd.DataFrame({"id": self.questions["cluster"], "value": said.own[:, MEASURES.index(measure)]})
            rows = values.groupby("id", sort=False)["value"].agg(value="sum", over="count").reset_index()
            yield about | {"variant": slug, "rows": rows}


@dataclass(frozen=True)
class _Wrote:
    """The answers of a cell, or those to the same questions when it was asked once more. tokens: without that which
    ended the answer; alone: {name of ALONE: a value per answer}."""

    text: list[str]
    tokens: list[list[int]]
    words: list[list[str]]
    alone: dict[str, list[Any]]


@dataclass(frozen=True)
class _Read:
    """A scores file, read."""

    cell: Cell
    rows: pa.Table
    about: Mapping[str, Any]

    def wrote(self, references: Sequence[list[str]], names: tuple[str, ...] = tuple(AGAIN)) -> _Wrote:
        """What it wrote; names: of the columns that say it."""
        text, tokens, ends = (self.rows[name].to_pylist() for name in names)
        ended = [end == ENDED for end in ends]
        tokens = [each[:-1] if end else each for each, end in zip(tokens, ended, strict=True)]
        words = [texts.words(each) for each in text]
        alone = _of_tokens(tokens) | _of_words(words, references)
        alone |= {"empty": [100 * (not each) for each in text], "unfinished": [100 * (not each) for each in ended]}
        return _Wrote(text, tokens, words, alone)

    def again(self, references: Sequence[list[str]]) -> _Wrote | None:
        """What it wrote when it was asked once more, None where it was not."""
        return None if self.rows["again"].null_count else self.wrote(references, tuple(AGAIN.values()))


def compared(answers: Sequence[Answers]) -> dict[str, list[dict[str, Any]]]:
    """What windows.of_cells takes for claims on what models write: {what a claim is about: a cell per variant}."""
    conversations = [each for each in answers if KINDS[each.kind].messages and not KINDS[each.kind].reference]
    return {UNIQUE_TOKENS: [cell for each in conversations for cell in each.windows("unique_tokens")]}


def gather(cells: Sequence[Cell], files: Files) -> list[Answers]:
    """What the cells whose answers are texts say, model by model and benchmark by benchmark.

    Raises InputError when a variant was asked other questions than the dense model, or with other prompts.
    """
    found = []
    for group in by_benchmark(cells):
        found.append(_answers(group, files))
        log.info("%s, %s: %d variants' answers", group[0].model, group[0].benchmark, len(group))
    return found


def _answers(cells: Sequence[Cell], files: Files) -> Answers:
    base = _read(next((cell for cell in cells if cell.variant == DENSE), cells[0]))
    cell = base.cell
    if cell.variant != DENSE:
        log.warning("%s, %s: the dense model wrote nothing, so changes stay empty", cell.model, cell.benchmark)
    clusters, references = _benchmark(base, files.benchmarks[cell.benchmark])
    questions = base.rows.select(["id", "relation", "turn"]).to_pandas().assign(cluster=clusters)
    dense = base.wrote(references) if cell.variant == DENSE else None
    said = {}
    for each in cells:
        other = base if each is cell else _read(each)
        said[each.variant] = _said(other, dense if _was_asked_alike(other, base) else None, references)
    return Answers(cell.family, cell.model, cell.benchmark, cell.kind, questions, said)


def _said(cell: _Read, dense: _Wrote | None, references: Sequence[list[str]]) -> Said:
    """dense: what the dense model wrote."""
    about = asdict(cell.cell) | tables.how(cell.about) | {"n": len(set(cell.rows["id"].to_pylist()))}
    about |= {name: cell.about.get(name) for name in ("limit", "truncated")}
    about |= {"dropped": tables.counts(cell.about.get("dropped"))}
    is_dense = cell.cell.variant == DENSE
    wrote, again = dense if is_dense and dense else cell.wrote(references), cell.again(references)
    moved = None
    if again:
        first, second = _measured(wrote, again)
        moved = second - first
    return Said(about, *_measured(wrote, again if is_dense else dense), moved)


def _measured(wrote: _Wrote, other: _Wrote | None) -> tuple[np.ndarray, np.ndarray]:
    """(MEASURES of what was written, those of what it is held against), each an array with a row per answer."""
    mine, others = dict(wrote.alone), dict(other.alone) if other else {}
    if other:
        shorter = [min(len(a), len(b)) for a, b in zip(wrote.tokens, other.tokens, strict=True)]
        for columns, each in ((mine, wrote), (others, other)):
            columns[SAME_LENGTH] = [texts.unique(a[:n]) for a, n in zip(each.tokens, shorter, strict=True)]
        mine["kept"] = [texts.rouge_l(b, a) for a, b in zip(wrote.words, other.words, strict=True)]
        mine["same"] = [100 * (a == b) for a, b in zip(wrote.text, other.text, strict=True)]
    return _matrix(mine, len(wrote.text)), _matrix(others, len(wrote.text))


def _matrix(columns: Mapping[str, Sequence[Any]], n: int) -> np.ndarray:
    """n x MEASURES, nan for what there is no column of."""
    return np.array([columns.get(name, [None] * n) for name in MEASURES], dtype=float).T


def _of_tokens(tokens: Sequence[list[int]]) -> dict[str, list[Any]]:
    """Shares are in percent, here and below."""
    return {
        "unique_tokens": [texts.unique(each) for each in tokens],
        "distinct_1": [texts.distinct(each, 1) for each in tokens],
        "distinct_2": [texts.distinct(each, 2) for each in tokens],
        "repeated": [texts.repeated(each) for each in tokens],
        "loops": [100 * texts.loops(each) for each in tokens],
        "tokens": [len(each) for each in tokens],
    }


def _of_words(words: Sequence[list[str]], references: Sequence[list[str]]) -> dict[str, list[Any]]:
    pairs = list(zip(references, words, strict=True))
    made: dict[str, list[Any]] = {f"rouge{size}": [texts.rouge_n(*pair, size) for pair in pairs] for size in (1, 2)}
    return made | {"rougeL": [texts.rouge_l(*pair) for pair in pairs]}


def _read(cell: Cell) -> _Read:
    return _Read(cell, *read_columns(cell.path, COLUMNS))


def _benchmark(base: _Read, path: Path) -> tuple[list[str], list[list[str]]]:
    """(the cluster of each answer's question, the words of the text that the answer should be like: of first turns, and
    of kinds that have one; else none)."""
    table, about = parquet.read(path)
    rows = table.take(compute.index_in(base.rows["id"].combine_chunks(), table.column("id")))
    reference = KINDS[about["kind"]].reference
    if reference is None:
        return rows["cluster"].to_pylist(), [[]] * len(rows)
    words = [texts.words(reference(row)) for row in rows.to_pylist()]
    turns = base.rows["turn"].to_pylist()
    return rows["cluster"].to_pylist(), [each if turn == 1 else [] for each, turn in zip(words, turns, strict=True)]


def _was_asked_alike(cell: _Read, base: _Read) -> bool:
    """Whether a cell was asked with the prompts of the one it is held against, whatever had to be cut from them. A
    version with a chat template of its own may not be: it has values, but nothing to be held against.

    Raises InputError for any other, and for one with answers to other questions.
    """
    advice = "so the two cannot be compared. Delete the older of the two files and run again."
    path, other = cell.cell.path, base.cell.path
    if any(cell.rows[name] != base.rows[name] for name in ("id", "turn")):
        raise InputError(
            f"{path}: these are not answers to the questions of {other} ({len(cell.rows)} against {len(base.rows)} "
            f"rows, or in another order), {advice}"
        )
    if cell.about.get("prompts_sha256") == base.about.get("prompts_sha256"):
        return True
    if not parse(cell.cell.variant).brought:
        raise InputError(f"{path}: was not asked with the prompts of {other}, {advice}")
    log.warning("%s: its chat template is not that of the dense model, so nothing is compared", path)
    return False
