"""What a limit drew, and how many facts show a loss of two points, by hand."""

import numpy as np
import pytest
from helpers import fake_results
from helpers.groups import group

from knowcost.aggregate import drawn, rule

SEEN = 2.801585  # 1.959964 + 0.841621, of a table of the normal distribution


def of(tmp_path, kind, limit, **columns):
    rows = {"id": [str(number) for number in range(len(next(iter(columns.values()))))]} | columns
    return drawn.of(fake_results.write_benchmark(tmp_path / "b.parquet", "b", kind, rows), limit)


YES = {"question": ["q"] * 8, "passage": ["p"] * 8, "label": [1, 0, 1, 1, 0, 1, 1, 1]}


def test_what_was_drawn_stands_beside_the_whole(tmp_path):
    shared = {"relation": ["a", "b", None, "a", "c", "c", "d", "d"], "cluster": list("stuvssst")}
    assert of(tmp_path, "boolq", 4, **YES, **shared) == {
        "relations": 4, "clusters": 4, "right_choices": "no 25%, yes 75%",
        "drawn": 4, "relations_drawn": 2, "clusters_drawn": 4, "right_choices_drawn": "no 25%, yes 75%",
    }  # fmt: skip


@pytest.mark.parametrize("limit", [None, 8, 9, np.nan])
def test_nothing_was_drawn_where_a_limit_cuts_nothing(tmp_path, limit):
    found = of(tmp_path, "boolq", limit, **YES, relation=[None] * 8)
    assert found == {"clusters": 8, "right_choices": "no 25%, yes 75%"}


def test_answers_are_named_where_they_are_few(tmp_path):
    few = {"question": ["q"] * 4, "answer": ["wet", "dry", "wet", "wet"], "candidates": [["wet", "dry"]] * 4}
    assert of(tmp_path, "question", 2, relation=["r"] * 4, **few)["right_choices"] == "dry 25%, wet 75%"
    many = few | {"answer": [f"{number}" for number in range(6)], "candidates": [["x", "y"]] * 6, "question": ["q"] * 6}
    assert of(tmp_path, "question", 2, relation=["r"] * 6, **many)["right_choices"] == ""
    open_ones = {"cloze": ["a [MASK]"] * 4, "answer": ["x"] * 4, "candidates": [None] * 4, "relation": ["r"] * 4}
    assert of(tmp_path, "cloze", 2, **open_ones)["right_choices"] == ""


def test_windows_of_a_running_text_are_no_facts(tmp_path):
    assert of(tmp_path, "text", 2, text=["a"] * 4, relation=[None] * 4) == {}


def test_facts_for_two_points_by_hand():
    right = {"dense": "1111111100", "int8@final": "1111110010"}  # two lost, one gained
    values = np.array([0, 0, 0, 0, 0, 0, 100, 100, -100, 0])
    assert drawn.facts_to_see([group(right)]) == {"b": np.ceil(values.var(ddof=1) * (SEEN / 2) ** 2)}
    assert drawn.facts_to_see([group(right)], points=10) == {"b": np.ceil(values.var(ddof=1) * (SEEN / 10) ** 2)}


def test_facts_of_one_cluster_that_change_together_need_as_many_clusters():
    right = {"dense": "1" * 12, "int8@final": "000000111111"}
    clusters = np.repeat(list("abcd"), 3)
    means = np.array([100, 100, 0, 0])  # four draws, each of three facts
    expected = np.ceil(12 * means.var(ddof=1) / 4 * (SEEN / 2) ** 2)
    assert drawn.facts_to_see([group(right, cluster=clusters)]) == {"b": expected}


def test_two_points_take_two_percent_of_changed_facts():
    nothing = {"dense": "1" * 30, "int8@final": "1" * 30}
    assert drawn.facts_to_see([group(nothing)]) == {"b": 385}  # 2 x 98 x (2.8016 / 2)^2 = 384.6


def test_it_is_the_median_over_all_variants_of_all_models_that_are_held_against_a_dense_one():
    one = group({"dense": "1" * 10, "int8@final": "1" * 10, "int8@attention": "1110011111"}, model="m")
    other = group({"dense": "1" * 10, "int8@final": "0101010101"}, model="n")
    without = group({"int8@final": "0" * 10}, model="o")
    two_of_ten = np.ceil(1e4 * 0.2 * 0.8 * 10 / 9 * (SEEN / 2) ** 2)
    assert drawn.facts_to_see([one, other, without]) == {"b": two_of_ten}
    assert drawn.facts_to_see([without]) == {}
    alone = group({"dense": "1" * 10, "int8@final": "1" * 10}, cluster=["c"] * 10)
    assert drawn.facts_to_see([alone]) == {}  # no interval


def test_needed_at_two_points_is_that_of_every_second_run():
    n, se = 300, 1.7
    numbers = 2.0, 2 - 1.959964 * se, 2 + 1.959964 * se
    assert rule.needed(n, numbers, margin=0) == np.ceil(n * (1.959964 * se / 2) ** 2)
    seen = drawn._to_see(n * se**2, 2.0)
    assert seen / rule.needed(n, numbers, margin=0) == pytest.approx((SEEN / 1.959964) ** 2, rel=0.01)
