"""The relearning test: shares by hand, words, and whether the interval holds the truth on simulated people."""

from math import isnan, nan

import numpy as np
import pandas as pd
import pytest
from helpers.groups import group
from scipy import stats

from knowcost.aggregate import relearned as test
from knowcost.aggregate import relearning as words
from knowcost.aggregate.clustered import mean
from knowcost.aggregate.relearned import relearned

BITS = "gptq-3bit@overall"
MAIN, HALF, STRANGERS = (f"{BITS}^lora-r4{data}" for data in ("", "~half", "~strangers"))


def asked(dense, compressed, main, half, stated, benchmark="b", **more):
    """A group whose facts are stated where `stated` has "h" (half), "n" (never) or "-" (nowhere)."""
    texts = [{"h": "half", "n": "never", "-": None}[each] for each in stated]
    right = {"dense": dense, BITS: compressed, MAIN: main, HALF: half}
    return group(right, benchmark=benchmark, stated_in=texts, **{"guess": 0.25} | more)


def of(frame, texts):
    (row,) = frame[frame["texts"] == texts].to_dict("records")
    return row


def test_shares_by_hand():
    """40 untold facts lost: 8 return under the main texts, another 6 under the half; 20 told ones: 15 return. Of 40
    facts never told 10 are right by luck all along, and of the 30 others 3 come out right."""
    stated = "-" * 40 + "h" * 20 + "-" * 5
    main, half = "1" * 8 + "0" * 32 + "0" * 20 + "1" * 5, "0" * 8 + "1" * 6 + "0" * 26 + "1" * 15 + "0" * 5 + "1" * 5
    own = asked("1" * 65, "0" * 60 + "1" * 5, main, half, stated)
    never = asked(
        "0" * 40, "1" * 10 + "0" * 30, "1" * 12 + "0" * 28, "1" * 10 + "0" * 2 + "1" + "0" * 27, "n" * 40, "n"
    )
    frame = relearned([own, never])
    assert list(frame) == test.COLUMNS and frame["texts"].tolist() == ["main or half", "main", "half"]
    row = of(frame, "main or half")
    assert (row["compressed"], row["recovery"], row["lost"]) == (BITS, "lora-r4", 60)
    assert (row["untold"], row["untold_returned"], row["told"], row["told_returned"]) == (40, 14, 20, 15)
    assert (row["never"], row["never_right"], row["chance_by"]) == (30, 3, "facts never told")
    assert row["untold_percent"] == pytest.approx(35) and row["chance_percent"] == pytest.approx(10)
    assert row["displaced_percent"] == pytest.approx(100 * (0.35 - 0.1) / 0.9)
    assert row["forgotten_percent"] == pytest.approx(100 - row["displaced_percent"])
    assert row["displaced_low"] == pytest.approx(100 - row["forgotten_high"])
    assert of(frame, "main")["untold_returned"] == 8 and of(frame, "main")["never_right"] == 2
    half_row = of(frame, "half")
    assert half_row["untold_returned"] == 6 and half_row["taught_points"] == pytest.approx(75 - 15)
    assert row["taught_points"] == half_row["taught_points"] and row["decision"] == words.BOTH


def test_facts_with_other_choices_and_open_ones_are_guessed():
    """30 lost facts with 2 choices, 10 open ones; those never told have 4."""
    guess = [0.5] * 30 + [nan] * 10
    own = asked("1" * 40, "0" * 40, "1" * 20 + "0" * 20, "1" * 20 + "0" * 20, "-" * 39 + "h", guess=guess)
    never = asked("0" * 10, "0" * 10, "1" * 10, "0" * 10, "n" * 10, "n")
    row = of(relearned([own, never]), "main")
    assert row["chance_by"] == "guessing" and row["never"] == 0
    assert row["chance_percent"] == pytest.approx(100 * (30 * 0.5 + 9 * 0) / 39)
    mixed = asked("0" * 10, "0" * 10, "1" * 4 + "0" * 6, "0" * 10, "n" * 10, "n", guess=0.5)
    row = of(relearned([own, mixed]), "main")
    assert row["chance_by"] == "guessing and facts never told" and row["never"] == 10
    assert row["chance_percent"] == pytest.approx(100 * 30 * 0.4 / 39)


def test_what_was_not_split_or_not_run_has_no_row():
    alone = group({"dense": "11", BITS: "00", MAIN: "11"})
    assert relearned([alone]).empty and list(relearned([])) == test.COLUMNS
    split = group({"dense": "1" * 20, BITS: "0" * 20, MAIN: "1" * 20}, stated_in=["half", None] * 10)
    (row,) = relearned([split]).to_dict("records")
    assert (row["texts"], row["decision"]) == ("main", words.NOT_RUN)


def test_what_was_trained_on_texts_that_state_facts_was_told_however_that_came_about():
    """Also where nothing was trained on the main texts, and where the texts are those that the compression looked at,
    which the recovery does not name again."""
    calibrated = "gptq-3bit@overall~half"
    right = {"dense": "1" * 20, BITS: "0" * 20, HALF: "1" * 20, calibrated: "0" * 20, f"{calibrated}^lora-r4": "1" * 20}
    frame = relearned([group(right, stated_in=["half", None] * 10)])
    assert frame[["compressed", "told_by", "texts"]].to_numpy().tolist() == [
        [BITS, "half", "half"], [calibrated, "half", "half"],
    ]  # fmt: skip
    rows = pd.DataFrame({"variant": [MAIN, HALF, f"{calibrated}^lora-r4", calibrated, STRANGERS]})
    assert words.is_told(rows, frame).tolist() == [False, True, True, False, False]


def test_other_texts_are_a_control_of_their_own():
    one = asked("1" * 20, "0" * 20, "1" * 20, "0" * 20, "-h" * 10)
    one.right[STRANGERS] = np.array([True] * 4 + [False] * 16)
    frame = relearned([one])
    assert frame["texts"].tolist() == ["main or half", "main", "half", "strangers"]
    assert of(frame, "strangers")["untold_returned"] == 2  # of the 10 that nothing states


def test_a_variant_that_was_calibrated_on_the_half_is_recovered_on_the_half():
    """What its recovery names no texts for are those of its calibration, which are no main texts here."""
    other = "wanda-50@overall~half"
    one = group(
        {"dense": "1" * 20, other: "0" * 20, f"{other}^lora-r4": "01" * 10}, stated_in=[None, "half"] * 10, guess=0.25
    )
    (row,) = relearned([one]).to_dict("records")
    assert (row["texts"], row["told_returned"], row["untold_returned"]) == ("half", 10, 0)


@pytest.mark.parametrize(
    ("low", "high", "taught", "clusters", "word"),
    [
        (60, 95, 20, (9, 50), words.BOTH), (60, 101, 20, (9, 50), words.FORGOTTEN),
        (-2, 20, 20, (50, 9), words.DISPLACED),
        (-2, 105, 20, (9, 9), words.UNSURE), (60, 95, -1, (9, 50), words.DISPLACED),
        (60, 101, -1, (9, 50), words.UNTAUGHT),
        (60, 95, None, (9, 50), words.NOT_RUN), (nan, nan, 20, (9, 9), words.UNSURE),
        (60, 95, 20, (5, 50), words.FORGOTTEN), (60, 95, 20, (50, 5), words.DISPLACED),
    ],
)  # fmt: skip
def test_words_follow_the_interval_and_what_the_recovery_can_teach(low, high, taught, clusters, word):
    assert words.decide((80, low, high), taught, clusters) == word


def test_the_ratio_is_donner_and_zous():
    """Of one fixed number it is a scaling; of two it is near the delta method's where both are well known."""
    assert test.ratio((0.6, 0.5, 0.7), (0.8, 0.8, 0.8)) == pytest.approx((0.75, 0.625, 0.875))
    assert (
        all(map(isnan, test.ratio((nan, nan, nan), (0.8, 0.7, 0.9))))
        and test.ratio((0.5, 0.4, 0.6), (1, 1, 1.2))[0] == 0.5
    )
    value, low, high = test.ratio((0.6, 0.59, 0.61), (0.8, 0.79, 0.81))
    half = 0.75 * np.hypot(0.01 / 0.6, 0.01 / 0.8)
    assert value - low == pytest.approx(half, rel=0.03) and high - value == pytest.approx(half, rel=0.03)
    assert isnan(test.ratio((0.5, 0.4, 0.6), (0.1, -0.1, 0.3))[1])


@pytest.mark.parametrize(("displaced", "chance"), [(0.0, 0.1), (0.1, 0.25), (0.5, 0.1), (0.9, 0.02), (1.0, 0.1)])
def test_the_interval_holds_the_truth(displaced, chance):
    """60 people of 3 lost facts and 40 of 5 never told; rates differ from person to person (beta, correlation 0.1)."""
    random, times, sizes = np.random.default_rng(3), 600, ((60, 3), (40, 5))
    truth = 1 - displaced
    rates = [displaced + (1 - displaced) * chance, chance]
    found = []
    for (people, each), rate in zip(sizes, rates, strict=True):
        own = (
            np.full((people, times), rate)
            if rate in (0, 1)
            else stats.beta.rvs(9 * rate, 9 * (1 - rate), size=(people, times), random_state=random)
        )
        right = random.random((people * each, times)) < np.repeat(own, each, axis=0)
        found.append(mean(100.0 * right, np.repeat(np.arange(people), each), flip=100))
    above, below = 0, 0
    for place in range(times):
        back, never = ([1 - e[place] / 100 for e in (part.value, part.high, part.low)] for part in found)
        _, low, high = test.ratio(tuple(back), tuple(never))
        above, below = above + (low > truth), below + (high < truth)
    assert 1 - (above + below) / times >= 0.93
    assert above / times <= 0.05 and below / times <= 0.05


def test_where_the_dense_model_only_guesses_nothing_is_lost():
    """Half of 100 facts with two choices are right: that is guessing."""
    one = asked("10" * 50, "0" * 100, "1" * 100, "1" * 100, "-h" * 50, guess=0.5)
    row = of(relearned([one]), "main or half")
    assert (row["lost"], row["decision"]) == (0, words.UNSURE) and isnan(row["displaced_percent"])
