"""Metrics against hand arithmetic and a published example."""

from math import isnan, log

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from knowcost.aggregate import metrics
from knowcost.score import measures

CLOZE = pd.DataFrame(
    {
        "relation": ["a", "a", "b", "c", None],
        "correct": [True, False, True, False, True],
        "rank": pd.array([1, 4, 1, 20, 1], dtype="Int32"),
        "unprompted": None,
    }
)
CHOICE = pd.DataFrame({"relation": None, "correct": [True, True, True, False], "rank": None, "unprompted": [None] * 4})


def test_cloze_metrics_by_hand():
    assert metrics.accuracy(CLOZE) == pytest.approx(3 / 5)
    assert metrics.accuracy_macro(CLOZE) == pytest.approx((1 / 2 + 1 + 0) / 3)  # a, b, c; the fact without one is out
    assert metrics.precision_at(CLOZE, 1) == pytest.approx(3 / 5)
    assert metrics.precision_at(CLOZE, 10) == pytest.approx(4 / 5)
    assert metrics.reciprocal_rank(CLOZE) == pytest.approx((1 + 1 / 4 + 1 + 1 / 20 + 1) / 5)


def test_a_cloze_fact_without_rank_is_a_miss():
    rows = CLOZE.assign(rank=pd.array([1, None, 1, 20, 1], dtype="Int32"))
    assert metrics.precision_at(rows, 10) == pytest.approx(3 / 5)
    assert metrics.reciprocal_rank(rows) == pytest.approx((1 + 0 + 1 + 1 / 20 + 1) / 5)


def test_multiple_choice_has_accuracy_only():
    summary = metrics.summary(CHOICE)
    assert (summary["n"], summary["accuracy"]) == (4, 0.75)
    assert all(isnan(summary[name]) for name in ("accuracy_macro", "p10", "mrr", "unprompted"))
    ranked = metrics.summary(CHOICE.assign(unprompted=[True, False, False, False]))
    assert (ranked["accuracy"], ranked["unprompted"]) == (0.75, 0.25)


def test_no_rows_give_no_numbers():
    summary = metrics.summary(CLOZE.iloc[:0])
    assert summary["n"] == 0
    assert isnan(summary["accuracy"])


def test_what_changed_against_the_dense_model():
    dense = np.r_[np.ones(40), np.zeros(20), np.ones(60), np.zeros(40)]
    compressed = np.r_[np.zeros(40), np.ones(20), np.ones(60), np.zeros(40)]
    versus = metrics.versus_dense(dense, compressed)
    assert (versus["forgotten"], versus["gained"]) == (40, 20)
    assert versus["drop_points"] == pytest.approx(100 * 20 / 160)
    assert versus["kept_percent"] == pytest.approx(60.0)  # 60 of the 100 facts that were right
    assert isnan(metrics.versus_dense([False], [True])["kept_percent"])


@pytest.mark.parametrize(
    ("kind", "columns", "expected"),
    [
        ("boolq", {"label": [1, 1, 0, 1]}, 3 / 4),
        ("piqa", {"sol1": list("aaaaa"), "sol2": list("bbbbb"), "label": [0, 0, 1, 1, 1]}, 3 / 5),
        ("winogrande", {"option1": list("aaa"), "option2": list("bbb"), "answer": ["1", "2", "2"]}, 2 / 3),
        # by relation: a has x twice in three, b has three different answers
        ("question", {"relation": list("aaabbb"), "answer": list("xxyxyz"), "candidates": [list("xyz")] * 6}, 3 / 6),
        # any of two candidates is right as often as the most frequent answer, or more
        ("question", {"relation": list("aaa"), "answer": list("xyz"), "candidates": [list("xy")] * 3}, 1 / 2),
        ("arc", {"options": [list("abcd")] * 3, "label": [2, 2, 0]}, 2 / 3),
        # the order of SciQ's answers says nothing: the right one is always put last
        ("sciq", {name: ["a"] for name in ("distractor1", "distractor2", "distractor3", "correct_answer")}, 1 / 4),
    ],
)
def test_majority(kind, columns, expected):
    assert metrics.majority(pa.table(columns), {"kind": kind}) == pytest.approx(expected)


def test_open_questions_have_no_majority():
    table = pa.table({"question": ["q"], "answers": [["a"]]})
    assert isnan(metrics.majority(table, {"kind": "triviaqa"}))


def test_perplexity_by_hand():
    windows = [-log(2) * 3, -log(8) * 1]  # three tokens of one half each, one of an eighth
    assert measures.perplexity(windows, [3, 1]) == pytest.approx(2**1.5)  # 6 bits in 4 tokens
    assert measures.bits_per_byte(windows, [10, 2]) == pytest.approx(6 / 12)
    assert measures.perplexity([-1.0, float("nan")], [1, 1]) == measures.perplexity([-1e9], [2]) == float("inf")


def test_cloze_and_empty_benchmarks_have_no_majority():
    open_cloze = {"answer": ["x", "y", "y"], "relation": ["a", "b", "b"], "candidates": pa.nulls(3)}
    assert isnan(metrics.majority(pa.table(open_cloze), {"kind": "cloze"}))
    ranked = {"answer": ["x", "y", "z"], "relation": ["a", "b", "b"], "candidates": [["x", "y"]] * 3}
    assert metrics.majority(pa.table(ranked), {"kind": "cloze"}) == pytest.approx(2 / 3)
    assert isnan(metrics.majority(pa.table({"label": pa.array([], pa.int64())}), {"kind": "boolq"}))
