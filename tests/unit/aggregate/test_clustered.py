from itertools import product

import numpy as np
import pytest
from scipy import stats

from knowcost.aggregate.clustered import Sample, cluster_mcnemar, estimate, mean


def names(*sizes):
    return np.repeat([f"c{number}" for number in range(len(sizes))], sizes)


def even(seed, n, columns=1):
    """Values without any skew."""
    half = np.random.default_rng(seed).normal(size=(n // 2, columns))
    return np.concatenate([half, -half]) + 0.3


def test_facts_that_share_nothing_have_the_t_interval_of_a_mean():
    values = even(0, 200, 2)
    found = mean(values, np.arange(200), flip=0)
    for column in range(2):
        low, high = stats.ttest_1samp(values[:, column], 0).confidence_interval(0.95)
        assert (found.low[column], found.high[column]) == pytest.approx((low, high))
        assert found.p[column] == pytest.approx(stats.ttest_1samp(values[:, column], 0).pvalue)


def test_clusters_of_one_size_have_the_t_interval_of_their_means():
    values = even(1, 60)
    found = mean(values, names(*[5] * 12), flip=0)
    means = values.reshape(12, 5).mean(axis=1)
    low, high = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert (found.low[0], found.high[0]) == pytest.approx((low, high))
    assert (found.clusters[0], found.n[0], found.df[0]) == pytest.approx((12, 60, 11))


def test_unequal_clusters_are_left_out_one_by_one():
    values, clusters = np.array([[1.0], [0], [1], [1], [0], [0]]), names(1, 2, 3)
    without = np.array([2 / 5, 2 / 4, 2 / 3])  # the mean of the others: 3 ones of 6, less each cluster's
    se = np.sqrt(2 / 3 * ((without - 3 / 6) ** 2).sum())
    assert mean(values, clusters, flip=0).se[0] == pytest.approx(se)


def test_unequal_clusters_have_the_degrees_of_freedom_of_fewer_equal_ones():
    values, clusters = np.random.default_rng(4).normal(size=(60, 1)), names(30, *[6] * 5)
    effective = 60**2 / (30**2 + 5 * 6**2)
    assert mean(values, clusters).df[0] == pytest.approx(effective - 1) and 3 < effective < 4
    assert mean(values, names(58, 1, 1)).df[0] == 1  # never fewer


def test_relations_that_weigh_alike_are_as_many_as_there_are():
    values, clusters = np.random.default_rng(5).normal(size=(60, 1)), names(30, *[6] * 5)
    weights = 1 / np.repeat([30, *[6] * 5], [30, *[6] * 5])
    assert estimate([Sample("b", values * weights[:, None], clusters, over=weights)]).df[0] == pytest.approx(5)


def test_rare_losses_have_a_longer_upper_side_which_is_wilsons_shift():
    values = np.zeros((400, 1))
    values[:20] = 1
    found = mean(values, np.arange(400), flip=0)
    t, n, p = stats.t.ppf(0.975, 399), 400, 20 / 400
    half = t * np.sqrt(p * (1 - p) / (n - 1))
    assert found.low[0] == pytest.approx(p - half)
    assert found.high[0] == pytest.approx(p + half + t**2 / 2 * (1 - 2 * p) * n / (n - 1) ** 2)
    assert found.high[0] == pytest.approx(stats.binomtest(20, 400).proportion_ci(method="wilson").high, rel=0.03)
    gained = mean(-values, np.arange(400), flip=0)
    assert (gained.low[0], gained.high[0]) == pytest.approx((-found.high[0], -found.low[0]))


def test_an_interval_that_holds_zero_has_a_p_above_a_twentieth():
    """Most gain a little and a few lose much: the side of zero is the one that the skew makes longer."""
    values = np.array([[1.0]] * 95 + [[-9.0]] * 5)
    found = mean(values, np.arange(100), flip=0)
    assert found.value[0] > 0 and found.value[0] - stats.t.ppf(0.975, 99) * found.se[0] > 0 > found.low[0]
    assert found.p[0] > 0.05
    other = mean(-values[:96], np.arange(96), flip=0)
    assert other.high[0] < 0 and other.p[0] < 0.05


def test_p_is_the_level_at_which_the_interval_reaches_zero():
    values = np.zeros((400, 4))
    values[:20, 0], values[:20, 1] = 1, -1  # skewed away from zero
    values[:200, 2:] = 1
    values[200:206] = [0, 0, -8, -20]  # skewed towards it
    found = mean(values, np.arange(400), flip=0)
    for column, value in enumerate(found.value):
        ends = found.bounds(1 - found.p[column])
        assert ends[0 if value > 0 else 1][column] == pytest.approx(0, abs=1e-6)
    plain = 2 * stats.t.sf(np.abs(found.value) / found.se, 399)
    assert found.p[:2] == pytest.approx(plain[:2]) and (found.p[2:] > 1.2 * plain[2:]).all()


def test_one_cluster_that_lost_all_makes_the_interval_twice_as_long_at_most():
    values = np.zeros((40, 1))
    values[:10] = 1
    found = mean(values, names(10, 10, 10, 10), flip=0)
    assert found.high[0] - 0.25 == pytest.approx(2 * (0.25 - found.low[0]))


def test_no_change_among_ten_facts_is_no_interval_of_width_zero():
    found = mean(np.zeros((10, 1)), np.arange(10), flip=100)
    t = stats.t.ppf(0.975, 9)
    assert found.high[0] == pytest.approx(100 * t**2 / (10 + t**2)) and found.low[0] == -found.high[0]
    exact = 100 * (1 - 0.025 ** (1 / 10))  # Clopper and Pearson: what 0 of 10 still allows
    assert found.high[0] >= exact == pytest.approx(30.85, abs=0.01)


def test_a_large_n_without_a_change_is_wilsons_interval_of_no_event():
    z = stats.norm.ppf(0.975)
    assert mean(np.zeros((100_000, 1)), np.arange(100_000)).high[0] == pytest.approx(z**2 / (100_000 + z**2), rel=1e-3)


def test_noise_widens_what_is_narrower():
    values = np.tile([[1.0], [-1.0]], (500, 1))
    assert mean(values, np.arange(1000), noise=3).high[0] == pytest.approx(3)


def test_one_cluster_bears_no_interval():
    found = mean(np.array([[1.0], [0.0]]), names(2), flip=1)
    assert found.value[0] == 0.5 and np.isnan([found.low[0], found.high[0], found.p[0]]).all()


def test_facts_that_a_column_does_not_speak_of_count_nothing_there():
    values = np.array([[1.0, 1], [0, np.nan], [1, 0], [0, np.nan]])
    found = mean(values, np.arange(4))
    assert list(found.value) == [0.5, 0.5] and list(found.n) == [4, 2] and list(found.differing) == [2, 1]


def test_a_ratio_of_sums_is_a_mean_too():
    known = np.array([1.0, 1, 1, 0, 0, 1])
    kept = np.array([[1.0], [0], [1], [0], [0], [1]])
    clusters = names(2, 2, 2)
    ratio = estimate([Sample("b", kept, clusters, over=known, flip=0)])
    masked = mean(np.where(known[:, None] > 0, kept, np.nan), clusters, flip=0)
    assert ratio.value[0] == masked.value[0] == 0.75
    assert ratio.se[0] == pytest.approx(masked.se[0])


def test_benchmarks_are_independent_with_welchs_degrees_of_freedom():
    one, other = even(2, 10), 2 * even(3, 30)
    found = estimate(
        [Sample("a", one, names(*[1] * 10), share=1, flip=0), Sample("b", other, np.arange(30), share=-1, flip=0)]
    )
    welch = stats.ttest_ind(one[:, 0], other[:, 0], equal_var=False)
    assert found.p[0] == pytest.approx(welch.pvalue) and found.df[0] == pytest.approx(welch.df)
    assert (found.low[0], found.high[0]) == pytest.approx(tuple(welch.confidence_interval(0.95)))


def test_benchmarks_that_ask_of_the_same_people_are_not_independent():
    """The mean of two benchmarks of 40 people each: as if each person were asked once, for the mean of both."""
    random = np.random.default_rng(5)
    person = random.normal(size=(40, 1))
    values = [person + random.normal(0, 0.3, size=(40, 1)) for _ in range(2)]
    people, others = ([f"{name}{i}" for i in range(40)] for name in ("p", "o"))
    together = estimate([Sample(b, v, np.array(people), share=0.5, flip=0) for b, v in zip("ab", values, strict=True)])
    low, high = stats.ttest_1samp(sum(values)[:, 0] / 2, 0).confidence_interval(0.95)
    expected = mean(sum(values) / 2, np.array(people), flip=0)
    assert together.se[0] == pytest.approx(expected.se[0]) == pytest.approx((high - low) / 2 / stats.t.ppf(0.975, 39))
    assert (together.df[0], together.clusters[0], together.n[0]) == (pytest.approx(39), 40, 80)
    apart = [Sample(b, v, np.array(names), share=0.5, flip=0)
             for b, v, names in zip("ab", values, (people, others), strict=True)]  # fmt: skip
    assert estimate(apart).se[0] < 0.8 * together.se[0] and estimate(apart).clusters[0] == 80
    both = [*people[:20], *others[:20]]  # c joins what a and b are asked of
    asked = (("a", people), ("b", others), ("c", both))
    chain = [Sample(b, values[0], np.array(names), flip=0) for b, names in asked]
    assert estimate(chain).clusters[0] == 80


def test_models_on_the_same_facts_are_paired():
    values = np.random.default_rng(3).normal(size=(50, 1))
    twice = [Sample("b", each, np.arange(50), share=0.5, flip=0) for each in (values, values + 1)]
    assert estimate(twice).value[0] == pytest.approx(values.mean() + 0.5)
    assert estimate(twice).se[0] == pytest.approx(mean(values, np.arange(50), flip=0).se[0])
    opposed = [Sample("b", each, np.arange(50), share=0.5, flip=0) for each in (values, -values)]
    assert estimate(opposed).se[0] == pytest.approx(0)


def test_a_sample_without_a_value_makes_the_estimate_unknown_unless_it_counts_nothing():
    there, gone = np.ones((4, 1)), np.full((4, 1), np.nan)
    samples = [Sample("a", there, np.arange(4)), Sample("b", gone, np.arange(4))]
    assert np.isnan(estimate(samples).value[0])
    none = [samples[0], Sample("b", gone, np.arange(4), share=0.0)]
    assert estimate(none).value[0] == 1 and estimate(none).clusters[0] == 4


@pytest.mark.parametrize(("lost", "got"), [(0, 0), (3, 0), (9, 2), (5, 5), (40, 20)])
def test_single_facts_have_mcnemars_exact_p(lost, got):
    flags = np.zeros((2, 80), bool)
    flags[0, :lost], flags[1, 40 : 40 + got] = True, True
    p = stats.binomtest(lost, lost + got).pvalue if lost + got else 1
    assert cluster_mcnemar(*flags, np.arange(80)) == pytest.approx(p)


def test_clusters_change_their_signs_as_one():
    totals = [4, 3, 3, -2, 1]
    lost = np.concatenate([np.ones(4), np.ones(3), np.ones(3), np.zeros(2), np.ones(1)]).astype(bool)
    p = np.mean([abs(np.dot(signs, totals)) >= 9 for signs in product((1, -1), repeat=5)])
    assert cluster_mcnemar(lost, ~lost, names(4, 3, 3, 2, 1)) == pytest.approx(p)


def test_one_cluster_is_no_evidence_however_many_facts_it_holds():
    assert cluster_mcnemar(np.ones(500, bool), np.zeros(500, bool), names(500)) == 1


def test_phrasings_of_a_fact_show_no_more_than_one_question():
    """25 facts in 10 phrasings: the score interval of no event in 25, t with 24 degrees of freedom."""
    facts = names(*[10] * 25)
    found = estimate([Sample("b", np.zeros((250, 1)), facts, flip=100, facts=facts)])
    t = stats.t.ppf(0.975, 24)
    assert found.high[0] == pytest.approx(100 * t**2 / (25 + t**2)) and found.n[0] == 25
    single = estimate([Sample("b", np.zeros((25, 1)), np.arange(25), flip=100)])
    assert found.high[0] == pytest.approx(single.high[0])


def test_what_is_gained_is_tested_as_what_is_lost():
    lost, got, clusters = np.array([1, 1, 1, 1, 1, 1, 0], bool), np.array([0, 0, 0, 0, 0, 0, 1], bool), np.arange(7)
    p = stats.binomtest(6, 7).pvalue
    assert cluster_mcnemar(lost, got, clusters) == pytest.approx(p)
    assert cluster_mcnemar(got, lost, clusters) == pytest.approx(p)


def test_a_difference_of_two_parts_of_the_same_clusters_loses_what_they_share():
    """The same values on both sides: only what no fact has shown is left."""
    values, clusters = np.random.default_rng(8).normal(size=(60, 1)), names(*[5] * 12)
    parts = [Sample("b", values, clusters, share=sign, flip=0, noise=0.1) for sign in (1, -1)]
    found = estimate(parts)
    assert found.value[0] == 0 and found.high[0] == pytest.approx(2 * 0.1)
    assert found.n[0] == 60  # both parts are of the same facts
