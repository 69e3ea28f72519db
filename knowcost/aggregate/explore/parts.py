"""The parts that the page's explorer reads, from arrays: same input, same bytes.

A part is a gzip of a little-endian uint32, which is the length of the JSON text (UTF-8) behind it, and of raw bytes
behind that. Texts stand in it once, of every fact and variant one bit says whether it was right, and what a variant
said stands there only where that is news: of the dense model for all facts, of another one where its being right is not
the dense model's.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from knowcost.common.display import visible

VERSION = 1  # of the layout, which the index says
RIGHT, UNKNOWN = -1, -2  # in the place of a word's number: what is right; what a model said is not known
DIGITS = 3  # of probabilities, behind the point
RANK, PROBABILITY = MEASURES = ("rank", "probability")


@dataclass(frozen=True)
class Texts:
    """The n facts of a benchmark. relations: of each, None where it has none."""

    ids: Sequence[str]
    questions: Sequence[str]
    answers: Sequence[str]
    relations: Sequence[str | None]


@dataclass(frozen=True)
class Said:
    """What one variant answers to the n facts that its model was asked.

    variant: its place among the model's. right: n booleans. rows: the facts, increasing, of which the others speak;
    words: what it said to each of these, None where that is not known; values: rank or probability of what is right,
    nan where there is none.
    """

    variant: int
    right: np.ndarray
    rows: np.ndarray
    words: np.ndarray
    values: np.ndarray


def of_benchmark(texts: Texts) -> bytes:
    """The part of a benchmark: its texts, fit for the eyes of people (display.visible)."""
    codes, relations = pd.factorize(np.array(texts.relations, object))
    header = {
        "ids": [visible(text) for text in texts.ids],
        "questions": [visible(text) for text in texts.questions],
        "answers": [visible(text) for text in texts.answers],
        "relations": [visible(text) for text in relations],
        "relation": codes.tolist(),
    }
    return _packed(header, b"")


def of_model(facts: np.ndarray | None, answers: np.ndarray, said: Sequence[Said], measure: str | None) -> bytes:
    """The part of a model on a benchmark.

    facts: the places, among the benchmark's, of the n facts that were asked, None for all of them; answers: what is
    right of each of the n; said: the dense model's first; measure: one of MEASURES, what their values are, or None.
    """
    heard = np.concatenate([each.words for each in said])
    codes, words = pd.factorize(heard)  # -1 where a word is missing
    codes[codes < 0] = UNKNOWN
    codes[heard == np.concatenate([answers[each.rows] for each in said])] = RIGHT
    used = np.unique(codes[codes >= 0])  # what is right needs no place among the words
    renumbered = np.full(len(words), RIGHT)
    renumbered[used] = np.arange(len(used))
    codes[codes >= 0] = renumbered[codes[codes >= 0]]
    ends = np.cumsum([len(each.rows) for each in said])[:-1]
    header = {
        "facts": None if facts is None else facts.tolist(),
        "variants": [each.variant for each in said],
        "measure": measure,
        "words": [visible(word) for word in words[used]],
        "said": [
            {"rows": _deltas(each.rows), "words": own.tolist(), "values": _values(each.values, measure)}
            for each, own in zip(said, np.split(codes, ends), strict=True)
        ],
    }
    bits = [np.packbits(np.asarray(each.right, bool), bitorder="little").tobytes() for each in said]
    return _packed(header, b"".join(bits))


def _deltas(rows: np.ndarray) -> list[int]:
    return np.diff(rows, prepend=0).tolist()


def _values(values: np.ndarray, measure: str | None) -> list[float | int | None]:
    """Ranks as whole numbers, probabilities rounded; None for nan."""
    if measure is None:
        return [None] * len(values)
    there = ~np.isnan(values)
    rounded = np.round(values, 0 if measure == RANK else DIGITS)
    made = np.full(len(values), None, object)
    made[there] = (rounded[there].astype(int) if measure == RANK else rounded[there]).tolist()
    return made.tolist()


def _packed(header: Mapping[str, Any], raw: bytes) -> bytes:
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    return gzip.compress(len(text).to_bytes(4, "little") + text + raw, mtime=0)
