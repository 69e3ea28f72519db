"""What of many requests a model reads once: which of them begin alike, token for token. Imports no torch.

A row is what a model reads of a request: its context, and its answer without the last token. All choices of a question
share a stem, as far as it is context of them all: of a multiple-choice question the whole context, of WinoGrande's pair
what is before its gap. Many stems may share a beginning: the shots of an exam's subject, an instruction, a passage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Tokens = tuple[int, ...]
Request = tuple[Sequence[int], Sequence[int]]  # tokens of the context, tokens of the answer

SHORTEST = 8  # tokens that a stem has to save: a second pass for less takes longer than reading them again
SHORTEST_BEGINNING = 32  # tokens that neighbours have to share


@dataclass
class Stem:
    """The beginning of some requests' rows.

    tokens; tails: {what follows: numbers of the requests}, nothing where the row is the stem; keep: of how many of its
    last tokens somebody needs the logits.
    """

    tokens: Tokens
    tails: dict[Tokens, list[int]] = field(default_factory=dict)
    keep: int = 1

    @property
    def requests(self) -> list[int]:
        return [number for numbers in self.tails.values() for number in numbers]


@dataclass
class Branch:
    """Stems with a beginning in common. length: of that beginning; tokens: its end, from where the branch above ends;
    stems: that share no more with others; branches: of those that do."""

    length: int = 0
    tokens: Tokens = ()
    stems: list[Stem] = field(default_factory=list)
    branches: list["Branch"] = field(default_factory=list)


def of_decoder(requests: Mapping[int, Request], questions: Mapping[int, int], window: int) -> list[Stem]:
    """The stems of a decoder's requests. questions: {number of a request: its question}; window: tokens that a row has
    at most, its last ones."""
    rows = {number: tuple([*context, *answer][-(window + 1) : -1]) for number, (context, answer) in requests.items()}
    choices: dict[int, list[int]] = {}
    for number in requests:
        choices.setdefault(questions[number], []).append(number)
    stems: dict[Tokens, Stem] = {}
    for numbers in choices.values():
        own = min(len(rows[number]) - len(requests[number][1]) + 1 for number in numbers)
        distinct = sorted({rows[number] for number in numbers})
        shared = min(own, common(distinct[0], distinct[-1]))
        for number in numbers:
            row = rows[number]
            end = shared if shared * (len(distinct) - 1) >= SHORTEST else len(row)
            _add(stems, row[:end], row[end:], number, len(requests[number][1]))
    return list(stems.values())


def of_encoder_decoder(requests: Mapping[int, Request], window: int) -> list[Stem]:
    """The stems of an encoder-decoder's requests: what the encoder reads; the tails are the decoder's."""
    stems: dict[Tokens, Stem] = {}
    for number, (context, answer) in requests.items():
        _add(stems, tuple(context[-window:]), tuple(answer[-window:-1]), number, 1)
    return list(stems.values())


def _add(stems: dict[Tokens, Stem], tokens: Tokens, tail: Tokens, number: int, scored: int) -> None:
    """Add a request to the stem of these tokens. scored: tokens of its answer that stem and tail predict."""
    stem = stems.setdefault(tokens, Stem(tokens))
    stem.tails.setdefault(tail, []).append(number)
    stem.keep = max(stem.keep, scored - len(tail))


def branched(stems: Sequence[Stem], least: int) -> Branch:
    """The stems as a tree of the beginnings that are worth a pass of their own: those that save `least` tokens."""
    return Branch(0, (), *_branches(sorted(stems, key=lambda stem: stem.tokens), 0, 0, least))


def _branches(stems: Sequence[Stem], start: int, floor: int, least: int) -> tuple[list[Stem], list[Branch]]:
    """(stems, branches) of sorted stems. start: where the branch above ends; floor: what all are known to share."""
    alone: list[Stem] = []
    branches: list[Branch] = []
    for run in _runs(stems, floor + SHORTEST_BEGINNING):
        if len(run) == 1:
            alone += run
            continue
        shared = common(run[0].tokens, run[-1].tokens)
        length = min(shared, *(len(stem.tokens) - stem.keep for stem in run))
        worth = (len(run) - 1) * (length - start) >= least
        inside = _branches(run, length if worth else start, shared, least)
        if worth:
            branches.append(Branch(length, run[0].tokens[start:length], *inside))
        else:
            alone, branches = alone + inside[0], branches + inside[1]
    return alone, branches


def _runs(stems: Sequence[Stem], length: int) -> Iterator[list[Stem]]:
    """Lists of sorted stems of which neighbours share so many tokens."""
    run: list[Stem] = []
    for stem in stems:
        if run and common(run[-1].tokens, stem.tokens) < length:
            yield run
            run = []
        run.append(stem)
    if run:
        yield run


def common(one: Tokens, other: Tokens) -> int:
    """How many tokens two rows share from their beginning: by halves, since equal slices are compared at once."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
