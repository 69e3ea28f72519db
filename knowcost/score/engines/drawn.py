"""How the next token of a text is chosen: the likeliest, or drawn.

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


class Drawing:
    """How the next tokens of texts are chosen, whichever of them share a batch: theirs are the largest of `scores`.

    names: of the texts, which are numbered in this order.
    """

    def __init__(self, sampling: Sampling, names: Sequence[Name]) -> None:
        self._warpers = LogitsProcessorList()
        self._gumbel = None
        if sampling.temperature:
            self._warpers.append(TemperatureLogitsWarper(float(sampling.temperature)))
            if sampling.top_p < 1:
                self._warpers.append(TopPLogitsWarper(sampling.top_p))
            self._gumbel = Gumbel(sampling.seed, names)
        self._found: list[tuple[Sequence[int], torch.Tensor]] = []

    def scores(self, texts: Sequence[int], logits: torch.Tensor) -> torch.Tensor:
        """float32 (texts, vocabulary), of the texts of these numbers, each of which is given its tokens in order."""
        self._found.append((texts, logits.amax(1).isfinite()))
        scores = self._warpers(None, logits)
        return scores if self._gumbel is None else scores + self._gumbel.noise(texts, scores)

    def choose(self, texts: Sequence[int], logits: torch.Tensor) -> torch.Tensor:
        """int64 (texts): the next token of each."""
        return self.scores(texts, logits).argmax(1)

    def processors(self, texts: Sequence[int]) -> LogitsProcessorList:
        """What transformers' greedy generation is given to do the same with a batch of these texts."""
        return LogitsProcessorList([_InBatch(self, texts)])

    def finite(self, lengths: Sequence[int]) -> list[bool]:
        """Whether the first so many tokens of each text all came from numbers, neither NaN nor infinite."""
        found: list[list[bool]] = [[] for _ in lengths]
        for texts, finite in self._found:
            for text, each in zip(texts, finite.tolist(), strict=True):
                found[text].append(each)
        return [all(each[:length]) for each, length in zip(found, lengths, strict=True)]


class Gumbel:
    """Noise, of which every text has its own."""

    def __init__(self, seed: int, names: Sequence[Name]) -> None:
        digests = [hashlib.sha256(json.dumps([seed, *name]).encode()).digest() for name in names]
        self._sources = [np.random.default_rng(int.from_bytes(digest)) for digest in digests]

    def noise(self, texts: Sequence[int], scores: torch.Tensor) -> torch.Tensor:
        """Of the shape, dtype and device of scores: the next of the texts of these numbers."""
        # in float64: in float32, one of 2^23 would be zero, and its token would always win
        drawn = np.stack([self._sources[text].standard_exponential(scores.shape[1]) for text in texts])
        return torch.from_numpy(-np.log(drawn)).to(scores)


class _InBatch(LogitsProcessor):
    """A Drawing of the texts of one batch."""

    def __init__(self, drawing: Drawing, texts: Sequence[int]) -> None:
        self._drawing, self._texts = drawing, texts

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return self._drawing.scores(self._texts, scores)
