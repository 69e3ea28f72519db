"""The verdicts on the papers' findings once more, by docs/statistics.md and with nothing of knowcost.

A finding is read here from its sentence, as comparisons: weighted sums of cells that are positive where it is true.
Those of LLM-KICK that speak of FreebaseQA, MMLU or TriviaQA are not recomputed.
"""

import re
from collections import defaultdict

import numpy as np
import recompute_recovery_claims as recoveries
from by_hand import decision, holm, interval, p_value

FULL = 50
FEWEST = 6  # clusters that make a difference
MAJORITY = "the majority baseline"
ATTENTION, FORWARD, ALL, FINAL = "attention", "feed_forward", "overall", "final"
GENERATIVE = ("encoder_decoder", "decoder")
FAMILIES = ("encoder", *GENERATIVE)


def prune(scope, level):
    return f"magnitude-{level}@{scope}"


def int8(scope, _=None):
    return f"int8@{scope}"


def both(scope, level):
    return f"{prune(scope, level)}+int8@{scope}"


def single(method, level):
    return f"{method}-{level}@final"


def more(made, worse, better, first, last):
    """From the levels that were run, the comparison at each: what `worse` loses less what `better` loses."""

    def of(slugs):
        levels = sorted({int(level) for slug in slugs for level in re.findall(r"-(\d+)@", slug)})
        run = [x for x in levels if first <= x <= last and {made(worse, x), made(better, x)} & slugs]
        return [{level: {made(better, level): 1, made(worse, level): -1} for level in run}] if run else []

    return of


def eight(worse, better):
    return lambda slugs: [{None: {int8(better): 1, int8(worse): -1}}]


def several(*comparisons):
    return lambda slugs: [each for of in comparisons for each in of(slugs)]


def cliff(slugs):
    levels = [int(level) for slug in slugs for level in re.findall(r"^magnitude-(\d+)@overall$", slug)]
    low, high = max([x for x in levels if x <= 50], default=0), max([x for x in levels if x > 50], default=0)
    if not low or not high:
        return []
    before, after = 10 / low, 10 / (high - low)
    return [{None: {"dense": -before, prune(ALL, low): before + after, prune(ALL, high): -after}}]


def majority(slugs):
    return [{None: {single(how, 20): -1, MAJORITY: 1}} for how in ("magnitude", "magnitude_structured")]


def pruned(slugs, first, last):
    """{method: {level: variant}} of everything pruned, in the order of the variants' names."""
    found = defaultdict(dict)
    for slug in sorted(slugs):
        match = re.match(r"^(magnitude|magnitude_layer|wanda|sparsegpt)-(\d+)@overall$", slug)
        if match and first <= int(match[2]) <= last:
            found[match[1]][int(match[2])] = slug
    return found


def beyond(slug):
    return {None: {"dense": 0.95, slug: -1}}


def trivial(slugs):
    return [beyond(each[max(each)]) for each in pruned(slugs, 25, 35).values()]


def patterns(slugs):
    of = re.compile(r"^(magnitude|magnitude_layer|wanda|sparsegpt)-\d+of\d+@overall$")
    return [beyond(slug) for slug in sorted(slugs) if of.match(slug)]


def eight_or_half(slugs):
    of_eight = [slug for slug in sorted(slugs) if re.match(r"^(int8|(gptq|rtn)-8bit[^@~]*)@overall$", slug)]
    half = pruned(slugs, 40, 60).values()
    return [{x: {bits: 1, slug: -1} for x, slug in sorted(each.items())} for bits in of_eight for each in half]


def as_good(slugs):
    found, made = pruned(slugs, 1, 30), []
    simple = found["magnitude_layer"] or found["magnitude"]
    for method in ("wanda", "sparsegpt"):
        shared = sorted(set(found[method]) & set(simple))
        if shared:
            made.append({x: {"dense": 0.05, simple[x]: 1, found[method][x]: -1} for x in shared})
    return made


CLAIMS = {
    "prune_medium_feed_forward": (("encoder",), more(prune, FORWARD, ATTENTION, 30, 50)),
    "prune_medium_attention": (GENERATIVE, more(prune, ATTENTION, FORWARD, 30, 50)),
    "prune_everything": (
        FAMILIES, several(more(prune, ALL, ATTENTION, 1, 99), more(prune, ALL, FORWARD, 1, 99))),
    "prune_cliff": (FAMILIES, cliff),
    "int8_feed_forward": (FAMILIES, eight(FORWARD, ATTENTION)),
    "int8_everything": (FAMILIES, several(eight(ALL, ATTENTION), eight(ALL, FORWARD))),
    "prune_int8_20": (FAMILIES, more(both, FORWARD, ATTENTION, 20, 20)),
    "prune_int8_40": (("encoder", "decoder"), more(both, FORWARD, ATTENTION, 40, 40)),
    "prune_int8_40_attention": (("encoder_decoder",), more(both, ATTENTION, FORWARD, 40, 40)),
    "final_rows": (("encoder",), more(single, "magnitude_structured", "magnitude", 1, 99)),
    "final_majority": (GENERATIVE, majority),
    "kick_trivial_sparsity": (("decoder",), trivial),
    "kick_patterns": (("decoder",), patterns),
    "kick_quantization": (("decoder",), eight_or_half),
    "kick_magnitude": (("decoder",), as_good),
} | recoveries.CLAIMS  # fmt: skip


class Measured:
    """A comparison on the models of a family: numbers, and whether enough clusters bear them."""

    def __init__(self, models, weights):
        cells = [cell for each in models for cell in each]
        of_baseline = MAJORITY in weights
        heavy = {
            cell: float(not np.isnan(cell.baseline)) if of_baseline else cell.knows * min(1, cell.known.sum() / FULL)
            for cell in cells
        }
        heavy = {cell: weight for cell, weight in heavy.items() if weight and len(set(cell.clusters)) > 1}
        sums = defaultdict(float)
        for cell, weight in heavy.items():
            sums[cell.model] += weight
        shares = {cell: weight / sums[cell.model] / len(sums) for cell, weight in heavy.items()}
        variants = {slug: weight for slug, weight in weights.items() if slug != MAJORITY}
        flip = 100 * max(sum(w for w in variants.values() if w > 0), -sum(w for w in variants.values() if w < 0))
        parts, clusters, allowance = [], set(), 0.0
        for cell, share in shares.items():
            values = 100 * sum(weight * cell.right[slug].astype(float) for slug, weight in variants.items())
            values = values + (100 * weights[MAJORITY] * cell.baseline + 5 if of_baseline else 0)
            noise = np.sqrt(sum((w * cell.noise[slug]) ** 2 for slug, w in variants.items() if slug != "dense"))
            parts.append(cell.part(values, None, share, noise, flip))
            right = [cell.right[slug] for slug in variants]
            differs = np.any([each != right[0] for each in right], axis=0)
            clusters |= set(cell.clusters[differs])
            allowance += 100 * share * sum(weights.values()) * cell.known.mean()
        self.known = bool(parts)
        if parts:
            self.value, self.low, self.high = (round(float(each), 9) for each in interval(parts))
            self.p = p_value(parts)
            allowance = self.value if of_baseline else round(allowance, 9)
            side = self.value - self.low if self.value > 0 else self.high - self.value
            here = {name for cell in shares for name in cell.clusters}
            stays = len(here) >= FEWEST and allowance * self.value > 0 and min(abs(allowance), abs(self.value)) > side
            self.clusters, self.differing = len(here), len(clusters)
            self.borne = stays or len(clusters) >= FEWEST
            margin = not of_baseline and abs(sum(weights.values())) < 1e-9
            self.equal = margin and decision(self.value, self.low, self.high) == "practically equal"


def judged(measured):
    """(p of the verdict, whether it is against the claim, which comparison speaks most against it)."""
    p = [1.0 if each.equal or not each.borne or np.isnan(each.p) else each.p for each in measured]
    good = [x if each.value > 0 else 1.0 for x, each in zip(p, measured, strict=True)]
    bad = [x if each.value < 0 else 1.0 for x, each in zip(p, measured, strict=True)]
    holds, fails = max(good), min(1.0, len(p) * min(bad))
    against = [(bad[i], 0, 0) for i in range(len(p))]
    least = [(not each.equal, -good[i], each.value) for i, each in enumerate(measured)]
    order = against if fails < holds else least
    return min(holds, fails), fails < holds, order.index(min(order))


def verdicts(claims):
    """{name: verdict, p after Holm's correction over all of them}; claims: {name: measured comparisons}."""
    found = {name: judged(measured) for name, measured in claims.items()}
    corrected = holm({name: each[0] for name, each in found.items()})
    made = {}
    for name, (_, against, _) in found.items():
        some = "fails" if against else "holds"
        sure = corrected[name] < 0.05
        equal = any(each.equal for each in claims[name])
        word = some if sure and against else "no difference" if equal else some if sure else "not precise enough"
        made[name] = word, corrected[name]
    return made


def recompute(families):
    """{(claim, family): columns of the table claims}; families: {family: {model: Cells}}."""
    measured, levels = {}, {}
    for name, (of, comparisons) in CLAIMS.items():
        for family in set(of) & set(families):
            models = recoveries.models_of(name, families[family].values())
            slugs = {slug for each in models for cell in each for slug in cell.right}
            made = comparisons(slugs)
            needs = {slug for by in made for each in by.values() for slug in each} - {MAJORITY}
            if not made or any(needs - set(cell.right) for each in models for cell in each):
                continue
            means = [{slug: sum(each.get(slug, 0) for each in by.values()) / len(by)
                      for slug in {slug: 0 for each in by.values() for slug in each}} for by in made]  # fmt: skip
            each = [Measured(models, mean) for mean in means]
            if all(one.known for one in each):
                measured[name, family] = each
                wanted = sorted({level for by in made if len(by) > 1 for level in by})
                at = {x: [Measured(models, by[x]) for by in made if x in by and len(by) > 1] for x in wanted}
                levels[name, family] = verdicts(at) if at else {}
    rows = {}
    for key, (word, corrected) in verdicts(measured).items():
        worst = measured[key][judged(measured[key])[2]]
        if any(at != word for at, _ in levels[key].values()) and word in ("holds", "fails"):
            word += " in part"
        rows[key] = {"estimate": worst.value, "low": worst.low, "high": worst.high, "p": worst.p, "verdict": word,
                     "clusters": worst.clusters, "differing": worst.differing,
                     "holm_p": corrected}  # fmt: skip
    return rows
