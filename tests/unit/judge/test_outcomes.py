"""From replies to rows, by hand."""

import pyarrow as pa
import pytest

from knowcost.judge import rubric
from knowcost.judge.outcomes import Outcome, outcome, row
from knowcost.judge.pairs import Comparison
from knowcost.judge.reading import Said, read
from knowcost.judge.request import Reply
from knowcost.judge.rows import JUDGED

FACT = {"id": "a", "relation": "small", "cluster": "c"}


def reply(text, model="j-1"):
    return Reply(text, model, 10, 5)


def test_what_replies_come_to():
    general = rubric.load("kick_general")
    assert outcome(general, None) is None
    assert outcome(general, ()) == Outcome(None, "too_long", None)
    assert outcome(general, (reply("8 9"),)) == Outcome(Said("loss", (8,), (9,)), None, "j-1")
    assert outcome(general, (reply("well"),)) is None  # to be asked once more
    assert outcome(general, (reply("well"), reply("9 8"))).said.verdict == "win"
    assert outcome(general, (reply("well"), reply("hm", "j-2"))) == Outcome(None, "unparsed", "j-2")


def judged(name, against="dense", answer="one two", dense="three", **texts):
    """The row of a comparison; texts: the reply to each of its questions, or why it failed."""
    made = rubric.load(name)
    found = {
        which: Outcome(None, text, None) if text in ("unparsed", "too_long") else Outcome(read(made, text), None, "j-1")
        for which, text in texts.items()
    }
    comparison = Comparison(FACT, 1, made, "j", against, answer, dense, {which: which for which in texts})
    told = row(comparison, found.__getitem__)
    pa.Table.from_pylist([told], schema=JUDGED)
    assert set(told) == set(JUDGED.names)
    return told


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [("A", "B", "win"), ("B", "A", "loss"), ("C", "C", "tie"), ("A", "A", "tie"), ("B", "B", "tie"), ("A", "C", "tie")],
)
def test_both_orders_must_agree(first, second, verdict):
    told = judged("mt_bench_pair", first=f"[[{first}]]", second=f"[[{second}]]")
    assert told["verdict"] == verdict
    assert told["first"] == {"A": "win", "B": "loss", "C": "tie"}[first]
    assert told["second"] == {"A": "loss", "B": "win", "C": "tie"}[second]  # [[A]] is the other one there
    assert (told["scores"], told["failed"], told["empty"]) == (None, None, False)
    assert (told["length"], told["other_length"], told["answered_by"]) == (2, 1, "j-1")


def test_scores_are_means_over_the_orders_criterion_by_criterion():
    told = judged("kick_summary", first="8 7\n8 7\n6 7\n8 8", second="6 9\n7 8\n7 7\n8 8")
    assert told["scores"] == [8.5, 8.0, 6.5, 8.0]  # first in the one order, second in the other
    assert told["other_scores"] == [6.5, 7.0, 7.0, 8.0]
    assert (told["first"], told["second"], told["verdict"]) == ("win", "win", "win")


def test_one_order_that_failed_leaves_no_verdict():
    told = judged("kick_general", first="8 7", second="unparsed")
    assert (told["first"], told["second"], told["verdict"], told["failed"]) == ("win", None, None, "unparsed")
    assert told["scores"] is None
    assert judged("kick_general", first="too_long", second="unparsed")["failed"] == "too_long"


def test_a_reference_is_held_against_in_one_order():
    told = judged("kick_general", against="reference", second="9 7")
    assert (told["first"], told["second"], told["verdict"]) == (None, "loss", "loss")
    assert (told["scores"], told["other_scores"]) == ([7], [9])


def test_a_single_answer_s_scores_beside_the_dense_model_s():
    told = judged("mt_bench_single", against="alone", alone="[[7]]", other="[[9]]")
    assert (told["scores"], told["other_scores"], told["verdict"]) == ((7,), (9,), None)
    told = judged("mt_bench_single", against="alone", alone="[[7]]", other="unparsed")
    assert (told["scores"], told["other_scores"], told["failed"]) == ((7,), None, None)
    assert judged("mt_bench_single", against="alone", alone="unparsed", other="[[9]]")["failed"] == "unparsed"


@pytest.mark.parametrize(("answer", "other", "verdict"), [("", "x", "loss"), ("x", " ", "win"), ("", "\n", "tie")])
def test_an_empty_answer_loses_unasked(answer, other, verdict):
    told = judged("kick_general", answer=answer, dense=other)
    assert (told["verdict"], told["first"], told["empty"], told["scores"]) == (verdict, None, True, None)


def test_an_empty_single_answer_has_no_scores():
    told = judged("mt_bench_single", against="alone", answer="", other="[[9]]")
    assert (told["empty"], told["scores"], told["failed"]) == (True, None, None)
