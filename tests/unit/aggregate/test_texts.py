"""What is said of one answer: by hand, and beside rouge-score."""

import random

import pytest
from rouge_score import rouge_scorer

from knowcost.aggregate import texts

RUN = list(range(20))


def test_tokens_are_counted():
    tokens = [5, 6, 5, 6, 5, 6, 7]
    assert texts.unique(tokens) == 3
    assert texts.distinct(tokens, 1) == pytest.approx(100 * 3 / 7)
    assert texts.distinct(tokens, 2) == pytest.approx(100 * 3 / 6)  # 56 65 67
    assert texts.repeated(tokens) == pytest.approx(100 / 4)  # 5656 6565 5656 6567


def test_nothing_is_said_of_what_is_too_short():
    assert texts.unique([]) == 0 and texts.distinct([], 1) is None and texts.distinct([1], 2) is None
    assert texts.repeated([1, 1, 1]) is None and texts.repeated([1, 1, 1, 1]) == 0
    assert not texts.loops([])


@pytest.mark.parametrize(
    ("tokens", "loops"),
    [
        (RUN + [1] * 16, True),  # one token, as often as a loop is long
        (RUN + [1] * 15, False),
        (RUN + [1, 2] * 8, True),
        (RUN + [1, 2] * 7 + [1], False),
        (RUN + [2] + [1, 2] * 7 + [1], True),  # a loop may end anywhere in its period
        (RUN * 3, True),
        (RUN * 2 + RUN[:19], False),  # nearly three times
        (RUN * 3 + [99], False),  # it came to an end
        ([7] + RUN * 3, True),
        (RUN * 3 + RUN[:7], True),
    ],
)
def test_a_loop_is_three_times_the_same_at_the_end(tokens, loops):
    assert texts.loops(tokens) is loops


def test_words():
    assert texts.words("The cat's 2nd life -- naïve.") == ["the", "cat", "s", "2nd", "life", "na", "ve"]


def test_rouge_by_hand():
    """Three of six words in order, two of five pairs; the answer has four words."""
    reference, answer = texts.words("the cat sat on the mat"), texts.words("the cat on a")
    assert texts.rouge_n(reference, answer, 1) == pytest.approx(100 * 2 * 3 / (6 + 4))
    assert texts.rouge_n(reference, answer, 2) == pytest.approx(100 * 2 * 1 / (5 + 3))
    assert texts.rouge_l(reference, answer) == pytest.approx(100 * 2 * 3 / (6 + 4))
    assert texts.rouge_l(reference, texts.words("mat the on")) == pytest.approx(100 * 2 * 2 / (6 + 3))


def test_rouge_of_nothing():
    assert texts.rouge_l([], ["a"]) is None and texts.rouge_n([], ["a"], 1) is None
    assert texts.rouge_l(["a"], []) == texts.rouge_n(["a"], [], 1) == texts.rouge_n(["a"], ["a"], 2) == 0


def test_rouge_is_rouge_score_s():
    draw = random.Random(0)
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"])
    for size in (1, 3, 40, 90):
        for few in (2, 30):
            first, second = (
                " ".join(f"w{draw.randrange(few)}," for _ in range(size + draw.randrange(5))) for _ in "ab"
            )
            expected = {name: 100 * each.fmeasure for name, each in scorer.score(first, second).items()}
            a, b = texts.words(first), texts.words(second)
            found = texts.rouge_n(a, b, 1), texts.rouge_n(a, b, 2), texts.rouge_l(a, b)
            assert found == pytest.approx(tuple(expected.values()))
