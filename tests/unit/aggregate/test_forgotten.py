"""What is forgotten first, and together: hand-made groups, exact chance from counting."""

from itertools import combinations
from math import comb

import pandas as pd
import pytest
from helpers.groups import group
from scipy import stats

from knowcost.aggregate import forgotten


def test_quartiles_keep_equal_values_together():
    assert forgotten.quartiles(pd.Series([8, 7, 6, 5, 4, 3, 2, 1])).tolist() == [4, 4, 3, 3, 2, 2, 1, 1]
    assert forgotten.quartiles(pd.Series([1, 1, 1, 1, 1, 1, 2, 3])).tolist() == [2] * 6 + [4, 4]
    assert forgotten.quartiles(pd.Series([5.0, 5.0, 5.0])).nunique() == 1


def test_shares_are_of_what_the_dense_model_knew():
    facts = group(
        {"dense": "11110111", "int8@final": "00111100"},
        relations=["a", "a", "a", "b", "b", "b", "b", "b"],
        answer=["x", "x", "x", "y", "y", "y", "y", "z"],
        confidence=[-8.0, -7.0, -1.0, -2.0, -9.0, -3.0, -4.0, -5.0],
    )
    rows = forgotten.forgotten_by([facts])
    found = {by: part.set_index("part")[["known", "forgotten"]].T.to_dict("list") for by, part in rows.groupby("by")}
    assert found["relation"] == {"a": [3, 2], "b": [4, 2]}
    # known, least confident first: -8 | -7 -5 | -4 -3 | -2 -1, by ceil(4 (rank - 1/2) / 7)
    assert found["confidence"] == {"1": [2, 2], "2": [2, 2], "3": [1, 0], "4": [2, 0]}
    # in the benchmark z is right once, x 3 times, y 4 times (one of them not known): ranks 1, 3 and 6
    assert found["frequency"] == {"1": [1, 1], "2": [3, 2], "4": [3, 1]}
    assert rows["forgotten_percent"].tolist() == pytest.approx(
        [100 * f / k for f, k in rows[["forgotten", "known"]].values]
    )


def test_one_part_says_nothing_and_nothing_known_has_no_shares():
    alike = group({"dense": "1110", "int8@final": "0110"}, relations=["a"] * 4)
    assert forgotten.forgotten_by([alike]).empty
    assert forgotten.forgotten_by([group({"dense": "000", "int8@final": "111"}, relations=list("abc"))]).empty
    nothing = forgotten.forgotten_by([group({"int8@final": "111"}, relations=list("abc"))])
    assert nothing.empty and list(nothing) == forgotten.BY


def test_rows_come_by_group_by_what_and_by_variant_in_their_order():
    right = {"dense": "1111", "magnitude-20@final": "0111", "int8@final": "1110"}
    groups = [group(right, list("bbaa"), model=name, confidence=[-1.0, -2, -3, -4]) for name in ("z", "a")]
    rows = forgotten.forgotten_by(groups)
    assert list(rows) == forgotten.BY and rows.index.tolist() == list(range(24))
    assert rows["model"].tolist() == ["z"] * 12 + ["a"] * 12
    of_z = rows[:12][["by", "variant", "part", "known", "forgotten", "forgotten_percent"]]
    by_relation = [("magnitude-20@final", "a", 2, 0, 0.0), ("magnitude-20@final", "b", 2, 1, 50.0),
                   ("int8@final", "a", 2, 1, 50.0), ("int8@final", "b", 2, 0, 0.0)]  # fmt: skip
    confidence = [("magnitude-20@final", str(part), 1, lost, 100.0 * lost) for part, lost in enumerate([0, 0, 0, 1], 1)]
    confidence += [("int8@final", str(part), 1, lost, 100.0 * lost) for part, lost in enumerate([1, 0, 0, 0], 1)]
    assert list(of_z.itertuples(index=False, name=None)) == [
        *(("relation", *row) for row in by_relation),
        *(("confidence", *row) for row in confidence),
    ]


def test_overlap_against_counting():
    """Of 8 known facts a forgets 3 and b 4, two of them together."""
    right = {"dense": "1111111100", "magnitude-20@attention": "0001111111", "magnitude-20@feed_forward": "1000011101"}
    (row,) = forgotten.overlap([group(right)]).to_dict("records")
    assert (row["kind"], row["known"], row["forgotten_a"], row["forgotten_b"], row["both"]) == ("scopes", 8, 3, 4, 2)
    assert row["expected"] == pytest.approx(3 * 4 / 8)
    assert row["jaccard"] == pytest.approx(2 / 5)
    assert row["overlap_p"] == pytest.approx((comb(3, 2) * comb(5, 2) + comb(3, 3) * comb(5, 1)) / comb(8, 4))


def test_chance_is_counted_within_each_quarter_of_confidence():
    """Eight facts of two levels of confidence: a and b forget 2 and 3 of the four unsure ones, 1 and 0 of the others.
    All pairs of such sets, counted."""
    right = {"dense": "1" * 8, "magnitude-20@attention": "00110111", "magnitude-20@feed_forward": "00011111"}
    facts = group(right, confidence=[-9.0] * 4 + [-1.0] * 4)
    (row,) = forgotten.overlap([facts]).to_dict("records")
    assert (row["both"], row["forgotten_a"], row["forgotten_b"]) == (2, 3, 3)
    assert row["expected"] == pytest.approx(2 * 3 / 4 + 1 * 0 / 4) and row["expected_crude"] == pytest.approx(3 * 3 / 8)
    unsure = [(set(a), set(b)) for a in combinations(range(4), 2) for b in combinations(range(4), 3)]
    assert row["overlap_p"] == pytest.approx(sum(len(a & b) >= 2 for a, b in unsure) / len(unsure))


@pytest.mark.parametrize("both", range(6))
def test_the_sum_over_strata_is_exact(both):
    """Against every set that unrelated variants could have forgotten."""
    counts = [(4, 2, 3), (5, 2, 2)]
    of = [[len(set(a) & set(b)) for a in combinations(range(n), k) for b in combinations(range(n), m)]
          for n, k, m in counts]  # fmt: skip
    sums = [one + other for one in of[0] for other in of[1]]
    assert forgotten.in_common(both, counts) == pytest.approx(max(1e-60, sum(s >= both for s in sums) / len(sums)))


def test_chance_in_thousands_is_the_hypergeometric_one():
    """scipy's tail, where its trimmed ends do not matter; and no p of zero."""
    for both in (20, 60, 100):
        expected = stats.hypergeom.sf(both - 1, 3000, 300, 400)
        assert forgotten.in_common(both, [(3000, 300, 400)]) == pytest.approx(expected, rel=1e-6)
    assert forgotten.in_common(300, [(3000, 300, 400)]) == 1e-60


def test_the_p_values_of_a_model_s_pairs_are_corrected_together():
    right = {"dense": "1" * 20, "magnitude-20@attention": "0" * 6 + "1" * 14,
             "magnitude-20@feed_forward": "0" * 5 + "1" * 15, "magnitude-20@final": "1" * 15 + "0" * 5}  # fmt: skip
    rows = forgotten.overlap([group(right)]).sort_values("overlap_p")
    p = rows["overlap_p"].tolist()
    assert len(p) == 3 and p[0] == pytest.approx(6 / comb(20, 5))  # all five of the one are among the other's six
    assert rows["overlap_holm_p"].tolist() == pytest.approx([3 * p[0], 1, 1])


def test_phrasings_of_a_fact_are_no_independent_draws():
    right = {"dense": "1" * 8, "magnitude-20@attention": "00001111", "magnitude-20@feed_forward": "00001111"}
    (row,) = forgotten.overlap([group(right, fact=list("aaaabbbb"))]).to_dict("records")
    assert (row["both"], row["expected"]) == (4, 2) and pd.isna(row["overlap_p"]) and pd.isna(row["overlap_holm_p"])
    (row,) = forgotten.overlap([group(right)]).to_dict("records")
    assert row["overlap_holm_p"] == pytest.approx(1 / comb(8, 4))


def test_popularity_is_not_confidence_in_disguise():
    """32 facts: the unsure are forgotten and the sure are not, and most of the rare ones are unsure. Of each quarter of
    popularity the same share is forgotten among the equally sure: net of confidence, all quarters are alike."""
    unsure = [True] * 6 + [False] * 2 + ([True] * 4 + [False] * 4) + ([True] * 2 + [False] * 6) * 2
    facts = group(
        {"dense": "1" * 32, "int8@final": "".join("0" if each else "1" for each in unsure)},
        confidence=[-9.0 if each else -1.0 for each in unsure],
        popularity=[float(place // 8) for place in range(32)],
    )
    rows = forgotten.forgotten_by([facts])
    popular = rows[rows["by"] == "popularity"]
    assert popular["forgotten_percent"].tolist() == [75, 50, 25, 25]
    assert popular["net_percent"].tolist() == pytest.approx([100 * 14 / 32] * 4)  # 14 of 32 are unsure
    assert (popular["net_low"] <= popular["net_percent"]).all() and popular["net_covers_percent"].tolist() == [100] * 4
    assert rows[rows["by"] == "confidence"]["net_percent"].isna().all()
    (row,) = forgotten.first([facts], 1).to_dict("records")
    assert (row["by"], row["known"], row["difference_points"]) == ("popularity", 32, pytest.approx(0, abs=1e-9))
    assert row["decision"] == "not precise enough" and row["difference_low"] < 0 < row["difference_high"]


def test_strata_do_not_widen_what_none_of_a_part_has_shown():
    """100 facts of a part in four strata, none forgotten: about t^2 / (100 + t^2), once and not four times."""
    right = {"dense": "1" * 400, "int8@final": "1" * 400}
    facts = group(right, popularity=[float(place // 100) for place in range(400)],
                  confidence=[-float(place % 4) for place in range(400)])  # fmt: skip
    rows = forgotten.forgotten_by([facts])
    popular = rows[rows["by"] == "popularity"]
    t = stats.t.ppf(0.975, 99)
    assert popular["forgotten_high"].tolist() == pytest.approx([100 * t**2 / (100 + t**2)] * 4)
    assert popular["net_high"].tolist() == pytest.approx(popular["forgotten_high"].tolist(), rel=0.05)


def test_the_rare_are_forgotten_first():
    right = {"dense": "1" * 400, "int8@final": "0" * 60 + "1" * 340}
    facts = group(right, popularity=[float(place // 100) for place in range(400)], confidence=[-1.0, -2.0] * 200)
    (row,) = forgotten.first([facts], 1).to_dict("records")
    assert row["difference_points"] == pytest.approx(60) and row["decision"] == "costs"


def test_no_quarter_of_confidence_that_all_parts_share_has_nothing_net():
    right = {"dense": "1" * 8, "int8@final": "00001111"}
    facts = group(right, popularity=[1.0] * 4 + [2.0] * 4, confidence=[-9.0] * 4 + [-1.0] * 4)
    rows = forgotten.forgotten_by([facts])
    assert rows[rows["by"] == "popularity"]["net_percent"].isna().all() and forgotten.first([facts], 1).empty


def test_one_cluster_one_fact_and_no_confidence_make_no_claim():
    right = {"dense": "1111", "int8@final": "0011", "int8@overall": "0001"}
    popular = {"popularity": [1.0, 1.0, 2.0, 2.0]}
    assert forgotten.first([group(right, cluster="c", **popular)], 1).empty
    one = forgotten.forgotten_by([group(right, cluster="c", **popular)])
    assert one["forgotten_low"].isna().all() and one["net_percent"].isna().all()
    unsure = {"confidence": float("nan")}
    assert forgotten.first([group(right, **unsure, **popular)], 1).empty
    assert forgotten.forgotten_by([group(right, **unsure, **popular)])["by"].unique() == ["popularity"]
    more = {"magnitude-20@attention": "0011", "magnitude-20@final": "0111"}
    assert forgotten.overlap([group(right | more, **unsure)])["overlap_p"].notna().all()
    for facts in ({"dense": "1", "int8@final": "0"}, {"int8@final": "0"}, {"dense": "0000", "int8@final": "1111"}):
        assert forgotten.first([group(facts)], 1).empty and forgotten.forgotten_by([group(facts)]).empty
        assert forgotten.overlap([group(facts)]).empty


def test_nothing_forgotten_has_no_jaccard():
    right = {"dense": "11", "magnitude-20@attention": "11", "magnitude-20@feed_forward": "11"}
    row = forgotten.overlap([group(right)]).iloc[0]
    assert pd.isna(row["jaccard"])
    assert (row["both"], row["expected"], row["overlap_p"]) == (0, 0, 1)
    assert forgotten.overlap([group({"dense": "11"})]).empty


def test_pairs_differ_in_one_thing():
    counts = dict.fromkeys(
        ["magnitude-20@overall", "magnitude-20@attention", "magnitude-40@attention", "magnitude-80@attention",
         "magnitude-40@feed_forward", "magnitude-40@canonical.attention", "magnitude-20@final",
         "magnitude_structured-20@final", "magnitude-40@attention+int8@attention",
         "magnitude-40@attention+int8@feed_forward", "magnitude-80@attention+int8@feed_forward",
         "magnitude-20@self_attention", "magnitude-20@cross_attention"],
        10,
    )  # fmt: skip
    found = list(forgotten.pairs(counts))
    assert len(found) == 9 and set(found) == {
        ("scopes", "magnitude-20@overall", "magnitude-20@attention"),
        ("scopes", "magnitude-20@overall", "magnitude-20@final"),
        ("scopes", "magnitude-20@attention", "magnitude-20@final"),
        ("scopes", "magnitude-40@attention", "magnitude-40@feed_forward"),
        ("scopes", "magnitude-20@self_attention", "magnitude-20@cross_attention"),
        ("levels", "magnitude-20@attention", "magnitude-40@attention"),
        ("levels", "magnitude-40@attention", "magnitude-80@attention"),
        ("methods", "magnitude-20@final", "magnitude_structured-20@final"),
        ("methods", "magnitude-40@attention", "magnitude-40@attention+int8@attention"),
    }


def test_pairs_come_in_the_order_of_the_variants():
    slugs = ["wanda-20@overall", "wanda-40@overall", "magnitude-20@final", "magnitude-40@final",
             "magnitude-20@overall", "magnitude-40@overall", "wanda-20@attention"]  # fmt: skip
    found = list(forgotten.pairs(dict.fromkeys(slugs, 10)))
    assert found == [
        ("scopes", "wanda-20@overall", "wanda-20@attention"),
        ("scopes", "magnitude-20@overall", "magnitude-20@final"),
        ("scopes", "magnitude-40@overall", "magnitude-40@final"),
        ("levels", "wanda-20@overall", "wanda-40@overall"),
        ("levels", "magnitude-20@final", "magnitude-40@final"),
        ("levels", "magnitude-20@overall", "magnitude-40@overall"),
        ("methods", "wanda-20@overall", "magnitude-20@overall"),
        ("methods", "wanda-40@overall", "magnitude-40@overall"),
    ]
    assert list(forgotten.pairs({})) == []


@pytest.mark.parametrize(
    ("int8", "partner"),
    [(30, 40), (75, 80), (9, None), (10, 20), (15, 20), (0, None), (160, 80), (161, None), (400, None)],
)
def test_quantizing_is_compared_with_the_pruning_that_forgot_most_nearly_as_much(int8, partner):
    counts = {"magnitude-20@attention": 20, "magnitude-40@attention": 40, "magnitude-80@attention": 80}
    found = [pair for pair in forgotten.pairs(counts | {"int8@attention": int8}) if pair[0] == "methods"]
    assert found == ([("methods", f"magnitude-{partner}@attention", "int8@attention")] if partner else [])


def test_pairs_of_patterns_and_bits_differ_in_one_thing_too():
    counts = dict.fromkeys(
        ["gptq-4bit@overall", "gptq-3bit@overall", "gptq-4bit@attention", "rtn-3bit@attention",
         "wanda-50@overall", "wanda-2of4@overall", "sparsegpt-2of4@overall"],
        10,
    )  # fmt: skip
    assert set(forgotten.pairs(counts)) == {
        ("scopes", "gptq-4bit@overall", "gptq-4bit@attention"),
        ("levels", "gptq-4bit@overall", "gptq-3bit@overall"),
        ("levels", "wanda-50@overall", "wanda-2of4@overall"),
        ("methods", "gptq-4bit@attention", "rtn-3bit@attention"),
        ("methods", "wanda-50@overall", "sparsegpt-2of4@overall"),
        ("methods", "wanda-2of4@overall", "sparsegpt-2of4@overall"),
    }


def test_a_part_of_which_no_confidence_is_known_has_nothing_net():
    """The rarest answers all lack a probability, so that no quarter of confidence has facts of every part."""
    answers = ["rare"] * 10 + ["often"] * 30
    confidence = [float("nan")] * 10 + [-float(place) for place in range(30)]
    made = group({"dense": "1" * 40, "int8@final": "01" * 20}, answer=answers, confidence=confidence)
    rows = forgotten.forgotten_by([made])
    assert rows[rows["by"] == "frequency"]["net_percent"].isna().all() and forgotten.first([made], 1).empty


def test_recovered_variants_are_in_no_pair():
    bits, rounded = "gptq-3bit@overall", "rtn-3bit@overall"
    counts = dict.fromkeys((bits, rounded, f"{bits}^lora-r4", f"{rounded}^lora-r4", "dense^lora-r4"), 10)
    assert list(forgotten.pairs(counts)) == [("methods", bits, rounded)]
