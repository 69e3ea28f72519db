"""Log-likelihoods of answers, each context read once (sharing.py says which, reader.py reads).

What it computes is what the harness's Hugging Face model does row by row: the sum of the answer's tokens' log
probabilities, and whether each of them is the likeliest.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import torch

from knowcost.score.engines.reader import EncoderDecoderReader, Reader, State
from knowcost.score.engines.sharing import Branch, Stem, Tokens

Answer = tuple[float, bool]  # log-likelihood, whether it is what the model itself goes on with
Batch = tuple[list[Stem], dict[int, Answer], bool]  # what was read, the answers to all its requests; behind a beginning

# What a pass costs beside its tokens, as many tokens: weights that are read, layers that are called. On a CPU measured
# (16 for the weights of SmolLM2-135M, and as many for its thirty layers), on a GPU a guess.
PASS = {"cpu": 32, "cuda": 1024}
CACHED = 8  # times the tokens of a batch: what the caches of tails that are read together may hold

_Item = TypeVar("_Item")


def goes_on(reader: Reader, stems: Sequence[Stem]) -> bool:
    """Whether the answers of stems that are read together are read from what a cache holds of these. Not if they are
    tokens that the stems predict, nor if an encoder-decoder has one answer of each to read."""
    alone = isinstance(reader, EncoderDecoderReader) and all(len(stem.tails) == 1 for stem in stems)
    return not alone and any(any(stem.tails) for stem in stems)


class Shared:
    """Asks a model what follows stems. answers: {number of a request: tokens of its answer}; fitting: how many rows of
    so many tokens make a batch; cost: of a pass beside its tokens, in tokens."""

    def __init__(
        self, reader: Reader, answers: Mapping[int, Sequence[int]], fitting: Callable[[int], int], cost: int
    ) -> None:
        self._reader, self._answers, self._fitting, self._cost = reader, answers, fitting, cost

    def ask(self, branch: Branch, before: State | None = None) -> Iterator[Batch]:
        """All stems of a branch, batch by batch."""
        for batch in self._batches(branch, before is not None):
            yield batch, self._read(batch, branch.length, before), before is not None
        for each in branch.branches:
            yield from self.ask(each, self._begun(each, before))

    @torch.inference_mode()
    def _begun(self, branch: Branch, before: State | None) -> State:
        """What has been read where a branch's stems go on."""
        return self._reader.read([branch.tokens], 1, True, before)

    def _batches(self, branch: Branch, begun: bool) -> Iterator[list[Stem]]:
        """The longest first: if they do not fit into memory, that is known at once."""
        stems = sorted(branch.stems, key=lambda stem: -len(stem.tokens))
        if not (begun or self._reader.one_length):
            return self._together(stems, lambda stem: len(stem.tokens), self._fitting)
        alike = itertools.groupby(stems, key=lambda stem: len(stem.tokens))
        each = (
            self._together(list(few), lambda stem: len(stem.tokens) - branch.length, self._fitting) for _, few in alike
        )
        return itertools.chain.from_iterable(each)

    def _together(
        self, items: Iterable[_Item], length: Callable[[_Item], int], fitting: Callable[[int], int]
    ) -> Iterator[list[_Item]]:
        """Items, the longest first, in lists that are read together: as many as are `fitting`, and no more padding than
        costs as much as another pass. length: tokens of an item."""
        few: list[_Item] = []
        padding = 0
        for item in items:
            if few:
                longest = length(few[0])
                padding += longest - length(item)
                if len(few) >= fitting(longest) or padding > self._cost:
                    yield few
                    few, padding = [], 0
            few.append(item)
        if few:
            yield few

    @torch.inference_mode()
    def _read(self, stems: Sequence[Stem], start: int, before: State | None) -> dict[int, Answer]:
        """Answers to the requests of stems, whose tokens before `start` the model has read."""
        if isinstance(self._reader, EncoderDecoderReader) and not goes_on(self._reader, stems):
            return self._read_through(self._reader, stems)
        tails = [(row, tail, numbers) for row, stem in enumerate(stems) for tail, numbers in stem.tails.items()]
        keep = max(stem.keep for stem in stems)
        state = self._reader.read([s.tokens[start:] for s in stems], keep, any(tail for _, tail, _ in tails), before)
        found = _Found(self._answers)
        found.take(state.logits, self._from_stems(tails, keep))
        wanted = sorted((each for each in tails if each[1]), key=lambda each: -len(each[1]))
        longest = max(len(stem.tokens) for stem in stems)

        def fitting(tail: int) -> int:
            return min(self._fitting(tail), self._fitting(max(1, (longest + tail) // CACHED)))

        for part in self._together(wanted, lambda each: len(each[1]), fitting):
            logits = self._reader.go_on(state, [row for row, _, _ in part], [tail for _, tail, _ in part])
            found.take(logits, self._from_tails(part))
        return found.answers()

    def _read_through(self, reader: EncoderDecoderReader, stems: Sequence[Stem]) -> dict[int, Answer]:
        """Answers to the requests of stems with a tail each, without a cache."""
        tails = [((reader.start, *tail), numbers) for stem in stems for tail, numbers in stem.tails.items()]
        found = _Found(self._answers)
        logits = reader.read_through([stem.tokens for stem in stems], [tail for tail, _ in tails])
        found.take(logits, self._from_tails([(row, *each) for row, each in enumerate(tails)]))
        return found.answers()

    def _from_stems(self, tails: Sequence["_Tail"], keep: int) -> Iterator["_Place"]:
        """The answers' tokens that stems predict: all but as many as the tail has."""
        for row, tail, numbers in tails:
            for number in numbers:
                count = max(0, len(self._answers[number]) - len(tail))
                for at, token in enumerate(self._answers[number][:count], start=keep - count):
                    yield number, row, at, token

    def _from_tails(self, tails: Sequence["_Tail"]) -> Iterator["_Place"]:
        """The answers' tokens that tails predict: as many last ones as the tail has, or all of a shorter answer."""
        for row, (_, tail, numbers) in enumerate(tails):
            for number in numbers:
                tokens = self._answers[number][-len(tail) :]
                for at, token in enumerate(tokens, start=len(tail) - len(tokens)):
                    yield number, row, at, token


_Tail = tuple[int, Tokens, list[int]]  # the number of its stem, tokens, numbers of the requests
_Place = tuple[int, int, int, int]  # number of a request; the row and column of the logits; the token they should give


class _Found:
    """What is found of every request, piece by piece."""

    def __init__(self, answers: Mapping[int, Sequence[int]]) -> None:
        self._answers = answers
        self._sums: dict[int, list[float]] = {}
        self._greedy: dict[int, bool] = {}

    def take(self, logits: torch.Tensor, places: Iterator[_Place]) -> None:
        """logits: (rows, columns, vocabulary), whose log-probabilities are taken in float32."""
        listed = list(places)
        if not listed:
            return
        numbers, rows, columns, tokens = zip(*listed, strict=True)
        at, right = (rows, columns), torch.tensor(tokens, device=logits.device)
        wanted = logits[at]
        logprobs = wanted.log_softmax(-1, dtype=torch.float32).gather(1, right[:, None])[:, 0].tolist()
        likeliest = (wanted.argmax(-1) == right).tolist()
        for number, logprob, best in zip(numbers, logprobs, likeliest, strict=True):
            self._sums.setdefault(number, []).append(logprob)
            self._greedy[number] = self._greedy.get(number, True) and best

    def answers(self) -> dict[int, Answer]:
        return {number: (sum(logprobs), self._greedy[number]) for number, logprobs in self._sums.items()}
