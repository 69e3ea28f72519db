"""Do the intervals hold the truth, how often is a decision wrong, and how many facts does one take?

    PYTHONPATH=tests python perf/intervals.py [--times 4000] [--only coverage means decisions power tests]

Prints the tables of docs/statistics.md in some five minutes; tests/helpers/simulated.py draws the rows.
"""

import argparse
from collections import defaultdict

import interval_methods as methods
import numpy as np
from helpers.simulated import BOOLQ, TREX, Rows, change
from scipy import stats

from knowcost.aggregate import rule
from knowcost.aggregate.clustered import Sample, cluster_mcnemar, estimate, mean

BLOCK = 3_000_000  # facts x times that are drawn at once
MARGIN = 1.0
ALL = TREX + TREX[:13]  # as many relations as T-REx has
ZIPF = tuple(int(3000 / rank) for rank in range(1, 17))
HALF = (450,) + (50,) * 9


def singles(n):
    return (1,) * n


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


def drawn(rows, times, random, models=1):
    """Blocks of what Rows.draw gives."""
    size = max(1, min(times, BLOCK // rows.n))
    for start in range(0, times, size):
        yield rows.draw(random, min(size, times - start), models)


def table(head, lines):
    print("\n| " + " | ".join(head) + " |\n| --- " + "| ---: " * (len(head) - 1) + "|")
    for line in lines:
        print("| " + " | ".join(line) + " |", flush=True)


def percent(flags):
    return f"{100 * np.mean(flags):.1f}"


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
    sides = f"{percent(high < rows.lost - 1e-9)}, {percent(low > rows.lost + 1e-9)}"
    widths = [f"{np.mean(every[key][1] - every[key][0]):.2f}" for key in ("percentile", "ours")]
    return [name, f"{len(sizes)} ({effective:.0f})", f"{abs(rows.lost):.2f}", *cells, sides, *widths]


def holds(low, high, truth):
    return (low <= truth + 1e-9) & (high >= truth - 1e-9)


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
    for _ in range(times // 100):
        samples = [Sample(str(benchmark), change(*each), rows.clusters, share=share, flip=100)
                   for benchmark, rows in benchmarks.items() for each in rows.draw(random, 100, models)]  # fmt: skip
        found = estimate(samples)
        low, high = np.append(low, found.low), np.append(high, found.high)
    sides = f"{percent(high < truth)}, {percent(low > truth)}"
    return [name, f"{truth:.2f}", percent(holds(low, high, truth)), sides, f"{np.mean(high - low):.2f}"]


def kept_row(facts, kept, times):
    rows = Rows(singles(facts), forgotten=1 - kept) if isinstance(facts, int) else facts
    words = f"{rows.n:,}" if isinstance(facts, int) else "T-REx's 14 relations, 30% known, correlation 0.1"
    value, low = [], []
    for [(known, right)] in drawn(rows, times, np.random.default_rng(rows.n)):
        found = mean(np.where(known, 100.0 * right, np.nan), rows.clusters, flip=100)
        value, low = np.append(value, found.value), np.append(low, found.low)
    return [words, f"{kept:.0%}", percent(low >= 95), percent(value >= 95), percent(low > 100 * kept)]


def words_of(rows, times, seed):
    """Shares of the decisions, {word: share}."""
    found = defaultdict(float)
    for [(known, right)] in drawn(rows, times, np.random.default_rng(seed)):
        for word in rule.decided(mean(change(known, right), rows.clusters, flip=100), MARGIN)["decision"]:
            found[word] += 1 / times
    return found


def gone(n, lost, changed, sizes=None, icc=0.0):
    """Rows of which `lost` points are lost in net, and `changed` points change either way, with half of them known."""
    return Rows(sizes or singles(n), 0.5, (changed + lost) / 100, (changed - lost) / 100, icc)


def relations(count, each):
    """`count` relations that are as uneven as T-REx's, of `each` facts on average."""
    sizes = np.array((TREX * 2)[:count] if count > 28 else TREX[:: 28 // count][:count])
    return tuple(np.maximum(1, sizes * each / sizes.mean()).astype(int))


def decisions(times):
    """How often a decision is wrong where the truth is on its border."""
    designs = {"BoolQ's 3,270 in passages": (BOOLQ, 0.1, 4), "1,000 facts": (singles(1000), 0, 4),
               "1,000 facts, few change": (singles(1000), 0, 1), "245 facts": (singles(245), 0, 4),
               "50 facts": (singles(50), 0, 4), "T-REx, 28 relations of 800": (relations(28, 800), 0.02, 4),
               "T-REx, 10 relations of 800": (relations(10, 800), 0.02, 4),
               "10 relations of 50": (relations(10, 50), 0.05, 4)}  # fmt: skip
    lines = []
    for seed, (name, (sizes, icc, changed)) in enumerate(designs.items()):
        nothing, margin = (words_of(gone(0, lost, changed, sizes, icc), times, seed) for lost in (0, MARGIN))
        beyond = nothing[rule.COSTS] + nothing[rule.GAINS]
        small = nothing[rule.SMALL]
        lines.append([name, *(f"{100 * each:.1f}" for each in (beyond, small, margin[rule.EQUAL]))])
    head = ["facts", "truth 0: costs or gains", "truth 0: small but real", "truth at the margin: practically equal"]
    table(head, lines)


def power(times):
    """How often a loss is called, by how many facts there are."""
    losses = (0, 0.5, 2, 5)
    designs = {f"{n:,} facts, {changed} change": gone(n, 0, changed) for n in (50, 100, 245, 500, 1000, 2000, 4000)
               for changed in (2, 6)}  # fmt: skip
    designs |= {f"BoolQ's 3,270, {changed} change": gone(0, 0, changed, BOOLQ, 0.1) for changed in (2, 6)}
    for count, each, icc in ((10, 50, 0.02), (10, 200, 0.02), (41, 50, 0.02), (41, 200, 0.02), (41, 800, 0.02),
                             (10, 800, 0.1), (41, 800, 0.1)):  # fmt: skip
        designs[f"{count} relations of {each}, correlation {icc}"] = gone(0, 0, 6, relations(count, each), icc)
    lines = []
    for seed, (name, rows) in enumerate(designs.items()):
        changed = 100 * rows.forgotten
        cases = {lost: gone(0, lost, max(changed, lost), rows.sizes, rows.icc) for lost in losses}
        found = {lost: words_of(case, times // 4, seed) for lost, case in cases.items()}
        cells = [found[0][rule.EQUAL], found[0.5][rule.EQUAL], found[2][rule.COSTS], found[5][rule.COSTS]]
        lines.append([name, *(f"{100 * each:.0f}" for each in cells)])
    table(["facts", "0 lost: practically equal", "0.5 lost: practically equal", "2 points lost: costs",
           "5 points lost: costs"], lines)  # fmt: skip


def tests(times):
    """How often a test rejects where nothing is lost in net, at the 5% level."""
    designs = {"BoolQ": (BOOLQ, 0.1), "14 relations of 50, correlation 0.02": (relations(14, 50), 0.02),
               "14 relations of 50, correlation 0.1": (relations(14, 50), 0.1), "245 facts": (singles(245), 0),
               "250 people of 5": ((5,) * 250, 0.2)}  # fmt: skip
    lines = []
    for name, (sizes, icc) in designs.items():
        rows = gone(0, 0, 6, sizes, icc)
        random, p = np.random.default_rng(len(name)), []
        [(known, right)] = rows.draw(random, min(times // 4, 1000))
        lost, got = known & ~right, ~known & right
        for column in range(known.shape[1]):
            clusters = cluster_mcnemar(lost[:, column], got[:, column], rows.clusters)
            counts = int(lost[:, column].sum()), int(got[:, column].sum())
            p.append((clusters, stats.binomtest(counts[0], sum(counts)).pvalue if sum(counts) else 1.0))
        lines.append([name, *(percent(each < 0.05) for each in np.array(p).T)])
    table(["rows", "McNemar's test by cluster", "of single facts"], lines)
    lines = [guessing(n, share, times) for n, share in ((60, 0.5), (245, 0.5), (1000, 0.62), (245, 0.25))]
    table(["questions to a model that guesses", "right by chance", "said to know something"], lines)


def guessing(n, share, times):
    right = np.random.default_rng(n).random((n, times)) < share
    lead = mean(100.0 * (right - share), np.arange(n), flip=100)
    return [f"{n:,}", f"{share:.0%}", percent(lead.low > 0)]


if __name__ == "__main__":
    parts = {"coverage": coverage, "means": means, "decisions": decisions, "power": power, "tests": tests}
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=4000)
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts))
    asked = parser.parse_args()
    for part in asked.only:
        parts[part](asked.times)
