"""Drops by hand: what is averaged over what, and what is missing."""

import pandas as pd
import pytest
from helpers.fake_results import cell
from helpers.groups import group

from knowcost.aggregate import drops, yardsticks


def test_drops_are_averaged_over_benchmarks_then_models():
    """BERT-base, int8 attention, in the paper's Table 3: drops of 1.21242, 1.75899, -2.50250 and 2.65156 percent."""
    dense = {"TREx": 0.3027, "GoogleRe": 0.1029, "Squad": 0.12987, "Conceptnet": 0.1633}
    int8 = {"TREx": 0.29903, "GoogleRe": 0.10109, "Squad": 0.13312, "Conceptnet": 0.15897}
    rows = [cell("bert-base", slug, name, dense[name], value[name])
            for slug, value in (("dense", dense), ("int8@attention", int8)) for name in dense]  # fmt: skip
    rows += [
        cell("other", slug, name, 0.5, 0.5, real_bytes=7.0) for slug in ("dense", "int8@attention") for name in dense
    ]
    by_model = drops.drops_by_model(drops.scores(rows), [], 1).set_index("model")
    assert by_model.loc["bert-base", "drop_percent"] == pytest.approx(3.12047 / 4, abs=1e-5)
    family = drops.drops(by_model.reset_index(), [], 1)
    assert family["drop_percent"].item() == pytest.approx(3.12047 / 8, abs=1e-5)
    assert by_model.loc["other", ["real_bytes", "bytes_saved_percent"]].tolist() == [7, 10]
    assert list(by_model.reset_index()[drops.BY_MODEL]) == drops.BY_MODEL and list(family) == drops.BY_FAMILY
    assert family["decision"].item() == "not run"  # no facts are given here


def test_facts_kept_are_those_that_were_right_before_and_bits_are_shared_among_them():
    int8, half = "int8@final", "magnitude-50@final"
    right = {"a": {"dense": "1101", int8: "0111", half: "1111"}, "b": {"dense": "10", int8: "11"}}
    groups = [group(each, benchmark=name, model="m") for name, each in right.items()]
    groups.append(group({"dense": "10", int8: "01"}, benchmark="a", model="none"))
    rows = [cell(model, slug, "a", 0.5, 0.5, real_bytes=600.0)
            for model, slug in (("m", int8), ("m", half), ("none", int8))]  # fmt: skip
    found = drops.drops_by_model(drops.scores(rows), groups, 1)
    assert found["facts_kept"].fillna(-1).tolist() == [3, -1, 0]  # half was not asked b
    assert found["bits_per_fact_kept"].fillna(-1).tolist() == [1600, -1, -1]


def test_an_average_over_some_benchmarks_is_left_empty():
    rows = [
        cell("m", "dense", "a", 0.5, 0.5),
        cell("m", "dense", "b", 0.4, 0.4),
        cell("m", "int8@final", "a", 0.5, 0.1),
    ]
    by_model = drops.drops_by_model(drops.scores(rows), [], 1)
    assert by_model["benchmarks"].item() == 1
    assert by_model[drops.PAPER].isna().all(axis=None)
    assert drops.drops(by_model, [], 1)["drop_percent"].isna().all()


def test_a_model_that_was_not_asked_a_benchmark_of_its_family_has_no_average():
    rows = [
        cell(m, slug, b, 0.5, 0.4) for m, b in (("m", "a"), ("m", "b"), ("n", "a")) for slug in ("dense", "int8@final")
    ]
    by_model = drops.drops_by_model(drops.scores(rows), [], 1).set_index("model")
    assert by_model["drop_percent"].isna().to_dict() == {"m": False, "n": True}


def test_nothing_known_has_no_percentage_to_lose():
    rows = [cell("m", slug, name, dense, after) for slug, after in (("dense", None), ("int8@final", 0.1))
            for name, dense in (("a", 0.4), ("b", 0.0))]  # fmt: skip
    by_model = drops.drops_by_model(drops.scores(rows), [], 1)
    assert by_model["drop_percent"].item() == pytest.approx(75)  # of a alone: 0.4 to 0.1


def test_majority_drop_needs_a_majority_everywhere():
    def drop(second):
        rows = [cell("m", slug, name, 0.8, 0.8, majority=majority) for slug in ("dense", "int8@final")
                for name, majority in (("a", 0.5), ("b", second))]  # fmt: skip
        return drops.drops_by_model(drops.scores(rows), [], 1).iloc[0]

    assert drop(0.6)["majority_drop_points"] == pytest.approx((30 + 20) / 2)
    assert drop(0.6)["majority_drop_percent"] == pytest.approx((37.5 + 25) / 2)
    assert pd.isna(drop(None)["majority_drop_percent"])


def test_rows_keep_the_order_of_models_and_the_papers_order_of_scopes():
    slugs = ["int8@attention", "magnitude-40@attention", "magnitude-20@attention", "magnitude-20@overall", "dense"]
    rows = [cell(model, slug, "a", 0.5, 0.5) for model in ("zeta", "alpha") for slug in slugs]
    found = drops.scores(rows)
    assert list(found["model"].unique()) == ["zeta", "alpha"]
    assert list(found["variant"][:5]) == ["dense", *slugs[3:0:-1], "int8@attention"]


KEPT = ["variant", "kept_percent", "kept_least", "bytes_saved_percent"]


def kept(*variants):
    frame = pd.DataFrame(variants, columns=KEPT).assign(family="encoder", model="m")
    return frame.reindex(columns=[*frame.columns, *set(drops.CHEAPEST) - set(frame.columns)])


def test_cheapest_is_shown_to_keep_enough_and_saves_most():
    frame = kept(
        ("magnitude-10@overall", 99.8, 99.5, 10.0),
        ("magnitude-40@overall", 97.0, 96.0, 40.0),
        ("magnitude-60@overall", 96.0, 88.0, 60.0),  # the estimate would do, the bound does not
        ("magnitude-70@overall", 80.0, 75.0, 70.0),
        ("magnitude-10@final", 100.0, 99.9, -5.0),
    )
    found = drops.cheapest(frame).set_index("keep_at_least")["variant"]
    assert found.to_dict() == {99: "magnitude-10@overall", 95: "magnitude-40@overall", 90: "magnitude-40@overall"}
    assert drops.cheapest(frame.iloc[3:])["variant"].isna().all()
    both = drops.cheapest(pd.concat([frame.assign(model="z"), frame.assign(model="a")]))
    assert both["model"].tolist() == ["z"] * 3 + ["a"] * 3
    assert list(both) == ["family", "model", "keep_at_least", *drops.CHEAPEST]


def test_exactly_enough_is_enough_and_of_equal_savings_the_better_counts():
    frame = kept(
        ("brought-a", 96.0, 95.0, 40.0),
        ("brought-b", 97.0, 96.0, 40.0),
        ("brought-c", 91.0, 90.0, 50.0),
        ("brought-d", 99.5, 99.0, 0.0),
    )
    found = drops.cheapest(frame).set_index("keep_at_least")["variant"]
    assert found[95] == "brought-b" and found[90] == "brought-c" and pd.isna(found[99])  # nothing saved is not cheap
    others = drops.cheapest(frame).set_index("keep_at_least")["as_small"]
    assert (others[95], others[90]) == ("brought-a", "") and drops.cheapest(frame[3:])["as_small"].isna().all()
    assert drops.cheapest(frame[:1]).set_index("keep_at_least")["variant"][95] == "brought-a"


def test_a_recovered_variant_may_win_and_the_dense_models_recovery_may_not():
    won = "gptq-3bit@overall^lora-r4"
    frame = kept(("gptq-3bit@overall", 90.0, 80.0, 75.0), (won, 99.0, 96.0, 74.0), ("dense^lora-r4", 100.0, 99.9, 1.0))
    found = drops.cheapest(frame).set_index("keep_at_least")["variant"]
    assert found[95] == found[90] == won and pd.isna(found[99])  # whatever bytes the control is said to save
    told = pd.concat([frame, kept((f"{won}~half", 99.9, 99.5, 74.5))])  # its texts state what is asked
    assert drops.cheapest(told, {"half"}).set_index("keep_at_least")["variant"][95] == won


def test_the_level_to_compare_at_is_the_one_nearest_to_forty():
    assert yardsticks.nearest_level([20.0, 60.0, float("nan")]) == 20
    assert yardsticks.nearest_level([10.0, 50.0, 62.5]) == 50
    assert yardsticks.nearest_level([]) == yardsticks.REFERENCE_LEVEL == 40
