"""LLM-KICK's results as claims: which variants they take, which benchmarks they speak of, and verdicts by hand."""

import dataclasses

import numpy as np
import pytest
from helpers.groups import group
from scipy import stats

from knowcost.aggregate import verdicts
from knowcost.papers.cost_of_compression import claims
from knowcost.papers.llm_kick import claims as claims_kick

BY_ID = {claim.id: claim for claim in claims_kick.CLAIMS}


def asked(right, n=100, kind="freebaseqa", relations=None, **about):
    """A decoder that knows `dense` of n facts; right: {variant: how many of the first facts it gets right}."""
    made = {slug: ("1" * count).ljust(n, "0") for slug, count in right.items()}
    return dataclasses.replace(group(made, relations, family="decoder", **about), kind=kind)


def verdict(claim, *groups):
    """The claim as the only one of its table."""
    rows, _ = verdicts.verdicts(groups, [BY_ID[f"kick_{claim}"]], 1.0, {})
    return rows.iloc[0]


def test_all_are_llm_kicks_and_about_decoders():
    rows, _ = verdicts.verdicts([asked({"dense": 100})], (*claims.CLAIMS, *claims_kick.CLAIMS), 1.0, {})
    papers = rows.groupby("paper")["claim"].apply(list)
    assert papers["LLM-KICK"] == list(BY_ID) and "prune_cliff" in papers["The Cost of Compression"]
    assert set(rows["verdict"]) == {"not run"}
    assert all(claim.families == ("decoder",) for claim in claims_kick.CLAIMS)


@pytest.mark.parametrize(("right", "expected"), [(60, "holds"), (100, "fails"), (95, "not precise enough")])
def test_trivial_sparsity(right, expected):
    """95 of 100 is the tolerance itself."""
    row = verdict("trivial_sparsity", asked({"dense": 100, "magnitude-30@overall": right}))
    assert (row["verdict"], row["estimate"]) == (expected, pytest.approx(95 - right))
    assert row["contrast"] == "magnitude pruning by 30% does not match"
    assert row["unit"] == "points lost beyond the tolerance"


def test_ten_facts_without_a_flip_do_not_match():
    """None of ten lost: the upper end of Wilson's interval is 34%, far beyond the tolerance of 5%."""
    row = verdict("eight_bits_mmlu", asked({"dense": 10, "int8@overall": 10}, n=10, kind="mmlu"))
    assert (row["verdict"], row["estimate"], row["why"]) == (
        "not precise enough", pytest.approx(5), "the interval takes in zero",
    )  # fmt: skip
    t = stats.t.ppf(0.975, 9)
    assert row["low"] == pytest.approx(5 - 100 * t**2 / (10 + t**2)) and row["low"] < -28
    assert row["needed"] == np.ceil(10 / (5 / (5 - row["low"])))


def test_at_the_tolerance_itself_no_number_of_facts_would_decide():
    row = verdict("eight_bits_facts", asked({"dense": 100, "int8@overall": 95}))
    assert (row["verdict"], row["estimate"]) == ("not precise enough", 0) and np.isnan(row["needed"])


def test_a_thousand_facts_without_a_flip_match():
    """What stayed the same bears a match; two facts that were gained take nothing from it."""
    row = verdict("eight_bits_mmlu", asked({"dense": 1000, "int8@overall": 1000}, n=1000, kind="mmlu"))
    assert (row["verdict"], row["estimate"], row["differing"]) == ("holds", pytest.approx(5), 0)
    row = verdict("eight_bits_mmlu", asked({"dense": 998, "int8@overall": 1000}, n=1000, kind="mmlu"))
    assert (row["verdict"], row["differing"]) == ("holds", 2)


def test_four_passages_do_not_make_magnitude_keep_up():
    """Wanda loses four passages of ten facts each: magnitude is 40 points better, and the tolerance bears nothing."""
    run = asked({"dense": 100, "magnitude-20@overall": 100, "wanda-20@overall": 60})
    names = [f"own {place}" if place < 60 else f"{place % 4}" for place in range(100)]
    row = verdict("magnitude", dataclasses.replace(run, facts=run.facts.assign(cluster=names)))
    assert (row["verdict"], row["estimate"], row["differing"]) == ("not precise enough", pytest.approx(45), 4)
    assert row["low"] > 0 and row["why"].startswith("only 4 clusters")
    assert verdict("magnitude", run)["verdict"] == "holds"


def test_falling_short_of_a_match_takes_clusters_that_differ():
    """60 of 100 facts lost, which five passages hold: no verdict; in six there is one."""
    for passages, expected in ((5, "not precise enough"), (6, "holds")):
        lost = asked({"dense": 100, "int8@overall": 0}, kind="freebaseqa")
        names = [f"{place % passages}" if place < 60 else f"own {place}" for place in range(100)]
        lost.right["int8@overall"][60:] = True
        lost = dataclasses.replace(lost, facts=lost.facts.assign(cluster=names))
        row = verdict("eight_bits_facts", lost)
        assert (row["verdict"], row["differing"]) == (expected, passages)


def test_the_highest_level_of_25_to_35_percent_of_everything_counts():
    right = {"dense": 100, "magnitude-25@overall": 100, "magnitude-35@overall": 50, "magnitude-40@overall": 0}
    assert verdict("trivial_sparsity", asked(right))["estimate"] == pytest.approx(45)
    others = {
        "dense": 100,
        "magnitude-30@attention": 0,
        "magnitude-20@overall": 0,
        "magnitude-30@overall+int8@overall": 0,
    }
    assert verdict("trivial_sparsity", asked(others))["missing"] == "no variants of this kind were run"


def test_patterns_and_bits_are_told_by_their_slugs():
    """These methods write such slugs; the claims take them as they come."""
    slugs = {"dense", "sparsegpt-2of4@overall", "wanda-4of8@overall", "wanda-2of4@attention", "gptq-8bit-g128@overall",
             "gptq-4bit@overall", "rtn-8bit@overall", "int8@overall", "sparsegpt-50@overall"}  # fmt: skip
    patterns = BY_ID["kick_patterns"].contrasts(slugs)
    assert list(patterns) == ["SparseGPT at 2:4 does not match", "Wanda at 4:8 does not match"]
    assert patterns["Wanda at 4:8 does not match"] == {None: {"dense": 0.95, "wanda-4of8@overall": -1}}
    bits = BY_ID["kick_quantization"].contrasts(slugs)
    assert set(bits) == {f"SparseGPT by 50% costs more than {name}" for name in ("gptq-8bit-g128", "rtn-8bit", "int8")}
    assert bits["SparseGPT by 50% costs more than int8"] == {50: {"int8@overall": 1, "sparsegpt-50@overall": -1}}


def test_other_groupings_scopes_and_calibration_data_are_not_the_papers():
    """Claims speak of everything compressed with the study's main data, in one step."""
    slugs = {"dense", "wanda-30@canonical.overall", "wanda-30@overall~c4", "wanda-30@final", "gptq-8bit@overall~c4",
             "int8@attention", "wanda-30@overall+int8@overall", "gptq-4bit@overall", "gptq-8bit-g128-actorder@overall",
             "sparsegpt-1of4@overall"}  # fmt: skip
    assert [name for _, name in claims_kick.in_eight_bits(slugs)] == ["gptq-8bit-g128-actorder"]
    assert claims_kick.pruned(slugs, 1, 99) == {}
    assert list(BY_ID["kick_patterns"].contrasts(slugs)) == ["SparseGPT at 1:4 does not match"]


def test_eight_bits_against_half_of_the_weights():
    right = {"dense": 100, "int8@overall": 90, "magnitude-40@overall": 80, "magnitude-60@overall": 40}
    row = verdict("quantization", asked(right))
    assert (row["verdict"], row["estimate"]) == ("holds", pytest.approx(90 - 60))
    assert row["contrast"] == "magnitude pruning by 40% and 60% costs more than int8"


def test_some_claims_speak_of_one_kind_of_benchmark_only():
    right = {"dense": 100, "int8@overall": 80, "magnitude-50@overall": 99}
    facts, exams, book = (asked(right, kind=kind, benchmark=kind) for kind in ("freebaseqa", "mmlu", "triviaqa_open"))
    row = verdict("eight_bits_facts", facts, exams, book)
    assert (row["verdict"], row["estimate"], row["benchmarks"]) == ("holds", pytest.approx(15), 1)
    assert verdict("eight_bits_mmlu", facts, exams)["verdict"] == "fails"
    assert verdict("open_book", facts, exams, book)["verdict"] == "not precise enough"  # Wilson's upper end is 5.4%
    book = asked({"dense": 400, "magnitude-50@overall": 396}, n=400, kind="triviaqa_open")
    row = verdict("open_book", facts, exams, book)
    assert (row["verdict"], row["estimate"], row["benchmarks"]) == ("holds", pytest.approx(4), 1)
    missing = verdict("open_book", facts, exams)
    assert (missing["verdict"], missing["missing"]) == ("not run", "no benchmark of this kind was asked")


def test_disciplines_by_hand():
    """Humanities and social sciences lose 24 of 120, STEM 6 of 120; of the rest nothing counts."""
    subjects = ["philosophy"] * 60 + ["sociology"] * 60 + ["astronomy"] * 120 + ["virology"] * 60
    right = np.ones(300, bool)
    right[[*range(12), *range(60, 72), *range(120, 126), *range(240, 300)]] = False
    mmlu = asked({"dense": 300}, n=300, kind="mmlu", relations=subjects)
    mmlu.right["int8@overall"] = right
    row = verdict("disciplines", mmlu, asked({"dense": 100, "int8@overall": 0}, benchmark="c"))
    assert (row["estimate"], row["benchmarks"]) == (pytest.approx(100 * (24 / 120 - 6 / 120)), 1)
    assert (row["verdict"], row["facts"], row["differing"]) == ("holds", 240, 30)
    assert row["low"] < row["estimate"] < row["high"]
    half = 196 * (0.2 * 0.8 / 120 + 0.05 * 0.95 / 120) ** 0.5  # two independent proportions
    assert (row["high"] - row["low"]) / 2 == pytest.approx(half, rel=0.1)
    alone = asked({"dense": 10, "int8@overall": 0}, n=10, kind="mmlu", relations=["philosophy"] * 10)
    assert verdict("disciplines", alone)["missing"] == "no benchmark of this kind was asked"


def test_magnitude_keeps_up_where_levels_are_shared():
    slugs = {"dense", "magnitude-20@overall", "wanda-20@overall", "wanda-30@overall", "sparsegpt-10@overall"}
    made = BY_ID["kick_magnitude"].contrasts(slugs)
    assert made == {
        "magnitude pruning by 20% is as good as Wanda": {
            20: {"dense": 0.05, "magnitude-20@overall": 1, "wanda-20@overall": -1},
        }
    }  # fmt: skip
    assert BY_ID["kick_magnitude"].contrasts({"dense", "magnitude-20@overall"}) == {}


def test_unique_tokens_are_those_of_pruned_models():
    """Not of 8 bits, of more than 60%, or of models that were recovered."""
    slugs = {"dense", "wanda-20@overall", "wanda-60@overall", "wanda-80@overall", "int8@overall"}
    made = BY_ID["kick_unique_tokens"].contrasts(slugs | {"wanda-20@overall^lora-r4"})
    assert made == {
        "Wanda by up to 60% (mean of 2 levels)": {
            20: {"dense": 1, "wanda-20@overall": -1},
            60: {"dense": 1, "wanda-60@overall": -1},
        }
    }
