"""Borders by hand, and their uncertainty against the binomial distribution."""

import math
from fractions import Fraction

import numpy as np
import pytest
from helpers.groups import group
from scipy.stats import binom, t

from knowcost.aggregate import matching
from knowcost.spec.variants import parse

TOLERANCE = 0.05


def run(levels, n=100, known=None, scope="overall", more=None, **about):
    """A group of n facts, of which the dense model knows `known`; levels: {percent: how many of them are right}."""
    known = n if known is None else known
    right = {"dense": "1" * known} | {f"magnitude-{level}@{scope}": "1" * each for level, each in levels.items()}
    return group({slug: text.ljust(n, "0") for slug, text in (right | (more or {})).items()}, family="decoder", **about)


def one(found):
    (row,) = found.to_dict("records")
    return row


def test_the_border_is_the_strongest_level_within_the_tolerance():
    borders, levels = matching.table(
        [run({80: 40, 20: 99, 40: 95, 60: 94})], TOLERANCE
    )  # 95 of 100 is a loss of exactly 5%
    row = one(borders)
    assert (row["border"], row["matching"], row["strongest"]) == ("40%", "magnitude-40@overall", "80%")
    assert (row["method"], row["scope"], row["compared"], row["gaps"]) == ("magnitude", "overall", 4, "")
    assert levels["strength"].tolist() == ["20%", "40%", "60%", "80%"]
    assert levels["matches"].tolist() == [1, 1, 0, 0]
    assert levels["drop_percent"].tolist() == pytest.approx([1, 5, 6, 60])
    assert one(matching.table([run({20: 99, 40: 95, 60: 94, 80: 40})], tolerance=0.06)[0])["border"] == "60%"


def test_the_tolerance_stands_in_both_tables():
    for frame in matching.table([run({20: 99, 40: 95})], 0.1):
        assert set(frame["tolerance"]) == {0.1}


def test_the_tolerance_is_relative_to_the_dense_accuracy():
    """The dense model knows 40 of 100: 38 are enough for a match, not 35."""
    for right, border in ((38, "20%"), (37, "none")):
        row = one(matching.table([run({20: right}, known=40)], TOLERANCE)[0])
        assert (row["border"], row["dense_accuracy"]) == (border, pytest.approx(0.4))


def test_every_column_of_both_tables_by_hand():
    """The dense model knows 40 of 100 facts: 30 of them are a loss of 25%, 40 of none."""
    borders, levels = matching.table([run({20: 40, 40: 30}, known=40, majority=0.3)], TOLERANCE)
    about = {"family": "decoder", "model": "m", "benchmark": "b", "method": "magnitude", "grouping": "paper",
             "scope": "overall", "kind": "sparsity", "dense_accuracy": 0.4, "tolerance": 0.05}  # fmt: skip
    assert list(borders) == matching.BORDERS and list(levels) == matching.LEVELS
    assert one(borders) == about | {
        "majority": 0.3, "compared": 2, "strongest": "40%", "matching": "magnitude-20@overall", "border": "20%",
        "border_low": "20%", "border_high": "20%", "gaps": "", "shown": "none", "lead_border": "none",
    }  # fmt: skip
    weak, strong = levels.to_dict("records")
    same = {"variant": "magnitude-20@overall", "strength": "20%", "accuracy": 0.4, "matches": 1, "match_share": 1}
    # nobody lost anything: 2 points less than 5% of 40 allows; of a lead of 10 points 0.5
    half = 100 * t.ppf(0.975, 99) ** 2 / (100 + t.ppf(0.975, 99) ** 2)
    decided = {"beyond_points": -2, "beyond_low": -2 - half, "beyond_high": half - 2, "match": "cannot tell"}
    decided |= {"lead_beyond_points": -0.5, "lead_beyond_low": -0.5 - half, "lead_beyond_high": half - 0.5,
                "lead_match": "cannot tell"}  # fmt: skip
    assert weak == about | same | {"drop_percent": 0} | {
        name: each if name.endswith("match") else pytest.approx(each, abs=1e-3) for name, each in decided.items()
    }
    assert strong.items() >= (about | {"variant": "magnitude-40@overall", "strength": "40%", "accuracy": 0.3}).items()
    assert (strong["matches"], strong["drop_percent"]) == (0, pytest.approx(25))


def test_shares_are_of_all_resamples():
    """Each is a whole number of 2000."""
    _, levels = matching.table([run({level: 100 - level // 10 for level in range(20, 80, 10)})], TOLERANCE)
    counts = levels["match_share"].to_numpy() * 2000
    assert counts == pytest.approx(counts.round(), abs=1e-6) and len(set(counts)) > 4


def test_the_share_of_resamples_is_binomial():
    """The dense model knows all facts, so a level matches where at least 95 of 100 draws hit what it still knows."""
    _, levels = matching.table([run({20: 97, 40: 95, 60: 92})], TOLERANCE)
    expected = [binom.sf(94, 100, p) for p in (0.97, 0.95, 0.92)]
    assert levels["match_share"].tolist() == pytest.approx(expected, abs=4 * (0.25 / 2000) ** 0.5)


def test_the_interval_of_the_border_is_that_of_its_resamples():
    """60% matches in 10% of the resamples, 40% in 92%: the middle 95% of borders go from 20% to 60%."""
    row = one(matching.table([run({20: 100, 40: 97, 60: 92, 80: 40})], TOLERANCE)[0])
    assert binom.sf(94, 100, 0.92) > 0.025 and binom.cdf(94, 100, 0.97) > 0.025
    assert (row["border"], row["border_low"], row["border_high"]) == ("40%", "20%", "60%")
    sure = one(matching.table([run({20: 1000, 40: 500}, n=1000)], TOLERANCE)[0])
    assert (sure["border_low"], sure["border_high"]) == ("20%", "20%")
    lost = one(matching.table([run({20: 0})], TOLERANCE)[0])
    assert (lost["border"], lost["matching"], lost["border_low"], lost["border_high"]) == ("none", "", "none", "none")


def test_weaker_levels_that_do_not_match_are_named():
    row = one(matching.table([run({20: 90, 40: 96, 60: 10})], TOLERANCE)[0])
    assert (row["border"], row["gaps"]) == ("40%", "20%")


def test_a_series_differs_in_strength_only():
    more = {"int8@overall": "1" * 99, "magnitude-20@overall+int8@overall": "1" * 98,
            "magnitude-40@overall+int8@overall": "1" * 50, "magnitude-20@canonical.attention": "1" * 100}  # fmt: skip
    borders, _ = matching.table(
        [run({20: 99, 40: 96}, more=more), run({20: 99}, scope="attention", benchmark="c")], TOLERANCE
    )
    found = {(r["benchmark"], r["method"], r["grouping"], r["scope"]): r["border"] for r in borders.to_dict("records")}
    assert found == {
        ("b", "magnitude", "paper", "overall"): "40%", ("b", "int8", "paper", "overall"): "int8",
        ("b", "magnitude+int8", "paper", "overall"): "20%", ("b", "magnitude", "canonical", "attention"): "20%",
        ("c", "magnitude", "paper", "attention"): "20%",
    }  # fmt: skip
    slugs = ["magnitude-40@final+magnitude-5@final", "magnitude-5@final+magnitude-40@final"]
    assert list(matching.series(slugs).values()) == [slugs[::-1]]
    assert matching.words(parse(slugs[0])) == "40% + 5%"


def test_patterns_and_bits_are_series_of_their_own():
    pruned = ["sparsegpt-50@overall", "sparsegpt-70@overall"]
    patterns = ["sparsegpt-4of8@overall", "sparsegpt-2of4@overall", "sparsegpt-1of4@overall"]
    bits = ["gptq-8bit@overall", "gptq-4bit-g128@overall", "gptq-4bit@overall", "gptq-3bit-g128@overall"]
    both = ["sparsegpt-50@overall+gptq-8bit@overall", "sparsegpt-50@overall+gptq-4bit@overall",
            "sparsegpt-70@overall+gptq-8bit@overall"]  # fmt: skip
    slugs = [*pruned, *patterns, *bits, *both, "gptq-4bit-actorder@overall"]
    found = matching.series(slugs[::-1])
    assert sorted(found.values(), key=lambda each: slugs.index(each[0])) == [
        pruned, patterns, bits, both, ["gptq-4bit-actorder@overall"],
    ]  # fmt: skip
    names = [matching.kind(slugs[0]) for slugs in (pruned, patterns, bits, both, ["int8@overall"])]
    assert names == ["sparsity", "N:M", "bits", "sparsity + bits", ""]
    assert [matching.words(parse(slug)) for slug in (patterns[0], bits[1])] == ["4:8", "4 bit, groups of 128"]


def test_nothing_to_lose_and_nothing_to_compare_have_no_border():
    groups = [run({20: 0}, known=0), group({"int8@overall": "11"}), group({"dense": "11"})]
    assert all(frame.empty for frame in matching.table(groups, TOLERANCE))


def test_calibration_data_make_series_of_their_own():
    slugs = ["wanda-50@overall", "wanda-30@overall~wiki", "wanda-30@overall", "wanda-50@overall~wiki"]
    found = [["wanda-30@overall", "wanda-50@overall"], ["wanda-30@overall~wiki", "wanda-50@overall~wiki"]]
    assert sorted(matching.series(slugs).values()) == found


def test_a_loss_of_exactly_the_tolerance_matches_however_floats_round():
    """All answers of up to 400 facts, against exact fractions: 0.95 * 20 / 60 is a little more than 19 / 60."""
    tolerances = {0.05: Fraction(1, 20), 0.1: Fraction(1, 10), 0.2: Fraction(1, 5)}
    for n in (7, 20, 60, 100, 400):
        known, right = np.divmod(np.arange(n * (n + 1)), n + 1)
        known += 1
        for tolerance, exact in tolerances.items():
            found = matching._matches(np.column_stack([known / n, right / n]), tolerance)[:, 0]
            least = np.array([math.ceil((1 - exact) * int(k)) for k in range(n + 1)])
            assert np.array_equal(found, right >= least[known])


def test_a_level_on_the_edge_of_the_tolerance_is_the_border():
    """19 of the 20 of 60 facts that the dense model knows; of a million facts, one fewer than 95% is too few."""
    assert one(matching.table([run({20: 19}, n=60, known=20)], TOLERANCE)[0])["border"] == "20%"
    million = np.array([[1.0, 0.95], [1.0, 0.949999]])
    assert matching._matches(million, TOLERANCE).tolist() == [[True], [False]]


def test_what_was_compressed_elsewhere_is_a_series_of_its_own():
    slugs = ["magnitude-40@overall", "brought-a", "magnitude-20@overall", "brought-b"]
    assert list(matching.series(slugs).values()) == [
        ["magnitude-20@overall", "magnitude-40@overall"],
        ["brought-a"],
        ["brought-b"],
    ]
    borders, _ = matching.table([run({}, more={"brought-a": "1" * 95, "brought-b": "1" * 94})], TOLERANCE)
    assert borders[["method", "matching", "border", "strongest"]].values.tolist() == [
        ["brought-a", "brought-a", "a", "a"],
        ["brought-b", "", "none", "b"],
    ]


def test_recovered_variants_are_series_of_their_own_and_the_dense_models_recovery_in_none():
    slugs = ["gptq-3bit@overall", "gptq-4bit@overall", "gptq-3bit@overall^lora-r4", "gptq-4bit@overall^lora-r4"]
    found = list(matching.series([*slugs, "dense^lora-r4"]).values())
    assert found == [[slugs[1], slugs[0]], [slugs[3], slugs[2]]]
