"""The results of LLM-KICK (Jaiswal et al. 2024, "Compressing LLMs: The Truth is Rarely Pure and Never Simple"), as
claims.

Those that the cells of a run can decide: not what is said of summaries and conversations, which other models judge, nor
of larger against smaller models. A variant matches if it loses no more than TOLERANCE of the dense accuracy. All are
about decoders compressed everywhere.
"""

import re

import numpy as np

from knowcost.benchmarks.disciplines import discipline_of
from knowcost.papers.claim import Claim
from knowcost.spec.families import LABELS
from knowcost.spec.variants import DENSE

PAPER = "LLM-KICK"
TOLERANCE = 0.05  # of the dense accuracy that a matching variant may lose, as the paper has it
PRUNING = {name: LABELS[name] for name in ("magnitude", "magnitude_layer", "wanda", "sparsegpt")}
_PERCENT = re.compile(rf"({'|'.join(PRUNING)})-(\d+)@overall")
_PATTERN = re.compile(rf"({'|'.join(PRUNING)})-(\d+)of(\d+)@overall")
_EIGHT_BITS = re.compile(r"int8@overall|(gptq|rtn)-8bit[a-z0-9-]*@overall")


def loses(slug):
    """The contrast that is positive if a variant does not match."""
    return {DENSE: 1 - TOLERANCE, slug: -1}


def matches(slug):
    """The contrast that is positive if a variant matches."""
    return {DENSE: TOLERANCE - 1, slug: 1}


def pruned(slugs, first, last):
    """{method: {percent: variant}} of everything pruned by `first` to `last` percent."""
    found = {}
    for match in filter(None, map(_PERCENT.fullmatch, sorted(slugs))):
        if first <= int(match[2]) <= last:
            found.setdefault(match[1], {})[int(match[2])] = match[0]
    return found


def no_match_at_trivial_sparsity(slugs):
    """A contrast per method, at the highest level from 25 to 35%."""
    levels = {method: max(each.items()) for method, each in pruned(slugs, 25, 35).items()}
    return {f"{PRUNING[m]} by {level}% does not match": loses(slug) for m, (level, slug) in levels.items()}


def no_match_at_patterns(slugs):
    found = filter(None, map(_PATTERN.fullmatch, sorted(slugs)))
    return {f"{PRUNING[f[1]]} at {f[2]}:{f[3]} does not match": loses(f[0]) for f in found}


def eight_bits_beat_half_the_weights(slugs):
    """A contrast per pair of 8-bit variant and method, pruned by 40 to 60% (the mean of those levels)."""
    made = {}
    for bits in filter(_EIGHT_BITS.fullmatch, sorted(slugs)):
        for method, each in pruned(slugs, 40, 60).items():
            at = " and ".join(f"{level}%" for level in sorted(each))
            made[f"{PRUNING[method]} by {at} costs more than {bits.split('@')[0]}"] = {
                bits: 1, **{slug: -1 / len(each) for slug in each.values()}
            }  # fmt: skip
    return made


def eight_bits(judge, words):
    """Contrasts: each 8-bit variant `loses` or `matches`."""

    def contrasts(slugs):
        return {f"{slug.split('@')[0]} {words}": judge(slug) for slug in filter(_EIGHT_BITS.fullmatch, sorted(slugs))}

    return contrasts


def everything_costs(slugs):
    """Contrasts of the loss itself: each method's pruning by up to 60% (mean of its levels), and each 8-bit variant."""
    made = {}
    for method, each in pruned(slugs, 1, 60).items():
        shares = {slug: -1 / len(each) for slug in each.values()}
        made[f"{PRUNING[method]} by up to {max(each)}% (mean of {len(each)} levels)"] = {DENSE: 1, **shares}
    for slug in filter(_EIGHT_BITS.fullmatch, sorted(slugs)):
        made[slug.split("@")[0]] = {DENSE: 1, slug: -1}
    return made


def magnitude_keeps_up(slugs):
    """Contrasts: at levels up to 30%, magnitude (by layer, as the paper's code prunes, if it was run) loses at most
    TOLERANCE more than Wanda and SparseGPT."""
    found, made = pruned(slugs, 1, 30), {}
    simple = "magnitude_layer" if "magnitude_layer" in found else "magnitude"
    for method in ("wanda", "sparsegpt"):
        levels = sorted(found.get(method, {}).keys() & found.get(simple, {}).keys())
        if levels:
            weights = {found[simple][level]: 1 / len(levels) for level in levels}
            weights |= {found[method][level]: -1 / len(levels) for level in levels}
            at = " and ".join(f"{level}%" for level in levels)
            made[f"{PRUNING[simple]} by {at} is as good as {PRUNING[method]}"] = {DENSE: TOLERANCE, **weights}
    return made


def half_matches(slugs):
    """A contrast per method: pruned by 40 to 50%, the highest such level, it matches."""
    levels = {method: max(each.items()) for method, each in pruned(slugs, 40, 50).items()}
    return {f"{PRUNING[method]} by {level}% matches": matches(slug) for method, (level, slug) in levels.items()}


def asked(*kinds):
    """The facts of benchmarks of these kinds."""
    return lambda group: [(1, np.ones(len(group.facts), bool))] if group.kind in kinds else []


def humanities_less_stem(group):
    """MMLU's facts of humanities and social sciences, less those of STEM."""
    if group.kind != "mmlu":
        return []
    discipline = group.facts["relation"].map(discipline_of())
    parts = [(1, discipline.isin(["humanities", "social sciences"])), (-1, discipline == "STEM")]
    return [(sign, facts.to_numpy()) for sign, facts in parts] if all(facts.any() for _, facts in parts) else []


def _claim(id, section, sentence, contrasts, parts=None):
    more = {"parts": parts} if parts else {}
    return Claim(f"kick_{id}", section, sentence, ("decoder",), contrasts, PAPER, **more)


CLAIMS = (
    _claim("trivial_sparsity", "overall 1", "Pruned by 25 to 35%, models already fall short of a match.",
           no_match_at_trivial_sparsity),
    _claim("patterns", "overall 2", "No pruning method matches at N:M sparsity.", no_match_at_patterns),
    _claim("quantization", "overall 3", "8 bits cost less than pruning half of the weights.",
           eight_bits_beat_half_the_weights),
    _claim("eight_bits_facts", "factoid QA", "Even 8 bits fall short of a match when the answer is not given.",
           eight_bits(loses, "does not match"), asked("freebaseqa")),
    _claim("eight_bits_mmlu", "MMLU", "8 bits match when answers are given to choose from.",
           eight_bits(matches, "matches"), asked("mmlu")),
    _claim("disciplines", "MMLU", "Humanities and social sciences lose more than STEM.",
           everything_costs, humanities_less_stem),
    _claim("magnitude", "MMLU, MT-Bench", "Up to 30%, magnitude pruning does as well as Wanda and SparseGPT.",
           magnitude_keeps_up),
    _claim("open_book", "overall 6", "Given the evidence, models pruned by 40 to 50% still match.",
           half_matches, asked("triviaqa_open")),
)  # fmt: skip
