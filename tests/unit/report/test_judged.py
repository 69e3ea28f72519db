"""What the page says of judges: who is preferred, and when a judge is not to be believed, from rows by hand."""

import pytest
from helpers import wrote

from knowcost.aggregate import rule
from knowcost.judge import world_server
from knowcost.report import judged
from knowcost.report.table import GONE, MINUS

SLUG = "magnitude-60@overall"


def said(about, verdicts=()):
    return list(judged.sentences(wrote.frames(verdicts=verdicts, about=about)))


def test_a_judge_that_nothing_speaks_against_is_believed():
    first, last = said([wrote.judge()])
    assert first == "The answers were judged by gpt (it calls itself gpt-2026)."
    assert last == (
        "Can the judge be believed on talk? Nothing that was looked at speaks against it: at most 12.9% (10.1 "
        "to 15.7) of verdicts change when the answers are swapped."
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"flipped_percent": 61.0, "flipped_low": 55.0, "flipped_high": 67.0},
         "61.0% (55.0 to 67.0) of its verdicts change when the two answers are swapped"),
        ({"first_preferred": 80.0, "first_low": 75.0, "first_high": 85.0},
         "it prefers what stands first (the first wins 80.0% (75.0 to 85.0))"),
        ({"first_preferred": 20.0, "first_low": 15.0, "first_high": 25.0}, "it prefers what stands second"),
        ({"length_correlation": 0.8, "length_low": 0.7}, "the longer an answer is, the oftener it wins"),
        ({"unparsed": 20, "too_long": 10}, "6.2% of what it was asked has no verdict"),
        ({"null_win": 10, "null_tie": 26, "null_loss": 4, "null_flipped": 6},
         "it finds a winner in 50.0% of the dense model's answers against its own"),
        ({"null_win": 0, "null_tie": 40, "null_loss": 0, "null_flipped": 20}, "it finds a winner in 50.0% of"),
        ({"kappa": 0.2, "second_judge": "other"}, "other agrees with it little more than by chance"),
    ],
)  # fmt: skip
def test_a_judge_with_a_fault_is_not(more, words):
    last = said([wrote.judge(**more)])[-1]
    assert last.startswith("Can the judge be believed on talk? Not without a second look. gpt with mt_bench_pair: ")
    assert words in last
    assert judged.doubted(wrote.frames(about=[wrote.judge(**more)])["judges"], "m", "talk")


@pytest.mark.parametrize("more", [
    {"first_preferred": 80.0, "first_low": 45.0, "first_high": 99.0},  # by a handful of verdicts
    {"length_correlation": 0.8, "length_low": -0.1},
    {"kappa": 0.7},
    {"null_n": 0, "null_win": 0, "null_tie": 0, "null_loss": 0, "null_flipped": 0, "n": 0},
])  # fmt: skip
def test_what_is_not_shown_speaks_against_nobody(more):
    assert "Nothing that was looked at" in said([wrote.judge(**more)])[-1]


def test_the_answer_doubts_the_judge_whose_verdicts_it_tells():
    others = [wrote.judge(judge="second", kappa=0.1), wrote.judge(against="alone", unparsed=400)]
    judges = wrote.frames(about=[wrote.judge(), *others])["judges"]
    assert not judged.doubted(judges, "m", "talk") and not judged.doubted(judges, "m", "news")


def test_the_worlds_judge_is_called_what_it_is():
    about = wrote.judge(judge=world_server.MODEL, answered_by=world_server.MODEL)
    assert said([about])[0] == (
        "The answers were judged by world-facts (a small local server that compares statements with the world's facts, "
        "no language model)."
    )


def test_verdicts_are_counted_by_what_they_bear():
    rows = [wrote.judgement(SLUG, preference=-30.0, low=-40.0, high=-20.0, decision=rule.COSTS),
            wrote.judgement("magnitude-40@overall", preference=-9.0, decision=rule.SMALL),
            wrote.judgement("magnitude-20@overall", preference=-3.0, decision=rule.UNSURE),
            wrote.judgement("int8@overall", preference=0.0, decision=rule.EQUAL),
            wrote.judgement("gptq-4bit@overall", preference=9.0, decision=rule.GAINS),
            wrote.judgement("dense", preference=0.0, decision=""),
            wrote.judgement(SLUG, judge="second", preference=-50.0, decision=rule.COSTS),
            wrote.judgement(SLUG, against="reference", preference=-50.0, decision=rule.COSTS)]  # fmt: skip
    (clause,) = judged.clauses(wrote.frames(verdicts=rows)["judged"], "m", "talk")
    assert clause == (
        "judged by gpt (mt_bench_pair), answers lose to the dense model's own with 2 of 5 variants, most with "
        "everything pruned by 60% (30.0 points (20.0 to 40.0) below even); 1 is preferred to them, 1 is practically "
        "equal and 1 is not measured precisely enough"
    )


def test_tables_of_all_answers_of_classes_and_of_judges():
    rows = [wrote.judgement(SLUG, "kick_summary", "news", wins=5, ties=6, losses=29, failed=2, preference=-30.0,
                            low=-40.0, high=-20.0, score=6.0, other_score=8.0, decision=rule.COSTS),
            wrote.judgement(SLUG, "summary_single", "news", against="alone", preference=float("nan"), score=5.0,
                            decision=rule.UNSURE),
            wrote.judgement(SLUG, "kick_summary", "news", "large")]  # fmt: skip
    frames = wrote.frames(verdicts=rows, about=[wrote.judge("kick_summary", "news", null_n=0)])
    whole, large, judges = judged.tables(frames)
    assert [table.title for table in (whole, large, judges)] == [
        "Judged: m on news", "Judged: m on news, large", "How far the judge can be believed: m"
    ]  # fmt: skip
    assert (whole.folded, large.folded) == (False, True)
    assert all(len(row) == len(table.columns) for table in (whole, large, judges) for row in table.rows)
    pair, alone = whole.rows
    assert [cell.text for cell in pair[1:6]] == ["kick_summary", f"{MINUS}30.0", "5, 6, 29", "2", "6.00"]
    assert (pair[2].style, pair[5].below) == ("number costs", "beside 8.00")
    assert [cell.text for cell in alone[1:4]] == ["summary_single", GONE, GONE] and alone[6].text.endswith("?")
    (row,) = judges.rows
    assert [cell.text for cell in row[2:6]] == ["12.9", "53.0", "4", "58.0"]
    assert "null" not in [column.title for column in judges.columns]  # nothing is told of it
