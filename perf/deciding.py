"""How often a decision is wrong, how many facts it takes, and how often a test rejects: tables of perf/intervals.py."""

from collections import defaultdict

import numpy as np
from helpers.simulated import BOOLQ, TREX, Rows, change
from scipy import stats
from simulating import drawn, percent, singles, table

from knowcost.aggregate import rule
from knowcost.aggregate.clustered import cluster_mcnemar, mean

MARGIN = 1.0


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
