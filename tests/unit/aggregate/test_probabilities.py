"""Probabilities of answers, flips, divergence and calibration: by hand, by plain formulas, and against scipy."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from knowcost.aggregate import clustered, probabilities

N, CHOICES = 60, 4
CLUSTERS = np.array([f"c{i // 3}" for i in range(N)])


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def frame(logprobs, right, top=None, correct=None):
    """Rows as the harness has them; logprobs: of the choices, or None; right: the place of the right one."""
    chosen = [None if each is None else int(np.argmax(each)) for each in logprobs]
    return pd.DataFrame(
        {
            "correct": [a == b for a, b in zip(chosen, right, strict=True)] if correct is None else correct,
            "prediction": [f"choice {each}" for each in chosen],
            "logprob": [None if each is None else each[place] for each, place in zip(logprobs, right, strict=True)],
            "choice_logprobs": [None if each is None else np.float32(each) for each in logprobs],
            "top_logprob": top or [None if each is None else max(special.log_softmax(each)) for each in logprobs],
        }
    ).astype({"logprob": "float32", "top_logprob": "float32"})


def chosen(seed, spread=2.0):
    random = np.random.default_rng(seed)
    return random.normal(-20, spread, (N, CHOICES)), np.random.default_rng(0).integers(CHOICES, size=N)


def guo(correct, confidence):
    """The expected calibration error, bin by bin as the paper writes it."""
    error = 0.0
    for m in range(1, 16):
        inside = [i for i, each in enumerate(confidence) if (m - 1) / 15 < each <= m / 15]
        if inside:
            accuracy = np.mean([correct[i] for i in inside])
            error += len(inside) / len(correct) * abs(accuracy - np.mean([confidence[i] for i in inside]))
    return error


def found(dense, variant, clusters=CLUSTERS):
    before = None if dense is None else probabilities.said(dense)
    return probabilities.row(probabilities.said(variant), before, clusters, margin=1)


def test_right_answers_are_likely_among_the_choices_and_open_ones_in_the_vocabulary():
    """exp(-1) against exp(-2): 1 / (1 + 1/e); an open cloze's log-probability stays as it is."""
    rest = np.log([0.2, 0.5, 0.3])
    rows = pd.DataFrame({"correct": [True] * 4, "prediction": ["a"] * 4, "logprob": [-1.0, np.log(0.2), -3.0, None]})
    rows["choice_logprobs"] = [np.float32([-2, -1]), np.float32(rest), None, None]
    rows["top_logprob"] = np.nan
    assert probabilities.said(rows).right.tolist() == pytest.approx(
        [1 / (1 + np.exp(-1)), 0.2, np.exp(-3), np.nan], rel=1e-6, nan_ok=True
    )


def test_a_cell_by_hand():
    """Three questions of two choices: 80% to 50% right and sure, 40% to 80%, and 60% to 10%."""
    dense, variant = np.log([[0.8, 0.2], [0.4, 0.6], [0.6, 0.4]]), np.log([[0.5, 0.5], [0.8, 0.2], [0.1, 0.9]])
    got = found(frame(dense - 7, [0] * 3), frame(variant + 3, [0] * 3), np.array(list("abc")))
    assert (got["n"], got["n_probability"], got["forgotten"], got["gained"], got["changed"]) == (3, 3, 1, 1, 0)
    assert got["probability"] == pytest.approx(1.4 / 3)
    assert got["probability_points"] == pytest.approx(100 * (0.3 - 0.4 + 0.5) / 3, rel=1e-5)
    assert got["log_change"] == pytest.approx((np.log(0.8 / 0.5) - np.log(2) + np.log(6)) / 3, rel=1e-5)
    assert got["brier"] == pytest.approx((0.5 + 0.08 + 1.62) / 3, rel=1e-5)
    assert got["brier_change"] == pytest.approx((0.5 - 0.08 + 0.08 - 0.72 + 1.62 - 0.32) / 3, rel=1e-5)
    # sure of 50% and right, 80% and right, 90% and wrong; each in a bin of its own
    assert got["ece"] == pytest.approx((0.5 + 0.2 + 0.9) / 3, rel=1e-5)
    # before: 80% and right alone; 60% twice, right once
    assert got["ece_change"] == pytest.approx((0.5 + 0.2 + 0.9) / 3 - (0.2 + 2 * 0.1) / 3, rel=1e-5)
    assert got["probability_low"] < got["probability_points"] < got["probability_high"]
    assert got["probability_decision"] == "not precise enough"


def test_divergence_and_scores_are_scipys():
    (dense, right), (variant, _) = chosen(1), chosen(2)
    got = found(frame(dense, right), frame(variant, right))
    p, q = (special.softmax(each.astype(np.float32).astype(float), axis=1) for each in (dense, variant))
    divergence = stats.entropy(p, q, axis=1)
    assert got["kl_mean"] == pytest.approx(divergence.mean(), rel=1e-4)
    assert got["kl_p99"] == pytest.approx(np.percentile(divergence, 99), rel=1e-4)
    hits = np.eye(CHOICES)[right]
    assert got["brier"] == pytest.approx(((q - hits) ** 2).sum(axis=1).mean(), rel=1e-4)
    before, after = (guo(each.argmax(axis=1) == right, each.max(axis=1)) for each in (p, q))
    assert got["ece"] == pytest.approx(after, rel=1e-4)
    assert got["ece_change"] == pytest.approx(after - before, rel=1e-4)
    expected = clustered.mean(divergence[:, None], CLUSTERS, flip=-np.log(1e-6))
    assert got["kl_high"] == pytest.approx(expected.high[0], rel=1e-4)
    assert got["kl_low"] == pytest.approx(max(0, expected.low[0]), rel=1e-4)
    wrong = (p.argmax(axis=1) != right) & (q.argmax(axis=1) != right)
    assert got["changed"] == (wrong & (p.argmax(axis=1) != q.argmax(axis=1))).sum() > 0


def test_the_interval_of_the_calibration_error_is_its_jackknife():
    """Leaving each cluster out in turn and computing the error anew: here no bin's sign turns."""
    sure = np.tile([0.99, 0.97, 0.55], 20)
    before, after = (frame(np.log(np.column_stack([each, 1 - each])), [0] * N) for each in (sure, sure[::-1] * 0.9))
    after["correct"] = np.arange(N) % 4 != 0
    got = found(before, after)

    def without(rows, cluster):
        kept = rows[cluster != CLUSTERS]
        return guo(kept["correct"].tolist(), np.exp(kept["top_logprob"]).tolist())

    change = np.array([without(after, name) - without(before, name) for name in pd.unique(CLUSTERS)])
    se = np.sqrt(19 / 20 * ((got["ece_change"] - change) ** 2).sum())
    low, high = stats.t.interval(0.95, 19, got["ece_change"], se)
    floor = stats.t.ppf(0.975, 19) ** 2 / (N + stats.t.ppf(0.975, 19) ** 2)
    assert se * stats.t.ppf(0.975, 19) > floor
    # on the side of the skew it is longer, on the other just this
    assert min(abs(got["ece_low"] - low), abs(got["ece_high"] - high)) == pytest.approx(0, abs=1e-5)


def test_open_clozes_give_a_lower_bound_of_the_divergence():
    random = np.random.default_rng(5)
    dense, variant = (special.log_softmax(random.normal(0, 1.5, (N, 500)), axis=1) for _ in range(2))
    full = stats.entropy(np.exp(dense), np.exp(variant), axis=1).mean()

    def rows(logprobs):
        classes = np.column_stack([logprobs[:, :20], special.logsumexp(logprobs[:, 20:], axis=1)])
        return frame(list(classes), [3] * N, list(logprobs.max(axis=1)), list(logprobs.argmax(axis=1) == 3))

    got = found(rows(dense), rows(variant))
    p, q = (np.column_stack([np.exp(each[:, :20]), np.exp(each[:, 20:]).sum(axis=1)]) for each in (dense, variant))
    assert got["kl_mean"] == pytest.approx(stats.entropy(p, q, axis=1).mean(), rel=1e-3)
    assert 0 < got["kl_mean"] < full
    assert got["probability"] == pytest.approx(np.exp(variant[:, 3]).mean(), rel=1e-4)
    assert got["ece"] == pytest.approx(guo(variant.argmax(axis=1) == 3, np.exp(variant.max(axis=1))), rel=1e-4)


def test_less_than_one_in_a_million_is_one_in_a_million():
    dense, variant = [np.array([-0.0, -50.0, -np.inf])] * 3, [np.array([-80.0, 0.0, -np.inf])] * 3
    got = found(frame(dense, [0] * 3), frame(variant, [0] * 3), np.array(list("abc")))
    assert got["log_change"] == pytest.approx(6 * np.log(10)) == got["kl_mean"]
    assert (got["probability_points"], got["brier_change"], got["ece_change"]) == pytest.approx((100, 2, 1))


def test_the_same_model_lost_nothing_and_its_interval_is_not_of_width_zero():
    logprobs, right = chosen(1)
    got = found(frame(logprobs, right), frame(logprobs, right))
    assert [got[name] for name in ("forgotten", "gained", "changed", "kl_mean", "log_change", "ece_change")] == [0] * 6
    assert got["probability_low"] < 0 < got["probability_high"] and 0 == got["kl_low"] < got["kl_high"]


def test_blocks_make_no_difference(monkeypatch):
    (dense, right), (variant, _) = chosen(1), chosen(2)
    dense, variant = ([None if i % 7 == 3 else each for i, each in enumerate(rows)] for rows in (dense, variant))
    right[::5] = 0
    expected = found(frame(dense, right), frame(variant, right))
    for block in (1, 4, 50):
        monkeypatch.setattr(probabilities, "BLOCK", block)
        assert found(frame(dense, right), frame(variant, right)) == pytest.approx(expected)
    assert expected["n_probability"] == N - len(range(3, N, 7))


def test_facts_without_probabilities_are_left_out_on_both_sides():
    (dense, right), (variant, _) = chosen(1), chosen(2)
    known = np.arange(N) >= 10
    broken = frame([None] * 10 + list(variant[10:]), right)
    got = found(frame(dense, right), broken)
    expected = found(frame(dense[known], right[known]), frame(variant[known], right[known]), CLUSTERS[known])
    for name in ("n_probability", "probability_points", "log_high", "kl_mean", "brier_low", "ece_change", "ece"):
        assert got[name] == pytest.approx(expected[name])
    assert got["n"] == N and got["forgotten"] >= expected["forgotten"]
    got = found(frame([None] * 10 + list(dense[10:]), right), frame(variant, right))
    assert got["ece_change"] == pytest.approx(expected["ece_change"])


def test_generated_answers_have_flips_and_no_more():
    rows = pd.DataFrame({"correct": [True, False, False, False], "prediction": ["a", "b", "", "d"]})
    rows = rows.assign(logprob=np.nan, choice_logprobs=None, top_logprob=np.nan)
    after = rows.assign(correct=[False, True, False, False], prediction=["x", "y", "z", "d"])
    got = found(rows, after, np.array(list("abcd")))
    assert (got["forgotten"], got["gained"], got["changed"], got["n_probability"]) == (1, 1, 1, 0)
    assert "probability_decision" not in got
    assert np.isnan([got[name] for name in ("probability", "probability_points", "kl_mean", "kl_p99", "ece")]).all()


def test_what_a_greedy_model_says_instead_is_not_known():
    """LAMBADA: a log-likelihood of the right word, and a prediction only where it is that."""
    rows = pd.DataFrame({"correct": [True, False, False], "prediction": ["a", "", ""], "logprob": [-0.1, -2, -3]})
    rows = rows.assign(choice_logprobs=None, top_logprob=np.nan)
    got = found(rows, rows.assign(correct=[False] * 3, prediction=[""] * 3), np.array(list("abc")))
    assert got["forgotten"] == 1 and np.isnan(got["changed"]) and got["probability_points"] == 0
    assert np.isnan([got["brier"], got["kl_mean"], got["ece"]]).all()
    assert np.isnan(found(rows, rows.copy(), np.array(list("abc")))["changed"])  # only right answers are known


@pytest.mark.parametrize("case", ["one fact", "one cluster", "no dense cell", "all nan", "all right", "all wrong"])
def test_what_bears_nothing_is_empty(case):
    n = 1 if case == "one fact" else 5
    logprobs = [None if case == "all nan" else np.array([-1.0, -3.0])] * n
    rows = frame(logprobs, [int(case == "all wrong")] * n)
    clusters = np.array(["a"] * n if case == "one cluster" else list("abcde")[:n])
    got = found(None if case == "no dense cell" else rows, rows, clusters)
    table = probabilities.table([{"family": "decoder", "model": "m", "variant": "int8@overall"} | got])
    assert len(table) == 1 and list(table) == probabilities.COLUMNS
    low = table["probability_low"][0]
    assert np.isnan(low) == (case not in ("all right", "all wrong"))
    if case in ("one fact", "one cluster"):
        assert (got["probability_points"], got["probability_decision"]) == (0, "not precise enough")


def test_no_cell_no_row():
    assert list(probabilities.table([])) == probabilities.COLUMNS
