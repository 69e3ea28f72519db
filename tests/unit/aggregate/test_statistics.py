"""Statistics per fact against hand arithmetic, scipy's own tests and exact enumeration of all resamples."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from helpers.groups import frame, group
from scipy.stats import binomtest

from knowcost.aggregate import statistics
from knowcost.aggregate.statistics import Bootstrap


def test_mcnemar_is_scipys_binomial_test():
    pairs = [(0, 0), (1, 0), (0, 5), (6, 0), (7, 7), (12, 3), (3, 12), (200, 150)]
    found = statistics.mcnemar(*np.array(pairs).T)
    expected = [binomtest(a, a + b).pvalue if a + b else 1 for a, b in pairs]
    assert found == pytest.approx(expected, rel=1e-9)


def test_holm_by_hand():
    # ascending: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, never below the one before
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.6, 0.7]) == pytest.approx([1, 1])
    assert len(statistics.holm([])) == 0


def test_counts_and_differences_by_hand():
    right = {"dense": "11110010", "int8@final": "10000111", "int8@attention": "11110010"}
    rows = statistics.facts([group(right, ["a"] * 4 + ["b", "b"] + [None] * 2)]).set_index("variant")
    found = rows.loc["int8@final"]
    assert found[["n", "kept", "forgotten", "gained", "never_known"]].tolist() == [8, 2, 3, 2, 1]
    assert found["mcnemar_p"] == pytest.approx(1)  # 3 against 2
    assert found["micro_points"] == pytest.approx(100 * (3 - 2) / 8)
    assert found["macro_points"] == pytest.approx(100 * (3 / 4 - 1 / 2) / 2)  # a loses 3 of 4, b gains 1 of 2
    assert (found["relations"], found["resampled"]) == (2, "fact")
    same = rows.loc["int8@attention"]
    assert same[["forgotten", "gained", "kept", "never_known"]].tolist() == [0, 0, 5, 3]
    assert (same["micro_low"], same["micro_high"], same["holm_p"]) == (0, 0, 1)


def test_holm_counts_the_variants_of_one_model_on_one_benchmark():
    right = {"dense": "1" * 10, "int8@final": "0" * 10, "int8@attention": "1" * 10}
    rows = statistics.facts([group(right), group(right, benchmark="c"), group(right, model="o")])
    assert rows["mcnemar_p"].tolist() == pytest.approx([2 / 2**10, 1] * 3)
    assert rows["holm_p"].tolist() == pytest.approx([4 / 2**10, 1] * 3)  # times 2, not times 6
    assert list(rows) == statistics.COLUMNS and rows.index.tolist() == list(range(6))
    assert (
        rows["benchmark"].tolist() == ["b", "b", "c", "c", "b", "b"] and rows["model"].tolist() == ["m"] * 4 + ["o"] * 2
    )
    assert set(rows["family"]) == {"encoder"}


def test_without_relations_there_is_no_macro_score_and_without_a_dense_model_nothing():
    right = {"dense": "1111", "int8@final": "0011"}
    row = statistics.facts([group(right)]).iloc[0]
    assert row[["macro_points", "macro_low", "macro_high"]].isna().all()
    assert row["micro_low"] < 50 < row["micro_high"]
    nothing = statistics.facts([group({"int8@final": "0011"})])
    assert nothing.empty and list(nothing) == statistics.COLUMNS


def exact(resamples):
    """{value: probability} of equally likely resamples."""
    counts = Counter(np.round(value, 9) for value in resamples)
    return {value: count / sum(counts.values()) for value, count in counts.items()}


def same_distribution(draws, expected):
    found = Counter(np.round(draws, 9))
    assert set(found) == set(expected)
    for value, probability in expected.items():
        error = np.sqrt(probability * (1 - probability) / len(draws))
        assert abs(found[value] / len(draws) - probability) < 4 * error


def test_relations_are_drawn_whole(monkeypatch):
    """Three relations of 1, 2 and 3 facts: all 27 resamples."""
    monkeypatch.setattr(statistics, "FEWEST_RELATIONS", 3)
    facts = frame(["a", "b", "b", "c", "c", "c"])
    values = np.array([1, 0, 1, -1, 0, 0])[:, None]
    sums, sizes = {"a": 1, "b": 1, "c": -1}, {"a": 1, "b": 2, "c": 3}
    bootstrap = Bootstrap(facts, "b")
    assert bootstrap.unit == "relation"
    weights = statistics.relation_weights(facts)
    micro, macro = bootstrap.means([(facts["id"], values, np.ones(6)), (facts["id"], values, weights)])
    draws = list(product("abc", repeat=3))
    same_distribution(micro[:, 0], exact([sum(sums[r] for r in d) / sum(sizes[r] for r in d) for d in draws]))
    same_distribution(macro[:, 0], exact([sum(sums[r] / sizes[r] for r in d) / 3 for d in draws]))


def test_where_relations_are_drawn_a_fact_without_one_stands_for_itself(monkeypatch):
    """Of a (two facts, both lost) and b (one) and a fact of none (lost): all 27 resamples of three."""
    monkeypatch.setattr(statistics, "FEWEST_RELATIONS", 2)
    facts = frame(["a", "b", None, "a"])
    values = np.array([1, 0, 1, 1])[:, None]
    bootstrap = Bootstrap(facts, "b")
    assert bootstrap.unit == "relation"
    (drawn,) = bootstrap.means([(facts["id"], values, np.ones(4))])
    lost, sizes = {"a": 2, "b": 0, "none": 1}, {"a": 2, "b": 1, "none": 1}
    draws = [sum(lost[r] for r in d) / sum(sizes[r] for r in d) for d in product(lost, repeat=3)]
    same_distribution(drawn[:, 0], exact(draws))


def test_with_few_relations_facts_are_drawn_within_each():
    """Two facts of a, three of b: 4 x 27 resamples; a keeps its two places, b its three."""
    facts = frame(["b", "a", "b", "a", "b"])
    values = np.array([1, 1, 0, 0, 0])[:, None]
    bootstrap = Bootstrap(facts, "b")
    assert bootstrap.unit == "fact"
    weights = statistics.relation_weights(facts)
    micro, macro = bootstrap.means([(facts["id"], values, np.ones(5)), (facts["id"], values, weights)])
    draws = [(sum(a), sum(b)) for a in product([1, 0], repeat=2) for b in product([1, 0, 0], repeat=3)]
    same_distribution(micro[:, 0], exact([(a + b) / 5 for a, b in draws]))
    same_distribution(macro[:, 0], exact([(a / 2 + b / 3) / 2 for a, b in draws]))


@pytest.mark.parametrize(("relations", "unit"), [(9, "fact"), (10, "relation")])
def test_what_is_drawn_depends_on_the_number_of_relations(relations, unit):
    assert Bootstrap(frame([f"r{i % relations}" for i in range(40)] + [None]), "b").unit == unit


def test_variants_and_models_share_their_resamples(monkeypatch):
    monkeypatch.setattr(statistics, "BLOCK", 1000)  # several blocks, the last one shorter
    facts = frame([f"r{i % 15}" for i in range(60)])
    random = np.random.default_rng(0)
    one, other = random.integers(0, 2, (2, 60, 1))
    a, b, both = Bootstrap(facts, "b").means([(facts["id"], v, np.ones(60)) for v in (one, other, one - other)])
    assert len(a) == statistics.ROUNDS
    assert a - b == pytest.approx(both)
    shuffled = facts["id"].to_numpy()[::-1]
    (again,) = Bootstrap(facts, "b").means([(shuffled, one[::-1], np.ones(60))])
    assert again == pytest.approx(a)  # by id, not by place
    assert Bootstrap(facts, "c").means([(facts["id"], one, np.ones(60))])[0] != pytest.approx(a)


def test_interval_is_the_middle_95_percent():
    low, high = statistics.interval(np.arange(1001.0)[:, None])
    assert (low, high) == (25, 975)


def test_a_bootstrap_of_facts_agrees_with_the_normal_interval():
    right = {"dense": "1" * 400, "int8@final": "0" * 80 + "1" * 320}
    row = statistics.facts([group(right)]).iloc[0]
    half = 100 * 1.96 * np.sqrt(0.2 * 0.8 / 400)
    assert row[["micro_low", "micro_high"]].tolist() == pytest.approx([20 - half, 20 + half], abs=0.4)
