"""Replies of judges, read: strictly, since what is guessed would count as a judgement, but as people write.

A line of scores may name what it scores ("Coherence: 8 9", "8.5/10 for Assistant 1, 9/10 for Assistant 2."), in the
order that was asked for, and nothing else may stand in it: in a sentence, numbers are anything. A score outside the
scale, a number too few or too many, two different verdicts: the reply is unparsed. (FastChat takes "[[A]]" wherever it
stands, before it looks for another; LLM-KICK's code looks into the first line alone and leaves out what it cannot
read.) What a model thinks aloud before its reply, between <think> and </think>, is no part of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from knowcost.judge.rows import LOSS, TIE, WIN
from knowcost.judge.rubric import FIRST_LINE, LINES, PAIR, RATING, TUPLE, VERDICT, Rubric

_NUMBER = r"(?<![\w.,+-])([+-]?\d+(?:\.\d+)?)(?:\s*/\s*{most:g}|\s+out\s+of\s+{most:g})?(?![\w/.]*\d)"
_TUPLE = re.compile(r"\(\s*([+-]?\d+(?:\.\d+)?)\s*,\s*([+-]?\d+(?:\.\d+)?)\s*\)")
_VERDICT = re.compile(r"\[\[([ABC])\]\]")
_RATING = re.compile(r"\[\[\s*([+-]?\d+(?:\.\d+)?)(?:\s*/\s*10)?\s*\]\]")
_WORDS = {"score", "scores", "rating", "ratings", "overall", "for", "and", "vs", "versus", "the", "of", "is", "are"}
_BESIDE = _WORDS | {
    "final",
    "python",
    "tuple",
    "output",
    "assistant",
    "assistants",
    "1",
    "2",
}  # beside a pair of scores
_VERDICTS = {"A": WIN, "B": LOSS, "C": TIE}
REVERSED = {WIN: LOSS, LOSS: WIN, TIE: TIE}


@dataclass(frozen=True)
class Said:
    """What a reply says. verdict: on the answer that stands first, None of a single one; scores: of it, and
    other_scores: of the second, a number per criterion, None where the rubric gives none."""

    verdict: str | None
    scores: tuple[float, ...] | None = None
    other_scores: tuple[float, ...] | None = None

    def reversed(self) -> "Said":
        """The same, said of the answer that stands second."""
        return Said(self.verdict and REVERSED[self.verdict], self.other_scores, self.scores)


def read(rubric: Rubric, text: str) -> Said | None:
    """What a judge's reply says, None where that is not what its rubric asks for."""
    text = _spoken(text)
    if rubric.reads == VERDICT:
        found = set(_VERDICT.findall(text))
        return Said(_VERDICTS[found.pop()]) if len(found) == 1 else None
    if rubric.reads == RATING:
        ratings = {float(number) for number in _RATING.findall(text)}
        return _single(rubric, list(ratings)) if len(ratings) == 1 else None
    if rubric.reads == TUPLE:
        return _pair(rubric, _tuple(rubric, text))
    lines = [line for line in text.splitlines() if line.strip()]
    count = {FIRST_LINE: 1, LINES: len(rubric.criteria)}[rubric.reads]
    scores = [_scores(rubric, line, place) for place, line in enumerate(lines[:count])]
    if rubric.answers == PAIR:
        return _pair(rubric, scores)
    one_each = all(len(line) == 1 for line in scores)
    return _single(rubric, [line[0] for line in scores]) if one_each else None


def _spoken(text: str) -> str:
    """A reply without what was thought aloud before it; nothing, where it was cut while it thought."""
    _, end, reply = text.rpartition("</think>")
    if end:
        return reply
    return "" if text.lstrip().startswith("<think>") else text


def _tuple(rubric: Rubric, text: str) -> list[list[float]]:
    """The pair of scores in a solution, [] where it is not plain which that is.

    A solution and the remarks behind the scores name points and intervals, too: (2, 3). So a pair with a line of its
    own goes before all others, and of several that could be scores none is taken.
    """
    lines = [line for line in text.splitlines() if _TUPLE.search(line)]
    of_their_own = [line for line in lines if set(re.findall(r"[^\W_]+", _TUPLE.sub(" ", line).lower())) <= _BESIDE]
    pairs = [[float(number) for number in pair] for line in of_their_own or lines for pair in _TUPLE.findall(line)]
    others = [pair for pair in pairs[:-1] if pair != pairs[-1] and _in_scale(rubric, pair)]
    return [] if others else pairs[-1:]


def _scores(rubric: Rubric, line: str, place: int) -> list[float]:
    """The numbers of a line of scores, [] where more than scores, or others' names, stand in it."""
    line = re.sub(r"[*_`#|]", " ", line).lower()
    line = re.sub(r"^\s*(?:[-•]|\d+[.)])\s+(?=[a-z])", "", line)  # the point of a list
    named = re.findall(r"\bassistant ([12ab])(?:'s)?\b", line)
    if named not in ([], ["1", "2"], ["a", "b"]):
        return []
    line = re.sub(r"\bassistant [12ab](?:'s)?\b", " ", line)
    line = re.sub(r"(?<=\d),(?=\S)", ", ", line)
    number = re.compile(_NUMBER.format(most=rubric.scale[1]))
    rest = set(re.findall(r"[^\W_]+", number.sub(" ", line)))
    allowed = _WORDS | set(rubric.criteria[place].lower().split())
    return [float(found) for found in number.findall(line)] if rest <= allowed else []


def _pair(rubric: Rubric, scores: Sequence[Sequence[float]]) -> Said | None:
    """scores: per criterion, those of the first and of the second answer."""
    if len(scores) != len(rubric.criteria) or any(len(pair) != 2 for pair in scores):
        return None
    if not _in_scale(rubric, [score for pair in scores for score in pair]):
        return None
    first, second = (tuple(pair[i] for pair in scores) for i in (0, 1))
    verdict = TIE if sum(first) == sum(second) else WIN if sum(first) > sum(second) else LOSS
    return Said(verdict, first, second)


def _single(rubric: Rubric, scores: Sequence[float]) -> Said | None:
    right = len(scores) == len(rubric.criteria) and _in_scale(rubric, scores)
    return Said(None, tuple(scores)) if right else None


def _in_scale(rubric: Rubric, scores: Sequence[float]) -> bool:
    low, high = rubric.scale
    return all(low <= score <= high for score in scores)


def reminder(rubric: Rubric) -> str:
    """The sentence that is added where a reply could not be read and the judge is asked once more."""
    if rubric.reads == VERDICT:
        return 'End your reply with your verdict and nothing else: "[[A]]", "[[B]]" or "[[C]]".'
    low, high = rubric.scale
    if rubric.reads == RATING:
        return f'End your reply with your rating from {low:g} to {high:g} in this form: "Rating: [[{high / 2:g}]]".'
    if rubric.reads == TUPLE:
        return f"End your reply with the two scores from {low:g} to {high:g} as a Python tuple: ({low:g}, {high:g})."
    number = "two numbers, separated by a blank," if rubric.answers == PAIR else "one number"
    lines = f"{len(rubric.criteria)} lines" if rubric.reads == LINES else "one line"
    return f"Begin your reply with {lines}, of {number} from {low:g} to {high:g} and nothing else."
