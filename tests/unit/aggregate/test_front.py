"""The points of a series' picture: what they keep of the reference's facts, and which are the front, or may be."""

import zlib
from math import nan

import numpy as np
import pandas as pd
import pytest
from helpers.groups import group

from knowcost.aggregate import ROUNDS, front, losses
from knowcost.aggregate.statistics import SEED
from knowcost.benchmarks.kinds import NEVER

INT8, HALF, BITS = "int8@overall", "magnitude-50@overall", "gptq-4bit@overall"


def scores(sizes):
    """A frame of scores' sizes from {(model, variant): bytes}."""
    rows = [{"model": model, "variant": slug, "real_bytes": size, "loaded_bytes": size, "format": "dense"}
            for (model, slug), size in sizes.items()]  # fmt: skip
    return pd.DataFrame(rows, columns=["model", "variant", *front.SIZES])


def made(groups, sizes, parameters=None, series=None):
    """{(model, variant): row} of the table."""
    frame = front.front(groups, scores(sizes), parameters or {}, series or {})
    assert list(frame) == front.COLUMNS
    return {(row["model"], row["variant"]): row for row in frame.to_dict("records")}


def random_answers(seed, n, *shares):
    """Strings of n answers, right as often as the shares say."""
    draw = np.random.default_rng(seed)
    return ["".join("01"[int(right)] for right in draw.random(n) < share) for share in shares]


def dominates(one, other):
    """Whether one point (bytes, kept) rules out another."""
    return one[0] <= other[0] and one[1] >= other[1] and one != other


def test_the_front_by_hand():
    """b as large as c keeps less; d is larger than c and keeps as much; e and f are alike; g keeps least of all."""
    size = np.array([100.0, 50, 50, 60, 70, 70, 20])
    kept = np.array([[100.0, 80, 90, 90, 95, 95, 10]])
    assert front.is_on_front(size, kept).tolist() == [[True, False, True, False, True, True, True]]
    assert front.is_on_front(size[::-1], kept[:, ::-1]).tolist() == [[True, True, True, False, True, False, True]]


def test_the_front_is_what_nothing_dominates():
    draw = np.random.default_rng(0)
    size, kept = draw.integers(5, size=12).astype(float), draw.integers(4, size=(300, 12)).astype(float)
    found = front.is_on_front(size, kept)
    for row, on in zip(kept, found, strict=True):
        points = list(zip(size, row, strict=True))
        assert on.tolist() == [not any(dominates(other, point) for other in points) for point in points]


@pytest.fixture(scope="module")
def three():
    """Two benchmarks of one model with clusters of several facts, that share no cluster."""
    answers = [random_answers(seed, 40, 0.8, 0.7, 0.7, 0.5) for seed in (1, 2)]
    slugs = ("dense", INT8, HALF, BITS)
    return [
        group(dict(zip(slugs, each, strict=True)), benchmark=name, cluster=[f"{name}{i // 4}" for i in range(40)])
        for name, each in zip("ab", answers, strict=True)
    ]


SIZES = {("m", "dense"): 100, ("m", INT8): 60, ("m", HALF): 60, ("m", BITS): 30}


def test_what_is_kept_is_what_the_means_of_drops_say(three):
    found = made(three, SIZES)
    for row in losses.by_model(three, 1).to_dict("records"):
        mine = found["m", row["variant"]]
        assert {name: mine[name] for name in front.KEPT} == {name: row[name] for name in front.KEPT}
    assert [found["m", "dense"][name] for name in front.KEPT] == [100] * 4
    assert {row["reference"] for row in found.values()} == {row["series"] for row in found.values()} == {"m"}


def brute_force(groups, sizes, together=False):
    """{variant: share of resamples in which nothing dominates it}, cluster by cluster and fact by fact."""
    slugs, on = list(groups[0].right), dict.fromkeys(groups[0].right, 0)
    names = [sorted({*each.clusters}, key=list(each.clusters).index) for each in groups]
    if together:
        names = [list(dict.fromkeys([*names[0], *names[1]]))] * 2
    seeds = ["+".join(each.benchmark for each in groups)] if together else [each.benchmark for each in groups]
    draws = []
    for seed, clusters in zip(seeds, names, strict=False):
        random = np.random.default_rng([SEED, zlib.crc32(seed.encode())])
        draws.append(random.integers(len(clusters), size=(ROUNDS, len(clusters))))
    for number in range(ROUNDS):
        points = {}
        for slug in slugs:
            means = []
            for place, (each, clusters) in enumerate(zip(groups, names, strict=True)):
                drawn = [clusters[i] for i in draws[0 if together else place][number]]
                facts = [i for name in drawn for i in np.flatnonzero(each.clusters == name) if each.right["dense"][i]]
                means.append(100 * sum(each.right[slug][i] for i in facts) / len(facts))
            weights = [min(1, each.right["dense"].sum() / 50) for each in groups]
            mean = sum(w * m for w, m in zip(weights, means, strict=True)) / sum(weights)
            points[slug] = sizes["m", slug], round(float(mean), 9)
        for slug, point in points.items():
            on[slug] += not any(dominates(other, point) for other in points.values())
    return {slug: count / ROUNDS for slug, count in on.items()}


@pytest.mark.parametrize("together", [False, True], ids=["apart", "shared clusters"])
def test_the_share_of_resamples_by_brute_force(three, together, monkeypatch):
    for module in ("front", "statistics"):
        monkeypatch.setattr(f"knowcost.aggregate.{module}.ROUNDS", 100)
    monkeypatch.setattr(f"{__name__}.ROUNDS", 100)
    if together:
        clusters = [f"c{i // 4}" for i in range(40)], [f"c{i // 4 + 3}" for i in range(40)]
        three = [
            group({slug: "".join(map(str, right.astype(int))) for slug, right in each.right.items()},
                  benchmark=each.benchmark, cluster=mine)
            for each, mine in zip(three, clusters, strict=True)
        ]  # fmt: skip
    found = made(three, SIZES)
    expected = brute_force(three, SIZES, together)
    assert {slug: found["m", slug]["front_share"] for slug in expected} == pytest.approx(expected)
    assert 0 < expected[INT8] < 1 and 0 < expected[HALF] < 1  # as large as each other: luck decides
    assert [found["m", slug]["on_front"] for slug in (INT8, HALF)] in ([1, 0], [0, 1])


@pytest.fixture(scope="module")
def two():
    """A large model and a small one of a series on the same facts: of the large one's 80 the small one knows 60."""
    large = group({"dense": "1" * 80 + "0" * 20, INT8: "1" * 76 + "0" * 24}, model="large")
    small = group({"dense": "1" * 60 + "0" * 20 + "1" * 20, INT8: "1" * 40 + "0" * 60}, model="small")
    return small, large


BOTH = {("large", "dense"): 100, ("large", INT8): 50, ("small", "dense"): 40, ("small", INT8): 45}


def test_a_smaller_model_is_held_against_the_largest_of_its_series(two):
    parameters = {("large", "dense"): 7, ("small", "dense"): 3}
    found = made(two, BOTH, parameters, {"large": "s", "small": "s"})
    assert {row["reference"] for row in found.values()} == {"large"}
    assert {row["series"] for row in found.values()} == {"s"}
    kept = {point: (row["kept_percent"], row["on_front"]) for point, row in found.items()}
    assert kept == {("large", "dense"): (100, 1), ("large", INT8): (95, 1), ("small", "dense"): (75, 1),
                    ("small", INT8): (50, 0)}  # fmt: skip
    alone = made(two, BOTH, parameters)
    assert {point: row["kept_percent"] for point, row in alone.items()} == {
        ("large", "dense"): 100, ("large", INT8): 95, ("small", "dense"): 100, ("small", INT8): 50,
    }  # fmt: skip
    assert {row["series"] for row in alone.values()} == {"large", "small"}
    bound = found["large", INT8]["kept_least"]  # holds for three points, not for one
    assert bound < alone["large", INT8]["kept_least"] < 95


def test_models_that_were_asked_other_facts_have_a_reference_of_their_own(two):
    small, large = two
    other = group({"dense": "1" * 60 + "0" * 30, INT8: "1" * 30 + "0" * 60}, model="other")
    sizes = BOTH | {("other", "dense"): 70, ("other", INT8): 30}
    parameters = {("large", "dense"): 7, ("small", "dense"): 3, ("other", "dense"): 5}
    found = made([small, other, large], sizes, parameters, dict.fromkeys(("large", "small", "other"), "s"))
    assert {point: row["reference"] for point, row in found.items() if point[1] == INT8} == {
        ("large", INT8): "large", ("small", INT8): "large", ("other", INT8): "other",
    }  # fmt: skip
    assert found["other", INT8]["kept_percent"] == 50 and found["other", INT8]["on_front"] == 1


def test_controls_and_those_that_were_told_are_no_points():
    answers = ["1" * 40, "1" * 30 + "0" * 10, "1" * 39 + "0", "1" * 40, "1" * 38 + "00"]
    slugs = ["dense", BITS, f"{BITS}^lora-r4~half", "dense^lora-r4", f"{BITS}^lora-r4"]
    made_of = group(dict(zip(slugs, answers, strict=True)), stated_in=["half"] * 20 + [NEVER] * 20)
    found = made([made_of], {("m", slug): 10 for slug in slugs})
    assert {slug for _, slug in found} == {"dense", BITS, f"{BITS}^lora-r4"}


def test_what_is_not_known_is_empty(two):
    small, large = two
    more = group({"dense": "1" * 50}, model="large", benchmark="c")  # the variants were not asked this one
    again = group({"dense": "1" * 50, INT8: "1" * 50}, model="small", benchmark="c")
    found = made([small, large, more, again], BOTH | {("large", "dense"): nan}, {("large", "dense"): 1}, {})
    assert np.isnan(found["large", INT8]["kept_percent"]) and np.isnan(found["large", INT8]["on_front"])
    assert np.isnan(found["large", "dense"]["front_share"])  # no bytes
    assert found["small", INT8]["front_share"] >= 0
    assert front.front([group({INT8: "1" * 9})], scores({}), {}, {}).empty  # no dense model
    assert front.front([group({"dense": "0" * 9})], scores({}), {}, {}).empty  # which knows nothing
    assert made([group({"dense": "1" * 9})], {("m", "dense"): 5})["m", "dense"]["front_share"] == 1
