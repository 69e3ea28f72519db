import pytest
from helpers.groups import group
from scipy.stats import ttest_1samp

from knowcost.aggregate import rule
from knowcost.aggregate.halves import COLUMNS, halves


def test_attention_is_held_against_feed_forward_fact_by_fact():
    """200 facts: attention loses the first 20, feed-forward layers the first 50."""
    right = {"dense": "1" * 200, "magnitude-40@attention": "0" * 20 + "1" * 180}
    right |= {"magnitude-40@feed_forward": "0" * 50 + "1" * 150, "magnitude-20@attention": "1" * 200}
    removed = {("m", "magnitude-40@attention"): 5.0, ("m", "magnitude-40@feed_forward"): 20.0}
    frame = halves([group(right)], 1, removed)
    assert list(frame) == COLUMNS and frame["model"].tolist() == ["", "m"]  # 20% has no other half
    row = frame.iloc[0]
    assert (row["method"], row["level"], row["decision"]) == ("magnitude", 40, rule.GAINS)
    assert (row["a"], row["b"]) == ("magnitude-40@attention", "magnitude-40@feed_forward")
    assert row["difference_points"] == -15
    test = ttest_1samp([0] * 20 + [-100] * 30 + [0] * 150, 0)
    assert row["difference_high"] == pytest.approx(test.confidence_interval(0.95).high)
    assert row["per_weight"] == pytest.approx(10 / 5 - 25 / 20)  # the other way round
    assert row["per_weight_low"] > 0 < row["per_weight_high"]
    assert halves([group(right)], 1, {})["per_weight"].isna().all()  # a manifest that does not say


def test_nothing_to_hold_against_each_other_makes_no_rows():
    assert halves([], 1, {}).empty and list(halves([group({"dense": "11", "int8@attention": "10"})], 1, {})) == COLUMNS


def test_halves_that_were_recovered_are_no_halves():
    right = {"dense": "1111", "gptq-3bit@attention^lora-r4": "0111", "gptq-3bit@feed_forward^lora-r4": "0011"}
    assert halves([group(right)], 1, {}).empty
