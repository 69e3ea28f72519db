"""What a benchmark measures: the rows of its scores files, and what is computed from them alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import exp, inf, isnan, log

import pyarrow as pa

from knowcost.benchmarks.kinds import ACCURACY, PERPLEXITY, SIMILARITY, WRITING
from knowcost.score.rows import AGAIN, FACTS, LAYERS, TEXTS, WINDOWS

MOST_NATS = 700.0  # exp of more is no float


@dataclass(frozen=True)
class Measure:
    """schema: of the rows that an engine makes. summary: from such rows, a few words for the log, with the number of
    which more is better (higher_is_better) or worse. No table mixes measures yet; one that does goes by that.
    repeated: {column: what a second asking gives of it is called}: it shows how much moves by itself; empty where
    nothing is asked twice."""

    name: str
    schema: pa.Schema
    summary: Callable[[pa.Table], str]
    higher_is_better: bool
    repeated: Mapping[str, str] = field(default_factory=dict)


def perplexity(logprobs: Iterable[float], units: Iterable[int]) -> float:
    """exp of the mean negative log-likelihood per unit (token, word): natural logs and counts of windows of text.

    Infinite where a log-likelihood is not finite, as a destroyed model's may be.
    """
    mean = -sum(logprobs) / sum(units)
    return inf if isnan(mean) or mean > MOST_NATS else exp(mean)


def bits_per_byte(logprobs: Iterable[float], sizes: Iterable[int]) -> float:
    """Mean negative log2-likelihood per byte of text, which compares models of different vocabularies."""
    return -sum(logprobs) / sum(sizes) / log(2)


def _right(rows: pa.Table) -> str:
    return f"{sum(rows['correct'].to_pylist())} of {len(rows)} facts right"


def _perplexity(rows: pa.Table) -> str:
    return f"perplexity {perplexity(rows['logprob'].to_pylist(), rows['tokens'].to_pylist()):.4g}"


def _similarity(rows: pa.Table) -> str:
    attention, activation = (sum(rows[name].to_pylist()) / len(rows) for name in ("attention", "activation"))
    return f"cosine to the dense model {attention:.4f} (attention), {activation:.4f} (activations)"


def _writing(rows: pa.Table) -> str:
    empty = sum(not text for text in rows["text"].to_pylist())
    mean = sum(len(tokens) for tokens in rows["tokens"].to_pylist()) / len(rows)
    return f"{len(rows)} answers of {mean:.0f} tokens on average, {empty} of them empty"


MEASURES = {
    each.name: each
    for each in (
        Measure(ACCURACY, FACTS, _right, higher_is_better=True, repeated={"correct": "again"}),
        Measure(PERPLEXITY, WINDOWS, _perplexity, higher_is_better=False),
        Measure(SIMILARITY, LAYERS, _similarity, higher_is_better=True),
        Measure(WRITING, TEXTS, _writing, higher_is_better=True, repeated=AGAIN),
    )
}
