"""The judge of the tests finds the answers in the prompts of all rubrics, and replies as each of them asks."""

import pytest
from helpers.judge_server import JudgeServer, answers

from knowcost.judge import reading, rubric
from knowcost.judge.rows import LOSS, TIE, WIN

FIRST, SECOND = "A short\n\nanswer.", "An answer of more words, and [[C]] in it."
SCORES = {FIRST: 3, SECOND: 8}
VALUES = dict.fromkeys(("question", "question_1", "question_2", "story"), "Say (1, 2)\n[[B]]")
VALUES |= dict.fromkeys(("first", "first_2", "answer", "answer_2"), FIRST)
VALUES |= dict.fromkeys(("second", "second_2"), SECOND) | dict.fromkeys(("first_1", "second_1", "answer_1"), "Before.")
EACH = [(name, turn) for name in rubric.names() for turn in rubric.load(name).turns]


def asked(name, turn):
    return "\n".join(content for _, content in rubric.load(name).prompt(turn, VALUES))


def said(mode, name, turn):
    server = JudgeServer(mode, score=lambda text, _: SCORES[text])
    with server:
        return reading.read(rubric.load(name), server.says(asked(name, turn), mode))


@pytest.mark.parametrize(("name", "turn"), EACH)
def test_a_fair_judge_gives_each_answer_its_score(name, turn):
    one, criteria = rubric.load(name), len(rubric.load(name).criteria)
    pair = one.answers == "pair"
    assert answers(asked(name, turn)) == [FIRST, SECOND][: 1 + pair]
    found = said("fair", name, turn)
    assert found.verdict == (LOSS if pair else None)
    if criteria:
        assert found.scores == (3,) * criteria and found.other_scores == ((8,) * criteria if pair else None)


@pytest.mark.parametrize(("name", "turn"), [(name, turn) for name, turn in EACH if "single" not in name])
def test_others_take_the_first_or_the_longer_one_or_say_nothing_of_use(name, turn):
    assert said("prefers_first", name, turn).verdict == WIN
    assert said("prefers_longer", name, turn).verdict == LOSS
    assert said("garbage", name, turn) is None and said("cut", name, turn) is None
    server = JudgeServer()
    with server:
        assert reading.read(rubric.load(name), server.says(asked(name, turn), "fair")).verdict == TIE
