"""The tables `recovered` and `recovered_overlap` once more, by docs/statistics.md and with nothing of knowcost."""

import math
from itertools import combinations

import numpy as np
from by_hand import decision, differing, holm, interval, needed
from recompute import mean_loss, parts_of
from scipy import stats


class Model:
    """What one model was asked: cells of which something may be known, and facts that none was told."""

    def __init__(self, cells):
        self.untold = [cell for cell in cells if is_untold(cell)]
        self.told = [cell for cell in cells if not is_untold(cell)]
        self.all = [*self.told, *self.untold]
        slugs = dict.fromkeys(slug for cell in self.all for slug in cell.right)
        self.pairs = [(slug, under(slug)) for slug in slugs if "^" in slug and under(slug) in slugs]
        self.pairs = [pair for pair in self.pairs if pair[1] != "dense"]


def is_untold(cell):
    return bool((cell.facts["stated_in"] == "never").all())


def under(slug):
    return slug.partition("^")[0]


def lost(cell, compressed):
    return cell.known & ~cell.right[compressed]


def any_right(cell, slugs):
    return np.any([cell.right[slug] for slug in slugs], axis=0)


def guess(cell):
    """1 / choices of every fact, 0 of open questions."""
    found = []
    for row in cell.facts.to_dict("records"):
        choices = row.get("candidates", row.get("options", row.get("endings")))
        closed = not ("answers" in row or ("cloze" in row and choices is None))
        found.append(1 / (4 if "distractor1" in row else len(choices) if choices is not None else 2) if closed else 0.0)
    return np.round(found, 9)


def share(parts, weight=1.0):
    """What by_hand.interval takes of the percent right of all parts together, facts counting alike.

    parts: (cell, which facts, slugs under any of which they count as right).
    """
    whole = sum(inside.sum() for _, inside, _ in parts)
    made = []
    for cell, inside, slugs in parts:
        if inside.any():
            values = np.where(inside, 100.0 * any_right(cell, slugs), np.nan)
            noise = max(cell.noise[slug] for slug in slugs)
            made.append(cell.part(values, None, weight * inside.sum() / whole, noise))
    return made


def ends(parts):
    return interval(parts) if parts else (np.nan,) * 3


def count(parts, right=False):
    return sum((inside & any_right(cell, slugs)).sum() if right else inside.sum() for cell, inside, slugs in parts)


def never_told(cell, chance):
    """Which facts no model was ever told, of those with this chance of a guess."""
    return (cell.facts["stated_in"] == "never").to_numpy() & (guess(cell) == chance)


def chance(model, parts, compressed, slugs):
    """((percent, low, high), facts never told, those of them right, by what), of as many choices as the parts have."""
    numbers = np.concatenate([guess(cell)[inside] for cell, inside, _ in parts] or [np.zeros(0)])
    made, seen, guessed, by = [], [], 0.0, {}
    for each in np.unique(numbers):
        weight = (numbers == each).mean()
        never = [(cell, never_told(cell, each) & ~cell.right[compressed], slugs) for cell in model.all
                 if {compressed, *slugs} <= set(cell.right)]  # fmt: skip
        if count(never):
            made, seen = made + share(never, weight), seen + never
        else:
            guessed += 100 * weight * each
        by["facts never told" if count(never) else "guessing"] = None
    if not len(numbers):
        return (np.nan,) * 3, 0, 0, ""
    value, low, high = interval(made) if made else (0.0, 0.0, 0.0)
    return (value + guessed, low + guessed, high + guessed), count(seen), count(seen, right=True), " and ".join(by)


def recovered(model, expected):
    """{(variant, benchmark): row} of the table `recovered`; expected: the benchmarks of the family."""
    rows = {}
    for slug, compressed in model.pairs:
        for cell in model.told:
            if {slug, compressed} <= set(cell.right):
                rows[slug, cell.benchmark] = _recovered(model, [cell], slug, compressed, alone=True)
        mine = {cell.benchmark for cell in model.told if {slug, compressed} <= set(cell.right)}
        if mine == expected:
            rows[slug, ""] = _recovered(model, model.told, slug, compressed, alone=False)
    return rows


def _recovered(model, cells, slug, compressed, alone):
    control = f"dense^{slug.partition('^')[2]}"

    def mean(of, variant):
        if alone:
            parts = [cell.part(*of(cell), noise=cell.noise[variant]) for cell in cells]
            return interval(parts), parts
        return mean_loss(of, [cells], variant), parts_of(of, [cells], variant)

    def change(cell):
        return cell.loss("drop", slug)[0] - cell.loss("drop", compressed)[0], None

    def beyond(cell):
        return change(cell)[0] - cell.loss("drop", control)[0], None

    counted = cells if alone else [cell for cell in cells if cell.knows]
    gone = [(cell, lost(cell, compressed), [slug]) for cell in counted]
    kept = [cell.known & cell.right[compressed] & ~cell.right[slug] for cell in counted]
    row = {"compressed": compressed, "recovery": slug.partition("^")[2], "n": sum(cell.n for cell in cells)}
    row |= {"known": sum(cell.known.sum() for cell in counted), "lost": count(gone)}
    row |= {"returned": count(gone, right=True), "harmed": sum(each.sum() for each in kept)}
    row |= named("returned_percent", "returned", ends(share(gone)))
    by_chance = chance(model, gone, compressed, [slug])
    row |= {"chance_percent": by_chance[0][0], "chance_by": by_chance[3]}
    (value, low, high), parts = mean(change, slug)
    row |= named("regained_points", "regained", (-value, -high, -low))
    row |= _decided(value, low, high, parts, counted)
    row |= named("drop_points", "drop", mean(lambda cell: cell.loss("drop", slug), slug)[0])
    there = all(control in cell.right for cell in cells)
    for name, of, noisy in (("control", lambda cell: cell.loss("drop", control), control), ("net", beyond, slug)):
        (value, low, high), parts = mean(of, noisy) if there else ((np.nan,) * 3, [])
        row |= named(f"{name}_points", name, (-value, -high, -low))
    row["net_decision"] = "" if math.isnan(value) else decision(value, low, high, differing(parts))
    return row


def _decided(value, low, high, parts, cells):
    if math.isnan(value):
        return {"decision": "not precise enough", "needed": np.nan}
    row = {"decision": decision(value, low, high, differing(parts)), "needed": np.nan}
    if row["decision"] == "not precise enough":
        facts = sum(cell.facts["fact"].nunique() for cell in cells)
        row["needed"] = needed(facts, value, low, high, differing(parts) == 0)
    return row


def named(value, name, numbers):
    return dict(zip((value, f"{name}_low", f"{name}_high"), numbers, strict=True))


def overlap(cell):
    """{(compressed, a, b): row} of the table `recovered_overlap`, a before b in the alphabet."""
    pairs = sorted((slug, under(slug)) for slug in cell.right if "^" in slug and not slug.startswith("dense^"))
    rows = {}
    for (one, compressed), (other, also) in combinations(pairs, 2):
        if compressed == also and compressed in cell.right and lost(cell, compressed).any():
            key = compressed, one.partition("^")[2], other.partition("^")[2]
            rows[key] = _overlap(cell, lost(cell, compressed), one, other)
    for key, p in holm({key: row["overlap_p"] for key, row in rows.items()}).items() if rows else ():
        rows[key]["overlap_holm_p"] = p
    if cell.facts["fact"].duplicated().any():
        rows = {key: row | {"overlap_p": np.nan, "overlap_holm_p": np.nan} for key, row in rows.items()}
    return rows


def _overlap(cell, inside, one, other):
    sure = np.log(cell.probability["dense"])[inside]
    ranks = stats.rankdata(sure, nan_policy="omit")
    quarters = np.nan_to_num(np.ceil(4 * (ranks - 0.5) / max((~np.isnan(sure)).sum(), 1)))
    a, b = cell.right[one][inside], cell.right[other][inside]
    expected, chances = 0.0, np.ones(1)
    for quarter in np.unique(quarters):
        n, first, second = (int(each[quarters == quarter].sum()) for each in (np.ones(len(a)), a, b))
        expected += first * second / n
        chances = np.convolve(chances, stats.hypergeom.pmf(np.arange(min(first, second) + 1), n, first, second))
    both, either = int((a & b).sum()), int((a | b).sum())
    row = {"lost": len(a), "returned_a": a.sum(), "returned_b": b.sum(), "both": both, "expected": expected}
    row |= {"expected_crude": a.sum() * b.sum() / len(a), "jaccard": both / either if either else np.nan}
    return row | {"overlap_p": min(1.0, chances[both:].sum())}
