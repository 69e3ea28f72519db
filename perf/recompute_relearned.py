"""The table `relearned` once more, by docs/statistics.md and with nothing of knowcost."""

import math
from collections import defaultdict

import numpy as np
from by_hand import interval
from recompute_returned import any_right, chance, count, ends, lost, named, share

FEWEST = 6  # clusters that have to make a difference


def relearned(model):
    """{(compressed, recovery, texts): row} of the table `relearned`."""
    told_by = {name for cell in model.all for name in cell.facts["stated_in"].dropna()} - {"never"}
    found = defaultdict(dict)
    for slug, compressed in model.pairs:
        recovery, _, texts = slug.partition("^")[2].partition("~")
        of_base = compressed.rpartition("~")[2] if "~" in compressed else "main"  # what the compression looked at
        found[compressed, recovery][texts or of_base] = slug
    rows = {}
    for told in told_by:
        for (compressed, recovery), texts in found.items():
            ways = {name: [slug] for name, slug in texts.items()}
            if {"main", told} <= set(texts):
                ways[f"main or {told}"] = [texts["main"], texts[told]]
            taught = _taught(model, compressed, texts[told], told) if told in texts else None
            for words, slugs in ways.items():
                rows[compressed, recovery, words] = _relearned(model, compressed, slugs, told, taught)
    return rows


def split(model, compressed, slugs, told):
    """(lost facts that no text states, those that the half states), as `share` takes them."""
    untold, stated = [], []
    for cell in model.told:
        where = cell.facts["stated_in"]
        if (where == told).any() and cell.knows and {compressed, *slugs} <= set(cell.right):
            untold.append((cell, lost(cell, compressed) & where.isna().to_numpy(), slugs))
            stated.append((cell, lost(cell, compressed) & (where == told).to_numpy(), slugs))
    return untold, stated


def _taught(model, compressed, slug, told):
    untold, stated = split(model, compressed, [slug], told)
    if not count(untold) or not count(stated):
        return (np.nan,) * 3
    return interval(share(stated) + share(untold, -1))


def _relearned(model, compressed, slugs, told, taught):
    untold, stated = split(model, compressed, slugs, told)
    back = ends(share(untold))
    by_chance, never, hits, by = chance(model, untold, compressed, slugs)
    left = [(1 - each[0] / 100, 1 - each[2] / 100, 1 - each[1] / 100) for each in (back, by_chance)]
    forgotten = [100 * each for each in ratio(*left)]
    row = {"told_by": told, "lost": count(untold) + count(stated), "untold": count(untold), "told": count(stated)}
    row |= {"untold_returned": count(untold, right=True), "told_returned": count(stated, right=True)}
    row |= named("untold_percent", "untold", back) | named("told_percent", "told", ends(share(stated)))
    row |= named("taught_points", "taught", taught or (np.nan,) * 3) | named("chance_percent", "chance", by_chance)
    row |= {"never": never, "never_right": hits, "chance_by": by} | named("forgotten_percent", "forgotten", forgotten)
    row |= named("displaced_percent", "displaced", [100 - forgotten[place] for place in (0, 2, 1)])
    people = [set(), set()]  # with an untold fact that did not return, and with one that did
    for cell, inside, _ in untold:
        for returned in (False, True):
            people[returned] |= set(cell.clusters[inside & (any_right(cell, slugs) == returned)])
    clusters = len(people[True]), len(people[False])
    return row | {"decision": verdict(row, clusters, taught)}


def verdict(row, clusters, taught):
    """clusters: people with an untold fact that returned, and with one that did not."""
    if taught is None:
        return "not run"
    if math.isnan(row["displaced_low"]) or math.isnan(row["displaced_high"]):
        return "not precise enough"
    displaced = row["displaced_low"] > 0 and clusters[0] >= FEWEST
    forgotten = row["displaced_high"] < 100 and clusters[1] >= FEWEST and taught[1] > 0
    if displaced or forgotten:
        return "both" if displaced and forgotten else "displaced" if displaced else "forgotten"
    return "not precise enough" if taught[1] > 0 else "the recovery taught nothing"


def ratio(above, below):
    """a / b with the interval of Donner and Zou; (value, low, high) of each, b's upper end cut at 1."""
    (a, a1, a2), (b, b1, b2) = above, below
    if any(map(math.isnan, (*above, *below))) or b <= 0:
        return (np.nan,) * 3
    if b1 <= 0:
        return a / b, np.nan, np.nan
    b2 = max(min(b2, 1.0), b)
    low = a * b - math.sqrt(max(0.0, (a * b) ** 2 - a1 * b2 * (2 * a - a1) * (2 * b - b2)))
    high = a * b + math.sqrt(max(0.0, (a * b) ** 2 - a2 * b1 * (2 * a - a2) * (2 * b - b1)))
    return a / b, low / (b2 * (2 * b - b2)), high / (b1 * (2 * b - b1))
