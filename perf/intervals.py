"""Do the intervals hold the truth, how often is a decision wrong, and how many facts does one take?

    PYTHONPATH=tests python perf/intervals.py [--times 4000] [--only coverage means ...]

Prints the tables of docs/statistics.md in some five minutes; tests/helpers/simulated.py draws the rows.
"""

import argparse
from collections import defaultdict

import interval_methods as methods
import numpy as np
from deciding import decisions, power, tests
from helpers.simulated import BOOLQ, TREX, Rows, change
from simulating import drawn, percent, singles, table

from knowcost.aggregate.clustered import Sample, estimate, mean

ALL = TREX + TREX[:13]  # as many relations as T-REx has
ZIPF = tuple(int(3000 / rank) for rank in range(1, 17))
HALF = (450,) + (50,) * 9


def trex(relations, icc, forgotten=0.1, gained=0.01):
    return Rows((ALL * 2)[:relations] if relations > 28 else TREX[:: 28 // relations][:relations], 0.3, forgotten,
                gained, icc)  # fmt: skip


def boolq(forgotten, gained):
    return Rows(BOOLQ, 0.75, forgotten, gained, 0.1)


COVERAGE = {
    "T-REx, 10 relations, correlation 0.02": trex(10, 0.02),
    "T-REx, 10 relations, correlation 0.05": trex(10, 0.05),
    "T-REx, 10 relations, correlation 0.2": trex(10, 0.2),
    "T-REx, 14 relations, correlation 0.1": trex(14, 0.1),
    "T-REx, 28 relations, correlation 0.1": trex(28, 0.1),
    "T-REx, 41 relations, correlation 0.02": trex(41, 0.02),
    "T-REx, 41 relations, correlation 0.2": trex(41, 0.2),
    "T-REx, 41 relations, correlation 0.1, small loss": trex(41, 0.1, 0.02, 0.0014),
    "16 relations as uneven as Zipf's law, correlation 0.02": Rows(ZIPF, 0.4, 0.1, 0.01, 0.02),
    "the same, correlation 0.1": Rows(ZIPF, 0.4, 0.1, 0.01, 0.1),
    "the same, larger relations lose more": Rows(ZIPF, 0.4, 0.1, 0.01, 0.1, slope=0.5),
    "10 relations, half of the facts in one, 0.1": Rows(HALF, 0.5, 0.1, 0.02, 0.1),
    "5 relations of 250, correlation 0.05": Rows((250,) * 5, 0.9, 0.1, 0.02, 0.05),
    "BoolQ, as much gained as lost": boolq(0.02, 0.06),
    "BoolQ, half a point": boolq(0.01, 0.01),
    "BoolQ, 1 point": boolq(0.02, 0.02),
    "BoolQ, 3 points": boolq(0.05, 0.03),
    "BoolQ, 10 points": boolq(0.2, 0.2),
    "250 people of 5 facts, 2.3 points": Rows((5,) * 250, 0.95, 0.025, 0.01, 0.2),
    "245 facts, 5% lost": Rows(singles(245), forgotten=0.05),
    "245 facts, lost and gained": Rows(singles(245), 0.6, 0.1, 0.075),
    "100 facts, 10% lost": Rows(singles(100), forgotten=0.1),
    "100 facts, 1 loss expected": Rows(singles(100), forgotten=0.01),
    "50 facts, 8% lost": Rows(singles(50), forgotten=0.08),
    "10 facts, 20% lost": Rows(singles(10), forgotten=0.2),
    "1,000 facts, nothing lost": Rows(singles(1000)),
    "1,000 facts, 1 loss expected": Rows(singles(1000), forgotten=0.001),
    "1,000 facts, 2 losses expected": Rows(singles(1000), forgotten=0.002),
    "1,000 facts, 5 losses expected": Rows(singles(1000), forgotten=0.005),
    "1,000 facts, 10 losses expected": Rows(singles(1000), forgotten=0.01),
}


def coverage(times):
    head = ["rows", "clusters (effective)", "true loss", "percentile bootstrap", "bootstrap-t", "t of cluster means",
            "CR2, Bell and McCaffrey", "CR3, t(G - 1)", "ours", "ours too low, too high", "width, percentile",
            "width, ours"]  # fmt: skip
    table(head, (coverage_row(name, rows, times, seed) for seed, (name, rows) in enumerate(COVERAGE.items())))


def coverage_row(name, rows, times, seed):
    random, sizes = np.random.default_rng([seed, 1]), np.array(rows.sizes, float)
    starts = np.concatenate([[0], np.cumsum(rows.sizes)[:-1]])
    found = defaultdict(list)
    for [(known, right)] in drawn(rows, times, random):
        values = change(known, right)
        sums = np.add.reduceat(values, starts, axis=0)
        for key, ends in zip(("percentile", "t"), methods.bootstraps(sums, sizes, random), strict=True):
            found[key].append(ends)
        found["means"].append(methods.cluster_means(sums, sizes))
        found["bell"].append(methods.bell_mccaffrey(sums, sizes) if len(sizes) <= 1000 else np.full((2, 1), np.nan))
        found["jackknife"].append(methods.jackknife(sums, sizes))
        ours = mean(values, rows.clusters, flip=100)
        found["ours"].append((ours.low, ours.high))
    every = {key: np.concatenate(each, axis=1) for key, each in found.items()}
    effective = sizes.sum() ** 2 / (sizes**2).sum()
    cells = [
        percent(holds(*low_high, rows.lost)) if not np.isnan(low_high).any() else "" for low_high in every.values()
    ]
    low, high = every["ours"]
    widths = [width(*every[key]) for key in ("percentile", "ours")]
    return [
        name,
        f"{len(sizes)} ({effective:.0f})",
        f"{abs(rows.lost):.2f}",
        *cells,
        sides(low, high, rows.lost),
        *widths,
    ]


def holds(low, high, truth):
    return (low <= truth + 1e-9) & (high >= truth - 1e-9)


def sides(low, high, truth):
    return f"{percent(high < truth - 1e-9)}, {percent(low > truth + 1e-9)}"


def width(low, high):
    return f"{np.mean(high - low):.2f}"


FAMILIES = {  # {words: ({benchmark: rows}, models)}
    "two benchmarks: T-REx's 10 relations, BoolQ": ({"a": trex(10, 0.1), "b": boolq(0.05, 0.03)}, 1),
    "three, one of 50 facts": ({"a": trex(10, 0.1), "b": boolq(0.05, 0.03), "c": Rows(singles(50), forgotten=0.08)}, 1),
    "three of 50, 100 and 245 facts": (
        {n: Rows(singles(n), forgotten=rate) for n, rate in ((50, 0.02), (100, 0.05), (245, 0.05))}, 1),
    "two models on T-REx's 14 relations": ({"a": trex(14, 0.1)}, 2),
    "two models on both": ({"a": trex(10, 0.1), "b": boolq(0.02, 0.02)}, 2),
    "three models on 245 facts": ({"a": Rows(singles(245), forgotten=0.05)}, 3),
}  # fmt: skip


def means(times):
    """Means over benchmarks and models, and of shares kept."""
    table(["mean over", "true loss", "holds", "too low, too high", "width"], map(family_row, FAMILIES, [times] * 9))
    lines = [kept_row(*case, times) for case in
             ((245, 0.94), (245, 0.95), (1250, 0.94), (1250, 0.95), (100, 0.9), (trex(14, 0.1), 0.9))]  # fmt: skip
    table(["facts known", "truly kept", "shown to keep 95%", "point estimate at 95%", "lower end too high"], lines)


def family_row(name, times):
    benchmarks, models = FAMILIES[name]
    random, share = np.random.default_rng(len(name)), 1 / len(benchmarks) / models
    truth = np.mean([rows.lost for rows in benchmarks.values()])
    low, high = [], []
    for _ in range(max(1, times // 100)):
        samples = [Sample(str(benchmark), change(*each), rows.clusters, share=share, flip=100)
                   for benchmark, rows in benchmarks.items() for each in rows.draw(random, 100, models)]  # fmt: skip
        found = estimate(samples)
        low, high = np.append(low, found.low), np.append(high, found.high)
    return [name, f"{truth:.2f}", percent(holds(low, high, truth)), sides(low, high, truth), width(low, high)]


def probabilities(times):
    """Changes of the probability of the right answer: a little for most facts, much for a share of them."""
    designs = {"250 people of 5, 0.5% change much": ((5,) * 250, 0.005, 0.1),
               "250 people of 5, 2% change much": ((5,) * 250, 0.02, 0.1), "245 facts, 2%": (singles(245), 0.02, 0),
               "1,000 facts, 1%": (singles(1000), 0.01, 0), "T-REx, 28 relations, 2%": (TREX, 0.02, 0.1),
               "T-REx, 10 relations, 5%": (TREX[::3], 0.05, 0.1)}  # fmt: skip
    lines = (probability_row(name, *each, times) for name, each in designs.items())
    table(["probabilities", "true change", "holds", "too low, too high", "width"], lines)


def probability_row(name, sizes, share, correlation, times):
    random, truth = np.random.default_rng(len(sizes)), 100 * (0.65 * share + 0.002 * (1 - share))
    low, high = [], []
    much = Rows(sizes, forgotten=share, icc=correlation)
    for [(_, right)] in drawn(much, times, random):
        lost = np.where(right, random.exponential(0.002, right.shape), random.uniform(0.3, 1, right.shape))
        found = mean(100 * lost, much.clusters, flip=100)
        low, high = np.append(low, found.low), np.append(high, found.high)
    return [name, f"{truth:.2f}", percent(holds(low, high, truth)), sides(low, high, truth), width(low, high)]


def kept_row(facts, kept, times):
    rows = Rows(singles(facts), forgotten=1 - kept) if isinstance(facts, int) else facts
    words = f"{rows.n:,}" if isinstance(facts, int) else "T-REx's 14 relations, 30% known, correlation 0.1"
    value, low = [], []
    for [(known, right)] in drawn(rows, times, np.random.default_rng(rows.n)):
        found = mean(np.where(known, 100.0 * right, np.nan), rows.clusters, flip=100)
        value, low = np.append(value, found.value), np.append(low, found.low)
    return [words, f"{kept:.0%}", percent(low >= 95), percent(value >= 95), percent(low > 100 * kept)]


if __name__ == "__main__":
    parts = {
        "coverage": coverage,
        "means": means,
        "probabilities": probabilities,
        "decisions": decisions,
        "power": power,
        "tests": tests,
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=4000)
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts))
    asked = parser.parse_args()
    for part in asked.only:
        parts[part](asked.times)
