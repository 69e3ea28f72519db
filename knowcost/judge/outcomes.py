"""From replies to rows of judgements."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from knowcost.judge import reading
from knowcost.judge.pairs import FIRST, OTHER, SECOND, Comparison, Question, is_empty
from knowcost.judge.reading import Said
from knowcost.judge.request import Reply
from knowcost.judge.rows import ALONE, LOSS, TIE, TOO_LONG, UNPARSED, WIN
from knowcost.judge.rubric import Rubric

TRIES = 2  # that a judge has to say something that can be read


@dataclass(frozen=True)
class Outcome:
    """What came of a question. said: None where it failed; failed: UNPARSED or TOO_LONG, else None; answered_by: what
    the judge calls itself, None where none answered."""

    said: Said | None
    failed: str | None
    answered_by: str | None


def outcome(rubric: Rubric, replies: Sequence[Reply] | None) -> Outcome | None:
    """What the replies to a question come to, none of them where it is longer than the judge reads; None while it is
    still to be asked, the first time or once more."""
    if replies is None:
        return None
    if not replies:
        return Outcome(None, TOO_LONG, None)
    for reply in replies:
        if said := reading.read(rubric, reply.text):
            return Outcome(said, None, reply.model)
    return Outcome(None, UNPARSED, replies[-1].model) if len(replies) >= TRIES else None


def row(comparison: Comparison, found: Callable[[Question], Outcome]) -> dict[str, Any]:
    """A row of JUDGED. found: what came of each question."""
    came = {name: found(question) for name, question in comparison.questions.items()}
    fact = comparison.fact
    other = comparison.other
    made = {
        "id": fact["id"], "relation": fact["relation"], "cluster": fact["cluster"], "turn": comparison.turn,
        "rubric": comparison.rubric.name, "judge": comparison.judge, "against": comparison.against,
        "answered_by": ", ".join(sorted({each.answered_by for each in came.values() if each.answered_by})) or None,
        "first": None, "second": None, "verdict": None, "scores": None, "other_scores": None, "failed": None,
        "empty": comparison.empty, "length": len(comparison.answer.split()),
        "other_length": None if other is None else len(other.split()),
    }  # fmt: skip
    return made | (_alone(came) if comparison.against == ALONE else _pair(comparison, came))


def _alone(came: dict[str, Outcome]) -> dict[str, Any]:
    """Of a single answer: its scores, and beside them the dense model's."""
    own, other = came.get(ALONE), came.get(OTHER)
    return {
        "scores": own and own.said and own.said.scores,
        "other_scores": other and other.said and other.said.scores,
        "failed": own and own.failed,
    }


def _pair(comparison: Comparison, came: dict[str, Outcome]) -> dict[str, Any]:
    """Of a pair: the verdict of both orders, a tie where they disagree."""
    if comparison.empty:
        return {"verdict": _of_empty(comparison)}
    said: dict[str, Said | None] = {FIRST: None, SECOND: None}
    for name, each in came.items():
        said[name] = each.said.reversed() if each.said and name == SECOND else each.said
    verdicts = {name: each and each.verdict for name, each in said.items()}
    failures = {each.failed for each in came.values() if each.failed}
    if failures:
        return verdicts | {"failed": TOO_LONG if TOO_LONG in failures else UNPARSED}
    both = [each for each in said.values() if each]
    agreed = {each.verdict for each in both}
    return verdicts | {
        "verdict": agreed.pop() if len(agreed) == 1 else TIE,
        "scores": _mean([each.scores for each in both]),
        "other_scores": _mean([each.other_scores for each in both]),
    }


def _of_empty(comparison: Comparison) -> str:
    if is_empty(comparison.answer):
        return TIE if is_empty(comparison.other) else LOSS
    return WIN


def _mean(scores: Sequence[tuple[float, ...] | None]) -> list[float] | None:
    """The mean over the orders, criterion by criterion; None where the rubric gives no scores."""
    given = [each for each in scores if each is not None]
    return [fmean(each) for each in zip(*given, strict=True)] if given else None
