"""What recoveries bring back: counts by hand, points beside the same recovery of the dense model, overlaps."""

import numpy as np
import pytest
from helpers.groups import group
from scipy import stats
from scipy.stats import ttest_1samp

from knowcost.aggregate import recovered as module
from knowcost.aggregate import rule
from knowcost.aggregate.recovered import overlap, recovered

BITS = "gptq-3bit@overall"
LORA, PROMPT = f"{BITS}^lora-r4", f"{BITS}^prompt-50"
# 200 facts: 160 known, 40 of them lost; LoRA brings back 30 of these, harms 5, and learns 10 that were never known
RIGHT = {
    "dense": "1" * 160 + "0" * 40,
    BITS: "1" * 120 + "0" * 80,
    LORA: "0" * 5 + "1" * 115 + "1" * 30 + "0" * 10 + "1" * 10 + "0" * 30,
    "dense^lora-r4": "1" * 160 + "1" * 6 + "0" * 34,
}


def only(frame, **where):
    for name, value in where.items():
        frame = frame[frame[name] == value]
    (row,) = frame.to_dict("records")
    return row


def test_counts_and_points_by_hand():
    frame = recovered([group(RIGHT, guess=0.5)], 1)
    assert list(frame) == module.COLUMNS and frame["benchmark"].tolist() == ["", "b"]
    row = only(frame, benchmark="b")
    assert (row["variant"], row["compressed"], row["recovery"]) == (LORA, BITS, "lora-r4")
    assert [row[name] for name in ("n", "known", "lost", "returned", "harmed")] == [200, 160, 40, 30, 5]
    assert row["returned_percent"] == 75 and (row["chance_percent"], row["chance_by"]) == (50, "guessing")
    assert row["regained_points"] == pytest.approx(100 * (30 + 10 - 5) / 200)
    test = ttest_1samp([100] * 40 + [-100] * 5 + [0] * 155, 0).confidence_interval(0.95)
    assert row["regained_low"] <= test.low and row["regained_high"] >= test.high
    assert row["regained_low"] == pytest.approx(test.low, abs=1) and row["decision"] == rule.GAINS
    assert row["drop_points"] == pytest.approx(100 * (160 - 155) / 200)  # the gap that is left
    assert row["control_points"] == pytest.approx(3) and row["net_points"] == pytest.approx(17.5 - 3)
    assert row["net_low"] > 0 and row["net_decision"] == rule.GAINS
    mean = only(frame, benchmark="")
    assert mean["regained_points"] == row["regained_points"]  # one benchmark that weighs in full


def test_without_the_dense_models_recovery_nothing_is_net():
    right = {slug: text for slug, text in RIGHT.items() if slug != "dense^lora-r4"}
    for row in recovered([group(right)], 1).to_dict("records"):
        assert np.isnan(row["control_points"]) and np.isnan(row["net_points"]) and row["net_decision"] == ""
        assert row["regained_points"] == pytest.approx(17.5)


def test_the_control_learnt_from_the_same_texts():
    """A variant that was calibrated on `half` is recovered on `half`: the dense model's recovery on the main texts says
    nothing of that."""
    other, lora = "wanda-50@overall~half", "wanda-50@overall~half^lora-r4"
    right = {"dense": "1" * 160 + "0" * 40, other: RIGHT[BITS], lora: RIGHT[LORA]}
    main, half = RIGHT["dense^lora-r4"], "1" * 160 + "1" * 20 + "0" * 20
    assert np.isnan(only(recovered([group(right | {"dense^lora-r4": main})], 1), benchmark="b")["control_points"])
    both = right | {"dense^lora-r4": main, "dense^lora-r4~half": half}
    assert only(recovered([group(both)], 1), benchmark="b")["control_points"] == pytest.approx(10)


def test_net_is_paired_fact_by_fact():
    """The recovery adds the same ten facts to both models: nothing is left of it, and no doubt about that."""
    right = {"dense": "1" * 90 + "0" * 10, BITS: "1" * 90 + "0" * 10, LORA: "1" * 100, "dense^lora-r4": "1" * 100}
    row = only(recovered([group(right)], 5), benchmark="b")
    assert row["regained_points"] == row["control_points"] == 10
    assert row["net_points"] == 0 and row["net_decision"] == rule.EQUAL


def test_controls_are_in_no_mean_and_tell_chance():
    never = group(
        {slug: "0" * 20 for slug in RIGHT} | {LORA: "1" * 3 + "0" * 17}, benchmark="n", stated_in="never", guess=0.5
    )
    frame = recovered([group(RIGHT, guess=0.5), never], 1)
    assert set(frame["benchmark"]) == {"", "b"}
    assert set(frame["chance_by"]) == {"facts never told"} and set(frame["chance_percent"]) == {15.0}
    assert only(frame, benchmark="")["n"] == 200


def test_what_the_dense_model_guesses_is_not_lost_over_benchmarks():
    """Of a second benchmark with two choices half is right by chance; its own row counts, the mean's does not."""
    guessed = {slug: "10" * 20 for slug in RIGHT} | {BITS: "01" * 20}
    frame = recovered([group(RIGHT, guess=0.5), group(guessed, benchmark="c", guess=0.5)], 1)
    mean, alone = only(frame, benchmark=""), only(frame, benchmark="c")
    assert [mean[name] for name in ("n", "known", "lost", "returned", "harmed")] == [240, 160, 40, 30, 5]
    assert [alone[name] for name in ("n", "known", "lost", "returned", "harmed")] == [40, 20, 20, 20, 0]


def test_a_recovery_that_lacks_a_benchmark_has_no_mean_and_the_dense_models_no_row():
    other = group({slug: RIGHT[slug] for slug in ("dense", BITS)}, benchmark="c")
    assert recovered([group(RIGHT), other], 1)["benchmark"].tolist() == ["b"]
    assert recovered([group({"dense": "11", "dense^lora-r4": "10"})], 1).empty
    assert recovered([group({"dense": "11", LORA: "10"})], 1).empty  # nothing says what was lost


def test_overlap_is_of_the_lost_facts():
    """40 facts lost; LoRA brings back 1 to 20, prompts 11 to 30: 10 in common, and 10 by chance."""
    right = {"dense": "1" * 50, BITS: "1" * 10 + "0" * 40, LORA: "1" * 30 + "0" * 20}
    right[PROMPT] = "1" * 10 + "0" * 10 + "1" * 20 + "0" * 10
    row = only(overlap([group(right)]), compressed=BITS)
    assert (row["a"], row["b"]) == ("lora-r4", "prompt-50")
    assert [row[name] for name in ("lost", "returned_a", "returned_b", "both")] == [40, 20, 20, 10]
    assert row["expected"] == row["expected_crude"] == 10 and row["jaccard"] == pytest.approx(1 / 3)
    assert row["overlap_p"] == pytest.approx(stats.hypergeom.sf(9, 40, 20, 20))
    several = group(right, fact=[f"f{place // 2}" for place in range(50)])
    assert np.isnan(only(overlap([several]), compressed=BITS)["overlap_p"])
    assert overlap([group({"dense": "11", BITS: "11", LORA: "11", PROMPT: "11"})]).empty


def test_what_no_model_was_told_was_not_lost_twice():
    right = {"dense": "1" * 50, BITS: "1" * 10 + "0" * 40, LORA: "1" * 50, PROMPT: "1" * 50}
    assert overlap([group(right, stated_in="never")]).empty and len(overlap([group(right)])) == 1
