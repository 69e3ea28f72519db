"""The table `judges`: it shows what sways a judge; numbers by hand, beside scipy, and kappa by its formula."""

import numpy as np
import pytest
from helpers.judged import of, row, simulate
from scipy import stats

from knowcost.aggregate.judges import judges

COUNTS = ["n", "swapped", "flipped", "unparsed", "too_long"]
NULL = ["null_n", "null_win", "null_tie", "null_loss", "null_flipped"]


def table(rows, dense=None):
    return judges([of(rows), *([of(dense, "dense")] if dense else [])]).iloc[0]


@pytest.fixture(scope="module")
def found():
    """{judge: its row}, of texts that are worse and as long as the dense model's."""
    faults = {"fair": {}, "first": {"first": 5}, "leaning": {"first": 0.7}, "longer": {"longer": 1},
              "garbage": {"unparsed": 0.6}, "noisy": {"noise": 5}}  # fmt: skip
    return {
        name: table(simulate(1, worse=0.5, **more), simulate(2, null=True, **more)) for name, more in faults.items()
    }


def test_a_fair_judge_shows_no_fault(found):
    fair = found["fair"]
    assert fair["first_low"] < 50 < fair["first_high"] and fair["length_low"] < 0 < fair["length_high"]
    assert fair["longer_low"] < 50 < fair["longer_high"] and fair["unparsed"] == 0
    assert fair["null_tie"] > 0.9 * fair["null_n"]


def test_one_that_takes_the_first_flips_and_shows_it(found):
    first = found["first"]
    assert first[["flipped_percent", "first_preferred"]].tolist() == [100, 100]
    assert first[NULL].tolist() == [160, 0, 160, 0, 160]
    leaning = found["leaning"]
    assert leaning["first_low"] > 50 and leaning["flipped_percent"] > found["fair"]["flipped_percent"] + 10
    assert leaning["null_flipped"] > 0.5 * leaning["null_n"] > leaning["null_win"] + leaning["null_loss"]


def test_one_that_likes_long_texts_follows_their_lengths(found):
    longer = found["longer"]
    assert longer["longer_low"] > 75 and longer["length_low"] > 0.5
    assert longer["first_low"] < 50 < longer["first_high"]  # it does so in both orders


def test_garbage_is_counted(found):
    assert 80 < found["garbage"]["unparsed"] < 110 and found["garbage"]["swapped"] == 160 - found["garbage"]["unparsed"]


def test_a_noisy_one_has_preferences_where_there_is_nothing_to_prefer(found):
    noisy, fair = found["noisy"], found["fair"]
    assert noisy["null_win"] + noisy["null_loss"] > 0.3 * noisy["null_n"]
    assert noisy["flipped_percent"] > fair["flipped_percent"] + 10
    assert noisy["first_low"] < 50 < noisy["first_high"]  # noise has no side


def test_counts_by_hand():
    """A flip is any disagreement. Of decisions by order, the first text has (win, -), (tie, loss), (win, loss), and the
    other's is (loss, win), (loss, -): 4 of 7."""
    orders = [("win", "tie", "tie"), ("tie", "loss", "tie"), ("win", "loss", "tie"), ("loss", "win", "tie"),
              ("loss", "tie", "tie"), ("tie", "tie", "tie")]  # fmt: skip
    rows = [row(place, verdict, first=first, second=second) for place, (first, second, verdict) in enumerate(orders)]
    rows.append(row(6, None, second=None, first="win", failed="unparsed"))
    rows.append(row(7, None, first=None, second=None, failed="too_long", answered_by="j-2"))
    made = table(rows, [row(place, verdict) for place, verdict in enumerate(["tie", "tie", "win"])])
    assert made[COUNTS].tolist() == [8, 6, 5, 1, 1] and made[NULL].tolist() == [3, 1, 2, 0, 0]
    assert made["flipped_percent"] == pytest.approx(100 * 5 / 6)
    assert made["answered_by"] == "j-1, j-2"
    two = table(
        [row(0, first="win", second="tie"), row(1, first="loss", second="win"), row(2, first="win", second="loss")]
    )
    assert two["first_preferred"] == pytest.approx(100 * 3 / 5)


def test_one_order_alone_says_nothing_of_order():
    made = table([row(place, "loss", first=None, against="reference") for place in range(8)])
    assert made["swapped"] == 0 and np.isnan(made["first_preferred"]) and np.isnan(made["flipped_percent"])


def test_lengths_are_spearmans():
    random = np.random.default_rng(0)
    verdicts = random.choice(["win", "tie", "loss"], 60)
    words = random.integers(1, 30, 60) + 10 * (verdicts == "win")
    rows = [
        row(place, str(said), length=int(count))
        for place, (said, count) in enumerate(zip(verdicts, words, strict=True))
    ]
    rows.append(row(60, "loss", first=None, second=None, empty=True, length=0))
    made = table(rows)
    worth = [{"win": 1, "tie": 0, "loss": -1}[said] for said in verdicts]
    assert made["length_correlation"] == pytest.approx(stats.spearmanr(words - 10, worth).statistic)
    assert made["length_low"] < made["length_correlation"] < made["length_high"]
    assert made["length_change"] == pytest.approx((words - 10).mean())
    decided = (verdicts != "tie") & (words != 10)
    assert made["longer_wins"] == pytest.approx(100 * ((words > 10) == (verdicts == "win"))[decided].mean())


def test_kappa_of_two_judges():
    """20 pairs both call won, 15 both lost; 5 and 10 the one won and the other lost: 35 of 50 agree, chance has 25."""
    said = [("win", "win")] * 20 + [("loss", "loss")] * 15 + [("win", "loss")] * 5 + [("loss", "win")] * 10
    rows = [row(place, one) for place, (one, _) in enumerate(said)]
    rows += [row(place, other, judge="k") for place, (_, other) in enumerate(said)]
    rows.append(row(50, None, failed="unparsed", judge="k"))
    made = judges([of(rows)])
    assert made["second_judge"].tolist() == ["k", "j"] and made["compared"].tolist() == [50, 50]
    assert made["agreement"].tolist() == [70, 70] and made["kappa"].tolist() == pytest.approx([0.4, 0.4])
    error = np.sqrt(0.7 * 0.3 / 50) / 0.5  # Cohen 1960
    assert made["kappa_low"][0] == pytest.approx(0.4 - 1.96 * error, abs=0.05)
    assert made["kappa_high"][0] == pytest.approx(0.4 + 1.96 * error, abs=0.05)


def test_what_two_judges_both_say_always_has_no_kappa():
    made = judges([of([row(place) for place in range(6)] + [row(place, judge="k") for place in range(6)])])
    assert made["agreement"][0] == 100 and np.isnan(made["kappa"][0])


def test_variants_of_a_question_are_one_cluster():
    """The same verdicts of a second variant make no interval shorter."""
    one = [row(place, first="win", second=("tie", "win", "loss")[place % 3]) for place in range(30)]
    alone, both = judges([of(one)]).iloc[0], judges([of(one), of(one, "wanda-60@overall")]).iloc[0]
    ends = ["flipped_percent", "flipped_low", "flipped_high", "first_preferred", "first_low", "first_high"]
    assert both["n"] == 60 and both[ends].tolist() == pytest.approx(alone[ends].tolist())
    same = [row(place) for place in range(30)]
    unseen = judges([of(same), of(same, "wanda-60@overall")]).iloc[0]["flipped_high"]
    t = stats.t.ppf(0.975, 29)
    assert unseen == pytest.approx(100 * t**2 / (30 + t**2))
