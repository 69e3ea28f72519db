"""Replies read: what judges write, and what must not be taken for a score."""

import pytest

from knowcost.judge import reading, rubric
from knowcost.judge.rows import LOSS, TIE, WIN


def said(name, text):
    return reading.read(rubric.load(name), text)


def scores(name, text):
    """(scores of the first, of the second) or None."""
    found = said(name, text)
    return found and (found.scores, found.other_scores)


@pytest.mark.parametrize(
    "line",
    ["8 9", "8, 9", "8,9", "8 / 9", "  8   9  ", "Scores: 8 9", "**8 9**", "(8, 9)", "8/10 9/10", "8.0 9.0",
     "8 out of 10, 9 out of 10", "Assistant 1: 8, Assistant 2: 9", "8/10 for Assistant 1, 9/10 for Assistant 2.",
     "- Overall: 8 9", "1. Overall scores: 8 and 9", "\n\n8 9"],
)  # fmt: skip
def test_a_line_of_two_scores(line):
    assert scores("kick_general", f"{line}\nAssistant 2 had 3 more examples.") == ((8,), (9,))


@pytest.mark.parametrize(
    "line",
    ["8", "8 9 7", "0 9", "8 11", "-8 9", "8-9", "eight nine", "Assistant 2: 8, Assistant 1: 9", "Assistant 1: 8 9",
     "Assistant 1 gave 3 examples and Assistant 2 gave 5.", "1.5.2 8", "The answers are good.\n8 9", "error", ""],
)  # fmt: skip
def test_a_line_that_is_no_two_scores(line):
    assert said("kick_general", line) is None


def test_the_higher_score_wins_and_equal_ones_tie():
    assert [said("kick_coding", line).verdict for line in ("8 9", "9.5 9", "7 7")] == [LOSS, WIN, TIE]


def test_four_lines_of_two_scores_and_their_means():
    found = said("kick_summary", "8 7\n8 7\n5 8\nRelevance: 8 7\nAssistant 1 is better.")
    assert (found.scores, found.other_scores) == ((8, 8, 5, 8), (7, 7, 8, 7))
    assert found.verdict == TIE  # 29 and 29
    assert scores("kick_summary", "Coherence: 8 7\nConsistency: 8 7\nFluency: 9 8\nRelevance: 8 7")[0] == (8, 8, 9, 8)
    for wrong in ("8 7\n8 7\n5 8", "8 7\n8 7\n5 8\nGood.", "Fluency: 8 7\n8 7\n5 8\n8 7", "10 0\n10 0\n10 0\n10 0"):
        assert said("kick_summary", wrong) is None


def test_one_score_a_line_of_a_single_answer():
    assert scores("summary_single", "Coherence: 8\n7\n3/10\n10\nIt is short.") == ((8, 7, 3, 10), None)
    assert said("summary_single", "8\n7\n3\n10").verdict is None
    for wrong in ("8 7 3 10", "8\n7\n3", "8\n7\n3 4\n10"):
        assert said("summary_single", wrong) is None


def test_the_last_tuple_of_a_solution():
    text = "First, the point is (2, -2). The distance is 5. So, the output is (10, 3.5). Assistant 1 performed better."
    assert scores("kick_maths", text) == ((10,), (3.5,))
    for wrong in ("Assistant 1: 10/10\nAssistant 2: 4/10", "(10, 3) ... the point (2, -2)", "(1, 2, 3)", "(x, y)"):
        assert said("kick_maths", wrong) is None


@pytest.mark.parametrize(
    "text",
    ["(9, 4)\nAssistant 2 took the point (2, 3).", "The vertices are (1, 2) and (3, 3).\n\n**Scores:** (9, 4)",
     "It is (3, 3).\n```python\n(9, 4)\n```\nAssistant 2 says (2, 3).",
     "Final scores of Assistant 1 and 2: (9, 4)\n(9, 4)"],
)  # fmt: skip
def test_points_of_a_solution_are_no_scores(text):
    assert scores("kick_maths", text) == ((9,), (4,))


@pytest.mark.parametrize("text", ["The point is (3, 3), and so I say (9, 4).", "I say (9, 4). They say (3, 3)."])
def test_where_a_point_may_be_the_scores_nothing_is_read(text):
    assert said("kick_maths", text) is None


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("A is better. [[A]]", WIN), ("[[B]]", LOSS), ("[[C]]\nboth good", TIE), ("[[A]] ... so [[A]]", WIN),
     ("I could say [[A]], but [[B]]", None), ("[A]", None), ("Assistant A is better", None), ("[[D]]", None),
     ("", None)],
)  # fmt: skip
def test_one_verdict_and_no_other_beside_it(text, verdict):
    found = said("mt_bench_pair", text)
    assert (found and found.verdict) == verdict


def test_a_verdict_is_reversed_for_the_answer_that_stands_second():
    assert [said("mt_bench_pair", f"[[{letter}]]").reversed().verdict for letter in "ABC"] == [LOSS, WIN, TIE]
    found = said("kick_general", "8 9").reversed()
    assert (found.verdict, found.scores, found.other_scores) == (WIN, (9,), (8,))
    assert said("mt_bench_single", "[[7]]").reversed().verdict is None


@pytest.mark.parametrize(
    ("text", "rating"),
    [("Rating: [[5]]", 5), ("[[7.5]]", 7.5), ("[[8/10]]", 8), ("[[5]], as I said: [[5]]", 5), ("[[5]] or [[6]]", None),
     ("[[11]]", None), ("[[0]]", None), ("Rating: 5", None), ("[[rating]]", None)],
)  # fmt: skip
def test_one_rating(text, rating):
    found = said("mt_bench_single", text)
    assert (found and found.scores) == (rating and (rating,))


def test_what_was_thought_aloud_is_no_reply():
    assert said("mt_bench_pair", "<think>[[B]]? No.</think>\n[[A]]").verdict == WIN
    assert said("mt_bench_pair", "<think>I lean to [[B]], but let me") is None


def test_each_way_of_reading_has_a_reminder_that_names_its_form():
    assert "two numbers, separated by a blank, from 1 to 10" in reading.reminder(rubric.load("kick_general"))
    assert "4 lines, of two numbers" in reading.reminder(rubric.load("kick_summary"))
    assert "4 lines, of one number" in reading.reminder(rubric.load("summary_single"))
    assert '"[[A]]", "[[B]]" or "[[C]]"' in reading.reminder(rubric.load("mt_bench_pair"))
    assert "[[5]]" in reading.reminder(rubric.load("mt_bench_single"))
    assert "tuple" in reading.reminder(rubric.load("kick_maths"))
