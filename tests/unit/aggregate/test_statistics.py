"""Statistics per fact against hand arithmetic, scipy's own tests and exact enumeration of all resamples."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from helpers import fake_results
from helpers.groups import frame, group
from scipy.stats import ttest_1samp

from knowcost.aggregate import statistics, tables
from knowcost.aggregate.job import aggregate
from knowcost.aggregate.statistics import Bootstrap


def test_holm_by_hand():
    # ascending: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, never below the one before
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.6, 0.7]) == pytest.approx([1, 1])
    assert len(statistics.holm([])) == 0


def test_counts_and_differences_by_hand():
    right = {"dense": "11110010", "int8@final": "10000111", "int8@attention": "11110010"}
    rows = statistics.facts([group(right, ["a"] * 4 + ["b", "b"] + [None] * 2)], 1).set_index("variant")
    found = rows.loc["int8@final"]
    assert found[["n", "kept", "forgotten", "gained", "never_known"]].tolist() == [8, 2, 3, 2, 1]
    assert found["mcnemar_p"] == pytest.approx(1)  # 3 against 2
    assert found["drop_points"] == pytest.approx(100 * (3 - 2) / 8)
    assert found["macro_points"] == pytest.approx(100 * (3 / 4 - 1 / 2) / 2)  # a loses 3 of 4, b gains 1 of 2
    assert (found["relations"], found["clusters"], found["differing"]) == (2, 8, 5)
    same = rows.loc["int8@attention"]
    assert same[["forgotten", "gained", "kept", "never_known"]].tolist() == [0, 0, 5, 3]
    assert same["drop_low"] == -same["drop_high"] < -40 and same["holm_p"] == 1  # 8 facts without a change say little
    assert found["decision"] == same["decision"] == "not precise enough"


def test_holm_counts_the_variants_of_one_model_on_one_benchmark():
    right = {"dense": "1" * 10, "int8@final": "0" * 10, "int8@attention": "1" * 10}
    rows = statistics.facts([group(right), group(right, benchmark="c"), group(right, model="o")], 1)
    assert rows["mcnemar_p"].tolist() == pytest.approx([2 / 2**10, 1] * 3)
    assert rows["holm_p"].tolist() == pytest.approx([4 / 2**10, 1] * 3)  # times 2, not times 6
    assert list(rows) == statistics.COLUMNS and rows.index.tolist() == list(range(6))
    assert (
        rows["benchmark"].tolist() == ["b", "b", "c", "c", "b", "b"] and rows["model"].tolist() == ["m"] * 4 + ["o"] * 2
    )
    assert set(rows["family"]) == {"encoder"}


def test_without_relations_there_is_no_macro_score_and_without_a_dense_model_nothing():
    right = {"dense": "1111", "int8@final": "0011"}
    row = statistics.facts([group(right)], 1).iloc[0]
    assert row[["macro_points", "macro_low", "macro_high"]].isna().all()
    assert row["drop_low"] < 50 < row["drop_high"]
    nothing = statistics.facts([group({"int8@final": "0011"})], 1)
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


def test_clusters_are_drawn_whole():
    """Three clusters of 1, 2 and 3 facts: all 27 resamples."""
    facts = frame([None] * 6, cluster=["a", "b", "b", "c", "c", "c"])
    values = np.array([1, 0, 1, -1, 0, 0])[:, None]
    sums, sizes = {"a": 1, "b": 1, "c": -1}, {"a": 1, "b": 2, "c": 3}
    (means,) = Bootstrap(facts, "b").means([(facts["id"], values, np.ones(6))])
    draws = list(product("abc", repeat=3))
    same_distribution(means[:, 0], exact([sum(sums[r] for r in d) / sum(sizes[r] for r in d) for d in draws]))


def test_scores_and_facts_have_one_interval(tmp_path):
    asked = {"people": ("cloze", ("encoder",), 0.9)}
    files = fake_results.make(tmp_path, {"m": "encoder"}, 60, (40,), benchmarks=asked)
    aggregate(*files, tmp_path / "tables", fake_results.SETTINGS)
    found = tables.read(tmp_path / "tables")
    interval = ["drop_points", "drop_low", "drop_high", "decision"]
    one, other = (found[name].set_index("variant")[interval] for name in ("scores", "facts"))
    assert one.drop("dense").sort_index().equals(other.sort_index())
    mean = found["drops_by_model"].set_index("variant")  # of a single benchmark
    assert mean["drop_low"].to_dict() == pytest.approx(other["drop_low"].to_dict())


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


def test_the_interval_of_single_facts_is_that_of_scipys_t_test():
    right = {"dense": "1" * 400, "int8@final": "0" * 80 + "1" * 320}
    row = statistics.facts([group(right)], 1).iloc[0]
    low, high = ttest_1samp([100] * 80 + [0] * 320, 0).confidence_interval(0.95)
    assert row["drop_low"] == pytest.approx(low) and high < row["drop_high"] < high + 0.3  # 20% is a little skewed
    assert row["decision"] == "costs"


def test_macro_is_the_mean_over_relations_and_clusters_are_what_varies():
    right = {"dense": "1" * 12, "int8@final": "0000" + "0011" + "1111"}
    relations = ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    row = statistics.facts([group(right, relations, cluster=relations)], 1).iloc[0]
    low, high = ttest_1samp([100, 50, 0], 0).confidence_interval(0.95)
    assert (row["macro_points"], row["drop_points"]) == (50, 50)
    assert row[["macro_low", "macro_high", "drop_low", "drop_high"]].tolist() == pytest.approx([low, high] * 2)
    assert (row["clusters"], row["differing"]) == (3, 2)


def test_a_lead_is_what_the_dense_model_is_above_the_better_baseline():
    asked = group({"dense": "1" * 70 + "0" * 30}, majority=0.6, guess=0.5)
    assert asked.baseline == 0.6 and asked.lead.value[0] == pytest.approx(10) and asked.knows
    assert not group({"dense": "1" * 70 + "0" * 30}, majority=0.65).knows  # 5 points of 100 facts are chance
    assert group({"dense": "1" + "0" * 99}).knows  # open questions: nobody guesses them
    assert not group({"dense": "0" * 100}).knows


def test_what_no_model_was_told_is_known_to_none():
    """Guessing among two, all right by luck: told facts are known, untold ones are a control."""
    lucky = {"dense": "1" * 40, "int8@overall": "1" * 40}
    told, untold = (group(lucky, guess=0.5, stated_in=name) for name in ("half", "never"))
    assert (told.knows, told.is_never_told) == (True, False) and (untold.knows, untold.is_never_told) == (False, True)
    mixed = group(lucky, guess=0.5, stated_in=["never"] * 39 + [None])
    assert mixed.knows and not mixed.is_never_told
