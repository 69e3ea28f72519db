"""What of the harness's rows dynamic prompts are chosen by, and which were.

The choice reads the context and never an answer that is scored, and all choices of a question get one prompt: what
counts is the beginning that all of a question's choices have in common, as far as it is context. Where that holds no
word, as of a WinoGrande sentence whose gap comes first, each choice's own context counts.
"""

import contextlib
from collections.abc import Collection, Iterator, Sequence

from knowcost.common.errors import BrokenPromise
from knowcost.recover.dynamic import Dynamic

_Request = tuple[object, list[int], list[int]]  # the harness's: a key, tokens of the context, tokens of the answer
_Row = tuple[int, ...]


class Contexts:
    """The contexts of a batch's rows, told to what chooses among a model's prompts. Does nothing for a model without.

    chosen: {number of a fact: what Dynamic.chosen says of it, of its first choice if these have contexts of their own};
    own: numbers of the facts each of whose choices was read with a prompt that its own context chose.
    """

    def __init__(self, chooser: Dynamic | None, special: Collection[int]) -> None:
        self.chosen: dict[int, list[int]] = {}
        self.own: list[int] = []
        self._chooser, self._special = chooser, special
        self._facts: Sequence[int] = []
        self._firsts: dict[int, int] = {}  # {fact: the number of its first request}
        self._rows: list[_Row] = []
        self._lengths: list[int] = []
        self._told: dict[_Row, int] = {}
        self._found: dict[_Row, list[int]] = {}
        self._order: Sequence[_Request] = []
        self._read = 0

    @property
    def choosing(self) -> bool:
        """Whether there is anything to choose."""
        return self._chooser is not None

    def learn(self, facts: Sequence[int], requests: Sequence[_Request]) -> None:
        """Take what will be asked: of each request its fact, whose requests follow each other."""
        if self._chooser is None:
            return
        self._facts = facts
        self._firsts = {fact: i for i, fact in reversed(list(enumerate(facts)))}
        self._rows = [_row(request) for request in requests]
        of_fact: dict[int, list[_Request]] = {}
        for fact, request in zip(facts, requests, strict=True):
            of_fact.setdefault(fact, []).append(request)
        common = {fact: self._common(choices) for fact, choices in of_fact.items()}
        self.own = [fact for fact, length in common.items() if length is None]
        self._lengths = [
            len(request[1]) if (length := common[fact]) is None else length
            for fact, request in zip(facts, requests, strict=True)
        ]

    def _common(self, choices: Sequence[_Request]) -> int | None:
        """The length of the beginning that all choices of a question share, within their contexts; None without a
        word."""
        texts = [context + answer for _, context, answer in choices]
        most = min(len(context) for _, context, _ in choices)
        length = next((i for i in range(most) if len({text[i] for text in texts}) > 1), most)
        one = len(choices) == 1 or not set(texts[0][:length]) <= set(self._special)
        return length if one else None

    def rounds(self, group: Sequence[int]) -> list[list[int]]:
        """The numbers of requests, in parts in which those that the harness asks as one row have one context."""
        if self._chooser is None:
            return [list(group)]
        parts: list[dict[_Row, int]] = []
        members: list[list[int]] = []
        for i in group:
            row, length = self._rows[i], self._lengths[i]
            at = next((at for at, part in enumerate(parts) if part.get(row, length) == length), len(parts))
            if at == len(parts):
                parts.append({})
                members.append([])
            parts[at][row] = length
            members[at].append(i)
        return members

    @contextlib.contextmanager
    def round(self, part: Sequence[int]) -> Iterator[None]:
        """Inside, the requests of these numbers are asked."""
        if self._chooser is None:
            yield
            return
        self._told = {self._rows[i]: self._lengths[i] for i in part}
        self._found, self._read = {}, 0
        yield
        for i in part:
            if self._firsts[self._facts[i]] == i:
                self.chosen[self._facts[i]] = self._found[self._rows[i]]

    def in_order(self, requests: Sequence[_Request]) -> None:
        """Take the order in which the harness asks a round's rows."""
        self._order = requests

    @contextlib.contextmanager
    def reading(self, rows: int, window: int) -> Iterator[None]:
        """Inside, the next so many rows are read, of which the window holds the last tokens."""
        if self._chooser is None:
            yield
            return
        asked = [_row(request) for request in self._order[self._read : self._read + rows]]
        self._read += rows
        if len(asked) != rows or any(row not in self._told for row in asked):
            raise BrokenPromise("the harness asks other rows than it said")
        with self._chooser.reading([max(1, self._told[row] - max(0, len(row) - window)) for row in asked]):
            yield
        self._found.update(zip(asked, self._chooser.chosen(), strict=True))

    def generated(self, facts: Sequence[int]) -> None:
        """Take what was chosen for the prompts of these facts, in the order in which they were read."""
        if self._chooser is not None:
            self.chosen.update(zip(facts, self._chooser.chosen(), strict=True))


def _row(request: _Request) -> _Row:
    """What the model reads of a request: requests that differ in the last token alone are one row."""
    return tuple(request[1] + request[2][:-1])
