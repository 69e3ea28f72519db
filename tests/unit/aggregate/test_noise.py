"""The noise floor, by hand."""

import pandas as pd
import pytest

from knowcost.aggregate import drops, noise, tables


def rows(correct, again):
    return pd.DataFrame({"correct": correct, "again": again})


def test_floor_of_facts_that_differ():
    once, again = [True] * 50 + [False] * 50, [False] * 4 + [True] * 46 + [True] * 5 + [False] * 45
    found = noise.measure(rows(once, again))
    assert (found["n"], found["differing"], found["moved_points"]) == (100, 9, 1.0)
    assert found["noise_points"] == pytest.approx(1.959964 * 3)  # sqrt(9) facts of 100, in points


def test_a_score_that_moved_far_is_its_own_floor():
    found = noise.measure(rows([True] * 100, [False] * 36 + [True] * 64))
    assert found["moved_points"] == found["noise_points"] == 36  # 1.96 * 6 would be less


def test_nothing_moved_and_nothing_asked_twice():
    assert noise.measure(rows([True, False], [True, False]))["noise_points"] == 0
    assert noise.measure(rows([True, False], [None, None])) is None


def test_quantized_variants_take_the_highest_floor_of_the_quantized():
    measured = {
        slug: {"noise_points": p} for slug, p in [("dense", 0.1), ("int8@overall", 2.0), ("int8@attention", 1.0)]
    }
    assert noise.floor("magnitude-40@overall", measured) == 0.1
    assert noise.floor("magnitude-40@attention+int8@attention", measured) == 2.0
    assert noise.floor("magnitude-40@attention+int8@attention", {"dense": {"noise_points": 0.1}}) == 0.1
    assert pd.isna(noise.floor("magnitude-40@overall", {}))


def test_a_drop_within_the_floor_is_not_measurable():
    cell = {"family": "encoder", "model": "m", **tables.describe("int8@overall"), "benchmark": "b"}
    cell |= {"n": 100, "dense_accuracy": 0.9, "accuracy": 0.87, "majority": 0.5, "drop_points": 3.0, "drop_low": 1.0}
    by_floor = [
        int(drops.drops_by_model(drops.scores([cell | {"noise_points": floor}]))["measurable"].iloc[0])
        for floor in (2.9, 3.0, None)
    ]
    assert by_floor == [1, 0, 1]
