"""The noise floor, by hand."""

from dataclasses import replace
from math import isnan

import pandas as pd
import pytest
from helpers import fake_results
from helpers.groups import group

from knowcost.aggregate import losses, noise, rule, statistics, tables
from knowcost.aggregate.job import aggregate
from knowcost.common import paths, seal


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


def test_what_was_compressed_elsewhere_has_a_floor_of_its_own():
    measured = {slug: {"noise_points": p} for slug, p in [("dense", 0.1), ("brought-a", 3.0), ("int8@overall", 2.0)]}
    assert noise.floor("brought-a", measured) == 3.0
    assert isnan(noise.floor("brought-b", measured))
    assert noise.floor("rtn-4bit@overall", measured) == 0.1


def test_int8_variants_take_the_highest_floor_of_those_in_int8():
    measured = {
        slug: {"noise_points": p} for slug, p in [("dense", 0.1), ("int8@overall", 2.0), ("int8@attention", 1.0)]
    }
    assert noise.floor("magnitude-40@overall", measured) == 0.1
    assert noise.floor("magnitude-40@attention+int8@attention", measured) == 2.0
    # the dense model's batches say nothing of activations that are rounded: not measured is not the dense model's
    assert isnan(noise.floor("magnitude-40@attention+int8@attention", {"dense": {"noise_points": 0.1}}))
    assert isnan(noise.floor("magnitude-40@overall", {}))


@pytest.mark.parametrize(
    ("variant", "floor"),
    [
        ("dense", 0.1),
        ("magnitude-40@overall", 0.1),
        ("sparsegpt-2of4@overall", 0.1),
        ("gptq-4bit-g128@overall", 0.1),
        ("rtn-8bit@attention", 0.1),
        ("sparsegpt-50@overall+gptq-4bit@overall", 0.1),
        ("int8@overall", 2.0),
        ("sparsegpt-50@overall+int8@overall", 2.0),
    ],
)
def test_few_bits_read_back_as_floats_have_the_floor_of_floats(variant, floor):
    """Only activations rounded as they come move a score by more than floats do: int8's, whatever came before it."""
    measured = {"dense": {"noise_points": 0.1}, "int8@overall": {"noise_points": 2.0}}
    assert noise.floor(variant, measured) == floor


def test_the_floor_of_few_bits_reaches_the_scores(tmp_path):
    """Four facts asked twice. Dense: none differs, a floor of 0. int8: one differs, 1.96 * sqrt(1) / 4 is 49 points."""
    facts = [{"id": str(i), "relation": "r", "answer": "x", "correct": i < 3, "logprob": -1.0} for i in range(4)]
    questions = {"id": list("0123"), "relation": ["r"] * 4, "question": ["?"] * 4, "answer": ["x"] * 4}
    questions["candidates"] = [["x", "y"]] * 4
    benchmark = fake_results.write_benchmark(tmp_path / paths.benchmark("facts"), "facts", "question", questions)
    wrong = {
        "dense": {3},
        "int8@overall": {2, 3},
        "gptq-4bit@overall": None,
        "rtn-8bit@overall": None,
    }  # when asked again
    cells, manifests = [], []
    for slug, facts_wrong in wrong.items():
        rows = [row | {"again": facts_wrong and i not in facts_wrong} for i, row in enumerate(facts)]
        about = {"model": "m", "variant": slug, "benchmark": "facts"}
        manifests.append(tmp_path / paths.manifest("m", slug))
        seal.write_json(manifests[-1], fake_results.manifest("m", slug, "decoder"))
        cells.append(fake_results.write_scores(tmp_path / paths.scores("m", slug, "facts"), rows, **about))
    aggregate(cells, manifests, [benchmark], tmp_path / "tables", fake_results.SETTINGS)
    found = tables.read(tmp_path / "tables")["scores"].set_index("variant")["noise_points"]
    expected = {"dense": 0, "int8@overall": 48.9991, "gptq-4bit@overall": 0, "rtn-8bit@overall": 0}
    assert found.to_dict() == {slug: pytest.approx(points, abs=1e-3) for slug, points in expected.items()}


@pytest.mark.parametrize(("floor", "decision"), [(0.0, rule.COSTS), (2.9, rule.COSTS), (3.1, rule.UNSURE)])
def test_a_drop_within_the_floor_costs_nothing_for_certain(floor, decision):
    """30 of 1,000 facts forgotten: 3 points, more than 1.1 of sampling, but no more than a floor of 3.1."""
    right = {"dense": "1" * 1000, "int8@overall": "0" * 30 + "1" * 970}
    asked = replace(group(right), noise={"int8@overall": floor})
    (found,) = statistics.facts([asked], margin=1)["decision"]
    assert found == decision
    assert losses.by_model([asked], margin=1)["decision"].tolist() == [decision]
