"""The formulas of docs/statistics.md, with nothing of knowcost; perf/recompute.py applies them to the rows of a run."""

import numpy as np
import pandas as pd
from scipy import optimize, stats

MARGIN = 1.0


def estimate(parts):
    """(value, se, df, third moment) of a sum of share x sum(values) / sum(over).

    parts: dicts with benchmark, clusters, facts, values (nan where they are not spoken of), over, share, noise, and
    flip, what one change would add to the sum of values.
    """
    value, square, third, welch = 0.0, 0.0, 0.0, 0.0
    for together in dependent(parts):
        moved, bears, benchmarks = pd.Series(dtype=float), pd.Series(dtype=float), {}
        for part in together:
            sums = pd.DataFrame({"g": part["clusters"], "v": part["values"], "w": part["over"]}).dropna()
            part["n"] = len(set(part["facts"][~np.isnan(part["values"])]))  # phrasings of one fact are one
            part["rows"], sums = len(sums), sums.groupby("g").sum()
            v, w, part["w"] = sums["v"], sums["w"], abs(sums["w"].sum())
            whole = v.sum() / w.sum()
            value += part["share"] * whole
            mine = part["share"] * (whole - (v.sum() - v) / (w.sum() - w))
            before, asked = benchmarks.get(part["benchmark"], (pd.Series(dtype=float), []))
            benchmarks[part["benchmark"]] = before.add(mine, fill_value=0), [*asked, part]
            moved = moved.add(mine, fill_value=0)
            bears = bears.add((part["share"] * w / w.sum()).abs(), fill_value=0)
        if len(moved) < 2:
            return value, np.nan, np.nan, np.nan
        df = max(bears.sum() ** 2 / (bears**2).sum() - 1, 1)
        here, t = jackknife(moved), stats.t.ppf(0.975, df)
        for mine, asked in benchmarks.values():
            unseen = sum(abs(e["share"]) * e["flip"] * e["rows"] / e["w"] * t**2 / (e["n"] + t**2) for e in asked)
            noise = sum(abs(e["share"]) * e["noise"] * len(e["values"]) / e["w"] for e in asked)
            here += max((max(unseen, noise) / t) ** 2 - jackknife(mine), 0)
        square, third, welch = square + here, third + (moved**3).sum(), welch + here**2 / df
    return value, np.sqrt(square), square**2 / welch, third


def jackknife(moved):
    return (len(moved) - 1) / len(moved) * (moved**2).sum()


def dependent(parts):
    """Lists of parts: those of one benchmark, and of benchmarks of which a cluster has the same name, are in one."""
    names = {}
    for part in parts:
        names.setdefault(part["benchmark"], set()).update(part["clusters"])
    label = {benchmark: benchmark for benchmark in names}
    for one in names:
        for other in names:
            if names[one] & names[other]:
                old, new = label[other], label[one]
                label = {benchmark: new if each == old else each for benchmark, each in label.items()}
    return [[part for part in parts if label[part["benchmark"]] == each] for each in dict.fromkeys(label.values())]


def differing(parts):
    """How many clusters hold a value that is not zero."""
    found = set()
    for number, mine in enumerate(dependent(parts)):
        for part in mine:
            found |= {(number, name) for name in part["clusters"][np.abs(part["values"]) > 1e-9]}
    return len(found)


def ends(found, t):
    """The interval of t standard errors and of its skew."""
    value, se, _, third = found
    longer = np.clip(t**2 / 2 * third / se**2, -t * se, t * se)
    return value - t * se + min(longer, 0), value + t * se + max(longer, 0)


def interval(parts, level=0.95):
    """(value, low, high)."""
    found = estimate(parts)
    return found[0], *ends(found, stats.t.ppf((1 + level) / 2, found[2]))


def p_value(parts):
    """1 less the level of the interval that just reaches zero."""
    found = value, se, df, _ = estimate(parts)
    if np.isnan(se) or value == 0:
        return np.nan if np.isnan(se) else 1.0
    side = 0 if value > 0 else 1
    t = optimize.brentq(lambda t: ends(found, t)[side], 0, 1.001 * abs(value) / se, xtol=1e-14, rtol=1e-14)
    return 2 * stats.t.sf(t, df)


def decision(value, low, high, differing=np.inf):
    """differing: clusters that make the difference."""
    if low > -MARGIN and high < MARGIN:
        return "practically equal"
    if differing < 6:
        return "not precise enough"
    if low > 0:
        return "costs" if value > MARGIN else "small but real"
    if high < 0:
        return "gains" if value < -MARGIN else "small but real"
    return "not precise enough"


def needed(facts, value, low, high, same):
    """So many facts as would leave out zero, or lie within the margin, if the width falls with the root of their number
    (with their number where nothing changed)."""
    below, above = value - low, high - value
    apart = value / below if value > 0 else -value / above
    within = min((MARGIN + value) / below, (MARGIN - value) / above)
    return np.ceil(facts / max(apart, within) ** (1 if same else 2))


def mcnemar(lost, got, clusters):
    """The share of all choices of the clusters' signs with a sum as far from zero as the one seen."""
    net = pd.Series(lost.astype(int) - got.astype(int)).groupby(np.asarray(clusters)).sum()
    reach = int(net.abs().sum())
    chances = np.zeros(2 * reach + 1)
    chances[reach] = 1
    for size in net[net != 0].abs():
        chances = (np.roll(chances, size) + np.roll(chances, -size)) / 2
    return chances[np.abs(np.arange(-reach, reach + 1)) >= abs(net.sum())].sum()


def holm(p):
    p = pd.Series(p)
    order = p.sort_values().index
    return (p[order] * np.arange(len(p), 0, -1)).cummax().clip(upper=1)


def choices(row):
    """(number of choices, place or answer that is right) of a benchmark's row."""
    for name in ("options", "endings"):
        if name in row:
            return len(row[name]), row["label"]
    if "candidates" in row:
        return len(row["candidates"]), (row["relation"], row["answer"])
    if "distractor1" in row:
        return 4, None
    return 2, row["label"] if "label" in row else row["answer"]


def baseline(facts):
    """The larger of what the most frequent right place or answer gives and of guessing; nan for open questions."""
    rows = facts.to_dict("records")
    if "answers" in facts or ("candidates" not in facts and "cloze" in facts):
        return np.nan
    if "candidates" in facts and facts["candidates"].isna().any():
        return np.nan
    numbers, right = zip(*map(choices, rows), strict=True)
    counts = pd.Series(right, dtype=object).value_counts()
    if "candidates" in facts:  # the most frequent answer of each relation
        counts = counts.groupby(np.array([str(relation) for relation, _ in counts.index])).max()
        most = counts.sum()
    else:
        most = 0 if right[0] is None else counts.max()
    return max(most / len(rows), np.mean([1 / number for number in numbers]))
