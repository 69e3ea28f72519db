from math import isnan, nan

import numpy as np
import pytest

from knowcost.aggregate import rule
from knowcost.aggregate.clustered import mean


@pytest.mark.parametrize(
    ("numbers", "word"),
    [
        ((5.0, 3.0, 7.0), rule.COSTS),
        ((5.0, -1.0, 11.0), rule.UNSURE),
        ((0.8, 0.1, 1.5), rule.SMALL),
        ((1.0, 0.1, 1.9), rule.SMALL),  # nor is it beyond it
        ((0.4, 0.1, 0.7), rule.EQUAL),
        ((0.0, -0.9, 0.9), rule.EQUAL),
        ((0.0, -1.0, 1.0), rule.UNSURE),  # the margin itself is not within it
        ((-5.0, -7.0, -3.0), rule.GAINS),
        ((-0.8, -1.5, -0.1), rule.SMALL),
        ((5.0, nan, nan), rule.UNSURE),
        ((nan, nan, nan), rule.UNSURE),
    ],
)
def test_decisions(numbers, word):
    assert rule.decide(*numbers, margin=1.0) == word


@pytest.mark.parametrize(
    ("n", "numbers", "facts"),
    [
        (100, (0, -4, 4), 1600),  # an interval a quarter as wide lies within the margin
        (100, (4, -1, 9), 157),  # 4/5 as wide, it leaves out zero: 100 x (5 / 4)^2 = 156.25
        (800, (0.2, -0.7, 1.1), 1013),  # 8/9 as wide, it lies within the margin: 1012.5
        (100, (-2, -6, 2), 400),
        (100, (1, -1, 6), 400),  # longer on one side: half as wide below
    ],
)
def test_facts_needed_are_those_that_decide(n, numbers, facts):
    assert rule.needed(n, numbers, margin=1) == facts
    assert isnan(rule.needed(n, (numbers[0], nan, nan), margin=1))


def test_ten_facts_of_which_none_changed_need_hundreds_not_thousands():
    few = mean(np.zeros((10, 1)), np.arange(10), flip=100)
    (facts,) = rule.decided(few, margin=1)["needed"]
    assert 300 < facts < 400
    more = mean(np.zeros((400, 1)), np.arange(400), flip=100)
    assert rule.decided(more, margin=1)["decision"] == [rule.EQUAL]


def test_what_is_precise_enough_needs_no_more_facts():
    found = mean(np.array([[100.0, 0], [100, 0], [100, 100], [0, 0]]), np.arange(4), flip=100)
    columns = rule.decided(found, margin=1)
    assert columns["decision"] == [rule.UNSURE, rule.UNSURE] and not np.isnan(columns["needed"]).any()
    many = rule.decided(mean(np.full((5000, 1), 30.0), np.arange(5000), flip=100), margin=1)
    assert many["decision"] == [rule.COSTS] and np.isnan(many["needed"]).all()


@pytest.mark.parametrize(("differing", "word"), [(5, rule.UNSURE), (6, rule.COSTS)])
def test_a_loss_takes_six_clusters(differing, word):
    assert rule.decide(5.0, 3.0, 7.0, 1.0, differing) == word
    assert rule.decide(-5.0, -7.0, -3.0, 1.0, differing) == (word if word == rule.UNSURE else rule.GAINS)
    assert rule.decide(0.0, -0.5, 0.5, 1.0, differing) == rule.EQUAL  # which takes none
