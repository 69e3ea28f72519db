"""How the next token of a text is chosen while transformers generates: the likeliest, or drawn.

A draw adds Gumbel noise to what the model says and takes the largest, which is a draw from the softmax. The noise
follows from the seed, the fact and the turn, and from nothing else: an answer is the same in any batch, and all
variants of a model get the same noise, so that they differ by what they say.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import torch
from transformers import LogitsProcessor, LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

from knowcost.score.plan import Sampling

Name = tuple[str, int]  # of an answer: the fact's id and the turn


class Finite(LogitsProcessor):
    """Changes nothing; knows where the model computes numbers."""

    def __init__(self) -> None:
        self._found: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self._found.append(scores.amax(1).isfinite())
        return scores

    def upto(self, lengths: Sequence[int]) -> list[bool]:
        """Whether the first so many tokens of each row all came from numbers, neither NaN nor infinite."""
        found = torch.stack(self._found, 1).tolist()
        return [all(row[:length]) for row, length in zip(found, lengths, strict=True)]


class Gumbel(LogitsProcessor):
    """Adds noise of its own to every row."""

    def __init__(self, seed: int, names: Sequence[Name]) -> None:
        digests = [hashlib.sha256(json.dumps([seed, *name]).encode()).digest() for name in names]
        self._sources = [np.random.default_rng(int.from_bytes(digest)) for digest in digests]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        # in float64: in float32, one of 2^23 would be zero, and its token would always win
        drawn = np.stack([each.standard_exponential(scores.shape[1]) for each in self._sources])
        return scores + torch.from_numpy(-np.log(drawn)).to(scores)


def processors(sampling: Sampling, names: Sequence[Name]) -> tuple[LogitsProcessorList, Finite]:
    """What greedy generation is given, so that rows of these names are drawn as `sampling` says; and its Finite."""
    finite = Finite()
    if sampling.temperature == 0:
        return LogitsProcessorList([finite]), finite
    made = [finite, TemperatureLogitsWarper(float(sampling.temperature))]
    if sampling.top_p < 1:
        made.append(TopPLogitsWarper(sampling.top_p))
    return LogitsProcessorList([*made, Gumbel(sampling.seed, names)]), finite
