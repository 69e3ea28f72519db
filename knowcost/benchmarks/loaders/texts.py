"""Texts to be predicted: LAMBADA's passages, running text and single lines for perplexity.

The rows of a running text follow one another as they stand: what joins its documents is part of the row before.
"""

from itertools import islice
from pathlib import Path

from knowcost.benchmarks.loaders.tasks import load
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.fields import passage, text
from knowcost.common.reading import PLAIN, plain, shown, suffix
from knowcost.common.records import Record, records

C4_DOCUMENTS = 1100  # how many SparseGPT's and Wanda's code takes of the validation split's first file


def lambada(source: Path) -> Loaded:
    """Paperno et al. 2016, OpenAI's version: `text`, whose last word is to be guessed."""

    def fact(where: str, record: Record) -> Record:
        passage = text(where, record, "text")
        if passage != passage.rstrip() or not passage.rpartition(" ")[0].strip():
            raise InputError(
                f"{where}: 'text' needs a last word, after which nothing stands, and something before it, found "
                f"{shown(passage)}"
            )
        return {"text": passage}

    return load(source, fact)


def running(source: Path) -> Loaded:
    """WikiText-2, raw: a plain file (.txt, .raw), or records with `text` as the hub has it, one per line of that file.

    Lines are joined by blank lines, as GPTQ's and SparseGPT's code joins the hub's rows.
    """
    if suffix(source) in PLAIN:
        texts = [line if line.strip() else "" for line in plain(source)]  # as the hub has them
    else:
        texts = [passage(where, record) for where, record in records(source)]
    return Loaded(_joined(texts, "\n\n"), [source])


def c4(source: Path) -> Loaded:
    """The first C4_DOCUMENTS documents of records with `text`, joined by spaces, as SparseGPT's and Wanda's code has
    it."""
    texts = [passage(where, record) for where, record in islice(records(source), C4_DOCUMENTS)]
    return Loaded(_joined(texts, " "), [source])


def lines(source: Path) -> Loaded:
    """Records with `text`, and optionally `id` and `relation`, each to be predicted by itself."""
    return load(source, lambda where, record: {"text": text(where, record, "text")})


def _joined(texts: list[str], by: str) -> list[Record]:
    if not any(each.strip() for each in texts):
        return []
    last = len(texts) - 1
    return [
        {"id": str(number), "relation": None, "text": each + by * (number < last)} for number, each in enumerate(texts)
    ]
