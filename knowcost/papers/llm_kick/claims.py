"""The results of LLM-KICK (Jaiswal et al. 2024, "Compressing LLMs: The Truth is Rarely Pure and Never Simple"), as
claims.

Those that the cells of a run can decide: not what is said of summaries and conversations, which other models judge, nor
of larger against smaller models. A variant matches if it loses no more than TOLERANCE of the dense accuracy. All are
about decoders compressed everywhere.
"""

import functools
from collections.abc import Callable, Collection, Iterator

import numpy as np

from knowcost.benchmarks.disciplines import discipline_of
from knowcost.compress.registry import METHODS
from knowcost.papers.claim import (
    BEYOND,
    MORE,
    UNIQUE_TOKENS,
    WITHIN,
    ByLevel,
    Claim,
    Contrasts,
    Group,
    Part,
    Parts,
    Weights,
)
from knowcost.spec import levels
from knowcost.spec.variants import DENSE, Step, paper_step, parse

PAPER = "LLM-KICK"
TOLERANCE = 0.05  # of the dense accuracy that a matching variant may lose, as the paper has it
FEWER = "different tokens fewer in an answer"
PRUNING = {name: METHODS[name].label for name in ("magnitude", "magnitude_layer", "wanda", "sparsegpt")}


def of_everything(slugs: Collection[str]) -> Iterator[tuple[str, Step]]:
    """(variant, its step) of every variant of one step that acts on everything, with the study's main calibration data;
    in the order of their names; not of recovered ones."""
    for slug in sorted(slugs):
        variant = parse(slug)
        steps = () if variant.recovery else variant.steps
        if len(steps) == 1 and steps[0] == paper_step(steps[0].method, "overall", steps[0].level):
            yield slug, steps[0]


def in_eight_bits(slugs: Collection[str]) -> list[tuple[str, str]]:
    """[(variant, its method and level)] of everything in 8 bits, by whichever method."""
    return [(slug, step.name) for slug, step in of_everything(slugs) if step.method == "int8" or _bits(step) == 8]


def _bits(step: Step) -> int | None:
    """Bits per weight of a step that is given a number of them, else None."""
    given = isinstance(step.level, str) and levels.kind(step.level) in ("bits", "actorder")
    return levels.bits(str(step.level)).bits if given else None


def loses(slug: str) -> Weights:
    """The contrast that is positive if a variant does not match."""
    return {DENSE: 1 - TOLERANCE, slug: -1}


def matches(slug: str) -> Weights:
    """The contrast that is positive if a variant matches."""
    return {DENSE: TOLERANCE - 1, slug: 1}


def pruned(slugs: Collection[str], first: int, last: int) -> dict[str, dict[int, str]]:
    """{method: {percent: variant}} of everything pruned by `first` to `last` percent."""
    found: dict[str, dict[int, str]] = {}
    for slug, step in of_everything(slugs):
        if step.method in PRUNING and isinstance(step.level, int) and first <= step.level <= last:
            found.setdefault(step.method, {})[step.level] = slug
    return found


def no_match_at_trivial_sparsity(slugs: Collection[str]) -> dict[str, ByLevel]:
    """A comparison per method, at the highest level from 25 to 35%."""
    highest = {method: max(each.items()) for method, each in pruned(slugs, 25, 35).items()}
    return {f"{PRUNING[m]} by {level}% does not match": {None: loses(slug)} for m, (level, slug) in highest.items()}


def no_match_at_patterns(slugs: Collection[str]) -> dict[str, ByLevel]:
    """A comparison per method and N:M pattern."""
    return {
        f"{PRUNING[step.method]} at {levels.words(str(step.level))} does not match": {None: loses(slug)}
        for slug, step in of_everything(slugs)
        if step.method in PRUNING and levels.kind(step.level) == "pattern"
    }


def eight_bits_beat_half_the_weights(slugs: Collection[str]) -> dict[str, ByLevel]:
    """A comparison per pair of 8-bit variant and method, pruned by 40 to 60%."""
    return {
        f"{PRUNING[method]} by {_and(each)} costs more than {name}": {
            level: {bits: 1, slug: -1} for level, slug in sorted(each.items())
        }
        for bits, name in in_eight_bits(slugs)
        for method, each in pruned(slugs, 40, 60).items()
    }


def eight_bits(judge: Callable[[str], Weights], words: str) -> Contrasts:
    """Comparisons: each 8-bit variant `loses` or `matches`."""

    def contrasts(slugs: Collection[str]) -> dict[str, ByLevel]:
        return {f"{name} {words}": {None: judge(slug)} for slug, name in in_eight_bits(slugs)}

    return contrasts


def pruning_costs(slugs: Collection[str]) -> dict[str, ByLevel]:
    """Comparisons of the loss itself: each method's pruning by up to 60%."""
    made: dict[str, ByLevel] = {}
    for method, each in pruned(slugs, 1, 60).items():
        words = f"{PRUNING[method]} by up to {max(each)}% (mean of {len(each)} levels)"
        made[words] = {level: {DENSE: 1, slug: -1} for level, slug in sorted(each.items())}
    return made


def everything_costs(slugs: Collection[str]) -> dict[str, ByLevel]:
    """Comparisons of the loss itself: each method's pruning by up to 60%, and each 8-bit variant."""
    in_bits: dict[str, ByLevel] = {name: {None: {DENSE: 1, slug: -1}} for slug, name in in_eight_bits(slugs)}
    return pruning_costs(slugs) | in_bits


def magnitude_keeps_up(slugs: Collection[str]) -> dict[str, ByLevel]:
    """Comparisons: at levels up to 30%, magnitude (by layer, as the paper's code prunes, if it was run) loses at most
    TOLERANCE more than Wanda and SparseGPT."""
    found = pruned(slugs, 1, 30)
    made: dict[str, ByLevel] = {}
    simple = "magnitude_layer" if "magnitude_layer" in found else "magnitude"
    for method in ("wanda", "sparsegpt"):
        shared = sorted(found.get(method, {}).keys() & found.get(simple, {}).keys())
        if shared:
            words = f"{PRUNING[simple]} by {_and(shared)} is as good as {PRUNING[method]}"
            made[words] = {
                level: {DENSE: TOLERANCE, found[simple][level]: 1, found[method][level]: -1} for level in shared
            }
    return made


def half_matches(slugs: Collection[str]) -> dict[str, ByLevel]:
    """A comparison per method: pruned by 40 to 50%, the highest such level, it matches."""
    highest = {method: max(each.items()) for method, each in pruned(slugs, 40, 50).items()}
    return {f"{PRUNING[m]} by {level}% matches": {None: matches(slug)} for m, (level, slug) in highest.items()}


def _and(levels: Collection[int]) -> str:
    """ "40% and 60%"."""
    return " and ".join(f"{level}%" for level in sorted(levels))


def asked(*kinds: str) -> Parts:
    """The facts of benchmarks of these kinds."""
    return lambda group: [(1, np.ones(len(group.facts), bool))] if group.kind in kinds else []


def humanities_less_stem(group: Group) -> list[Part]:
    """MMLU's facts of humanities and social sciences, less those of STEM."""
    if group.kind != "mmlu":
        return []
    discipline = group.facts["relation"].map(discipline_of())
    parts = [(1, discipline.isin(["humanities", "social sciences"])), (-1, discipline == "STEM")]
    return [(sign, facts.to_numpy()) for sign, facts in parts] if all(facts.any() for _, facts in parts) else []


claim = functools.partial(Claim, paper=PAPER, families=("decoder",))
CLAIMS = (
    claim("kick_trivial_sparsity", "overall 1", "Pruned by 25 to 35%, models already fall short of a match.",
          contrasts=no_match_at_trivial_sparsity, unit=BEYOND),
    claim("kick_patterns", "overall 2", "No pruning method matches at N:M sparsity.",
          contrasts=no_match_at_patterns, unit=BEYOND),
    claim("kick_quantization", "overall 3", "8 bits cost less than pruning half of the weights.",
          contrasts=eight_bits_beat_half_the_weights, unit=MORE),
    claim("kick_eight_bits_facts", "factoid QA", "Even 8 bits fall short of a match when the answer is not given.",
          contrasts=eight_bits(loses, "does not match"), unit=BEYOND, parts=asked("freebaseqa")),
    claim("kick_eight_bits_mmlu", "MMLU", "8 bits match when answers are given to choose from.",
          contrasts=eight_bits(matches, "matches"), unit=WITHIN, parts=asked("mmlu")),
    claim("kick_disciplines", "MMLU", "Humanities and social sciences lose more than STEM.",
          contrasts=everything_costs, unit=MORE, parts=humanities_less_stem),
    claim("kick_magnitude", "MMLU, MT-Bench", "Up to 30%, magnitude pruning does as well as Wanda and SparseGPT.",
          contrasts=magnitude_keeps_up, unit=WITHIN),
    claim("kick_open_book", "overall 6", "Given the evidence, models pruned by 40 to 50% still match.",
          contrasts=half_matches, unit=WITHIN, parts=asked("triviaqa_open")),
    claim("kick_unique_tokens", "instruction following", "In conversations, pruned models use fewer different tokens.",
          contrasts=pruning_costs, unit=FEWER, about=UNIQUE_TOKENS),
)  # fmt: skip
