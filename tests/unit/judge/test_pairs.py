"""What judges are asked of a cell."""

import pytest

from knowcost.common.errors import InputError
from knowcost.judge import rubric
from knowcost.judge.pairs import Manner, Sides, comparisons

FACTS = {
    "a": {"id": "a", "relation": "writing", "cluster": "a", "turns": ["Q1?", "Q2?"]},
    "b": {"id": "b", "relation": "coding", "cluster": "b", "turns": ["C1?", "C2?"]},
}
OURS = {("a", 1): "our one", ("a", 2): "our two", ("b", 1): "our code", ("b", 2): "our more"}
THEIRS = {at: text.replace("our", "dense") for at, text in OURS.items()}


def manner(*names, judges=("j",)):
    return Manner(judges, tuple(map(rubric.load, names)), 0, 64)


def asked(names, answers=OURS, kind="conversation", facts=FACTS, judges=("j",), **against):
    sides = Sides(answers, {"dense": THEIRS, "alone": THEIRS} | against)
    return list(comparisons(kind, facts, sides, manner(*names, judges=judges)))


def prompt(question, reminder=""):
    return question.request(reminder).messages[-1][1]


def test_a_pair_is_asked_in_both_orders():
    rows = asked(["kick_general"])
    assert [(each.fact["id"], each.turn, each.against) for each in rows] == [("a", 1, "dense")]  # b is coding
    first, second = (prompt(rows[0].questions[name]) for name in ("first", "second"))
    assert "[Question]\nQ1?\n[The Start of Assistant 1's Answer]\nour one\n" in first
    assert "Assistant 2's Answer]\ndense one\n" in first
    assert "Assistant 1's Answer]\ndense one\n" in second and "Assistant 2's Answer]\nour one\n" in second


def test_a_second_turn_shows_both_turns_of_both_sides():
    rows = asked(["mt_bench_pair"])
    assert [(each.fact["id"], each.turn) for each in rows] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    text = prompt(rows[1].questions["first"])
    places = [text.index(word) for word in ("Q1?", "our one", "Q2?", "our two", "dense one", "dense two")]
    assert places == sorted(places)
    assert text.count("Q1?") == text.count("Q2?") == 2


def test_each_rubric_judges_its_own_categories():
    rows = asked(["kick_general", "kick_coding", "kick_maths"])
    assert [(each.fact["id"], each.rubric.name) for each in rows] == [("a", "kick_general"), ("b", "kick_coding")]


def test_a_single_answer_and_the_dense_model_s_own():
    first, *_ = asked(["mt_bench_single"])
    assert first.against == "alone"
    assert "Answer]\nour one\n" in prompt(first.questions["alone"])
    assert "Answer]\ndense one\n" in prompt(first.questions["other"])


def test_references_stand_first_and_once():
    references = {("a", 1): "reference one", ("b", 1): "reference code"}
    rows = [each for each in asked(["mt_bench_pair"], reference=references) if each.against == "reference"]
    assert [(each.fact["id"], each.turn, list(each.questions)) for each in rows] == [
        ("a", 1, ["second"]), ("b", 1, ["second"]),
    ]  # fmt: skip
    text = prompt(rows[0].questions["second"])
    assert text.index("reference one") < text.index("our one")


def test_two_judges_are_asked_the_same():
    rows = asked(["kick_general"], judges=("j", "k"))
    assert [each.judge for each in rows] == ["j", "k"]
    one, two = (each.questions["first"] for each in rows)
    assert one.request().messages == two.request().messages and one.key != two.key


def test_nobody_is_asked_of_an_empty_answer():
    rows = asked(["kick_general", "mt_bench_single"], answers={("a", 1): " \n"})
    assert [(each.against, each.empty, list(each.questions)) for each in rows] == [
        ("dense", True, []), ("alone", True, ["other"]),
    ]  # fmt: skip


def test_an_empty_first_answer_does_not_hide_the_second():
    row = asked(["mt_bench_pair"], answers={("a", 1): "", ("a", 2): "our two"})[1]
    assert not row.empty and set(row.questions) == {"first", "second"}


def test_equal_texts_are_one_question_in_both_orders():
    row = asked(["kick_general"], answers={("a", 1): "dense one"})[0]
    assert row.questions["first"].key == row.questions["second"].key


def test_a_summary_is_judged_beside_its_story_alone():
    facts = {"a": {"id": "a", "relation": "small", "cluster": "a", "story": "A {story}.", "highlights": "H"}}
    rows = asked(["kick_summary", "summary_single"], {("a", 1): "ours"}, "summary", facts)
    for question in (rows[0].questions["first"], rows[1].questions["alone"]):
        assert "tory]\nA {story}.\n" in prompt(question).replace("STORY", "Story")
        assert "Summarize the given story" not in prompt(question) and "H\n" not in prompt(question)


def test_a_reminder_stands_at_the_end():
    question = asked(["kick_general"])[0].questions["first"]
    assert prompt(question, "Be brief.") == prompt(question).rstrip() + "\n\nBe brief."
    assert question.request("Be brief.").messages[0] == question.request().messages[0]


def test_answers_that_do_not_belong_together():
    with pytest.raises(InputError, match="row 'z' is none of the benchmark's"):
        asked(["kick_general"], {("z", 1): "x"})
    with pytest.raises(InputError, match="row 'a', turn 1: there is no answer of the dense"):
        asked(["kick_general"], dense={})
    with pytest.raises(InputError, match="there is no answer of the reference"):
        asked(["kick_general"], reference={("b", 1): "x"})
