"""What judges are to be asked of a cell: a Comparison per row of judgements, with the one or two questions behind it.

Against the dense model's own answer, and of the dense model's against what it writes when it is asked once more, both
orders; against a file of references one order, the reference first, as published; alone, of the cell's answer and of
the dense model's, so that a change can be told. Whoever has to answer the same question elsewhere has it answered here:
requests are kept by what they ask (kept.py).
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowcost.benchmarks.kinds import KINDS
from knowcost.common.errors import InputError
from knowcost.judge import kept
from knowcost.judge.request import Request
from knowcost.judge.rows import ALONE, DENSE, REFERENCE
from knowcost.judge.rubric import PAIR, Rubric

Texts = Mapping[tuple[str, int], str]  # by the id of a row and the turn

FIRST, SECOND, OTHER = "first", "second", "other"  # of a pair, where the answer stands; and what the other is alone


@dataclass(frozen=True)
class Manner:
    """How judges are asked: who, by which rubrics, at which temperature, and how long their replies may be."""

    judges: tuple[str, ...]
    rubrics: tuple[Rubric, ...]
    temperature: float
    reply_tokens: int


@dataclass(frozen=True)
class Question:
    """What a judge is asked. values: of the places of the rubric's template."""

    rubric: Rubric
    judge: str
    turn: int
    values: Mapping[str, str]
    manner: Manner

    def request(self, reminder: str = "") -> Request:
        """As it is sent. reminder: what is added at the end."""
        messages = self.rubric.prompt(self.turn, self.values)
        if reminder:
            role, asked = messages[-1]
            messages = (*messages[:-1], (role, f"{asked.rstrip()}\n\n{reminder}"))
        return Request(self.judge, messages, self.manner.temperature, self.manner.reply_tokens)

    @functools.cached_property
    def key(self) -> str:
        """What its replies are kept by."""
        return kept.key(self.rubric, self.request())


@dataclass(frozen=True)
class Comparison:
    """A row of judgements to be. answer, other: the texts, other None where there is none; questions: by FIRST, SECOND,
    ALONE and OTHER; none where a text is empty, since nobody is asked then."""

    fact: Mapping[str, Any]
    turn: int
    rubric: Rubric
    judge: str
    against: str
    answer: str
    other: str | None
    questions: Mapping[str, Question]

    @property
    def empty(self) -> bool:
        """Whether an answer that is compared is no text at all."""
        return is_empty(self.answer) or (self.against != ALONE and is_empty(self.other))


@dataclass(frozen=True)
class Sides:
    """The answers of a cell, and what they are held against: {DENSE, REFERENCE or ALONE: texts}. Under ALONE stand the
    dense model's, whose own scores are set beside the cell's."""

    answers: Texts
    against: Mapping[str, Texts]


def is_empty(text: str | None) -> bool:
    """Whether a text says nothing."""
    return not (text and text.strip())


def comparisons(
    kind: str, facts: Mapping[str, Mapping[str, Any]], sides: Sides, manner: Manner
) -> Iterator[Comparison]:
    """All that is to be asked of a cell of a kind, in the order of its answers.

    facts: the benchmark's rows by id. Raises InputError for an answer to no row of it, and where the dense model lacks
    one, or the references one to a first turn.
    """
    for (id, turn), answer in sides.answers.items():
        if id not in facts:
            raise InputError(f"row {id!r} is none of the benchmark's")
        for rubric in manner.rubrics:
            if rubric.applies(kind, facts[id]["relation"], turn):
                for against in _opponents(rubric, sides, id, turn):
                    for judge in manner.judges:
                        yield _comparison(kind, facts[id], (turn, answer), (rubric, judge, against), sides, manner)


def _opponents(rubric: Rubric, sides: Sides, id: str, turn: int) -> Sequence[str]:
    """What an answer is held against by a rubric: of references, those that the file has of later turns."""
    if rubric.answers != PAIR:
        return [ALONE]
    given = sides.against.get(REFERENCE)
    return [DENSE, REFERENCE] if given is not None and (turn == 1 or (id, turn) in given) else [DENSE]


def _comparison(
    kind: str,
    fact: Mapping[str, Any],
    written: tuple[int, str],
    asked: tuple[Rubric, str, str],
    sides: Sides,
    manner: Manner,
) -> Comparison:
    """written: turn and answer; asked: rubric, judge and against."""
    (turn, answer), (rubric, judge, against) = written, asked
    if (fact["id"], turn) not in sides.against[against]:
        raise InputError(f"row {fact['id']!r}, turn {turn}: there is no answer of the {against} to it")
    other = sides.against[against][fact["id"], turn]
    ask = functools.partial(Question, rubric, judge, turn, manner=manner)
    told = _told(kind, fact, turn)
    ours, theirs = (_so_far(texts, fact["id"], turn) for texts in (sides.answers, sides.against[against]))
    questions = {}
    if against == ALONE:
        both = {ALONE: (answer, ours), OTHER: (other, theirs)}
        questions = {
            name: ask(told | _places("answer", so_far)) for name, (text, so_far) in both.items() if not is_empty(text)
        }
    elif not (is_empty(answer) or is_empty(other)):
        if against == DENSE:
            questions[FIRST] = ask(told | _places("first", ours) | _places("second", theirs))
        questions[SECOND] = ask(told | _places("first", theirs) | _places("second", ours))
    return Comparison(fact, turn, rubric, judge, against, answer, other, questions)


def _told(kind: str, fact: Mapping[str, Any], turn: int) -> dict[str, str]:
    """What a template may say of what was asked: the story alone where there is one, and each turn so far."""
    held = KINDS[kind]
    if held.shortened:
        return {"story": fact[held.shortened]}
    if held.messages is None:
        raise InputError(f"kind {kind!r} asks nothing that is answered by a text")
    said = held.messages(fact)
    return {"question": said[turn - 1]} | {f"question_{i + 1}": text for i, text in enumerate(said[:turn])}


def _so_far(texts: Texts, id: str, turn: int) -> list[str]:
    """The answers to a row up to a turn, "" where one is missing."""
    return [texts.get((id, each), "") for each in range(1, turn + 1)]


def _places(name: str, so_far: Sequence[str]) -> dict[str, str]:
    """The places of a template that a side fills: `name` on its first turn, `name_1`, `name_2` on its second."""
    return {name: so_far[-1]} | {f"{name}_{i + 1}": text for i, text in enumerate(so_far)}
