"""The results of LLM-KICK (Jaiswal et al. 2024, "Compressing LLMs: The Truth is Rarely Pure and Never Simple"), as
claims.

Those that the cells of a run can decide. A variant matches if it loses no more than TOLERANCE of the dense accuracy, or
of the score that a judge gives the dense model's texts beside its own. All are about decoders compressed everywhere.
"""

import functools
from collections.abc import Callable, Collection, Iterator

import numpy as np

from knowcost.benchmarks.disciplines import discipline_of
from knowcost.benchmarks.kinds import KINDS
from knowcost.compress.registry import METHODS
from knowcost.papers.claim import (
    BEYOND,
    JUDGED,
    MORE,
    SERIES,
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

# What is counted where a judge scored the texts.
SCORE_MORE = "percent of the dense model's score more lost by the costlier side"
SCORE_WITHIN = "percent of the dense model's score to spare within the tolerance"
SCORE_BEYOND = "percent of the dense model's score lost beyond the tolerance"
SCORE_SIDE = "percent of the dense model's score on the finding's side of the tolerance"

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


def no_match_at_two_of_four(slugs: Collection[str]) -> dict[str, ByLevel]:
    """A comparison per method at 2:4, the only pattern that the paper has summaries of."""
    return no_match_at_patterns([slug for slug, step in of_everything(slugs) if step.level == "2of4"])


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


def half_and_eight_bits_match(slugs: Collection[str]) -> dict[str, ByLevel]:
    """Comparisons: pruned by 40 to 50%, and in 8 bits, it matches."""
    return half_matches(slugs) | eight_bits(matches, "matches")(slugs)


def match_to_a_quarter(slugs: Collection[str]) -> dict[str, ByLevel]:
    """Two comparisons per method that has both: the highest level of 15 to 25% matches, the lowest of 30 to 40% does
    not."""
    low, high = pruned(slugs, 15, 25), pruned(slugs, 30, 40)
    made: dict[str, ByLevel] = {}
    for method in (name for name in low if name in high):
        most, least = max(low[method].items()), min(high[method].items())
        made[f"{PRUNING[method]} by {most[0]}% matches"] = {None: matches(most[1])}
        made[f"{PRUNING[method]} by {least[0]}% does not match"] = {None: loses(least[1])}
    return made


def _and(levels: Collection[int]) -> str:
    """ "40% and 60%"."""
    return " and ".join(f"{level}%" for level in sorted(levels))


def asked(*kinds: str) -> Parts:
    """The facts of benchmarks of these kinds."""
    return lambda group: [(1, np.ones(len(group.facts), bool))] if group.kind in kinds else []


def pruned_at_all(slugs: Collection[str]) -> dict[str, ByLevel]:
    """A comparison per method of a dense model with everything pruned, at any level."""
    return {
        f"everything pruned ({PRUNING[method]})": {level: {DENSE: 1, slug: -1} for level, slug in sorted(each.items())}
        for method, each in pruned(slugs, 1, 99).items()
    }


def humanities_less_stem(group: Group) -> list[Part]:
    """MMLU's facts of humanities and social sciences, less those of STEM."""
    if group.kind != "mmlu":
        return []
    discipline = group.facts["relation"].map(discipline_of())
    parts = [(1, discipline.isin(["humanities", "social sciences"])), (-1, discipline == "STEM")]
    return [(sign, facts.to_numpy()) for sign, facts in parts] if all(facts.any() for _, facts in parts) else []


def long_less_short(group: Group) -> list[Part]:
    """Summaries of long stories, less those of short ones."""
    if not KINDS[group.kind].sized:
        return []
    parts = [(sign, (group.facts["relation"] == name).to_numpy()) for sign, name in ((1, "large"), (-1, "small"))]
    return parts if all(facts.any() for _, facts in parts) else []


claim = functools.partial(Claim, paper=PAPER, families=("decoder",))
of_judged = functools.partial(claim, about=JUDGED)
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
    claim("kick_smaller_dense", "overall 5",
          "A smaller dense model knows more than a larger one that was pruned to as many weights.",
          contrasts=pruned_at_all, unit=MORE, about=SERIES),
    claim("kick_open_book", "overall 6", "Given the evidence, models pruned by 40 to 50% still match.",
          contrasts=half_matches, unit=WITHIN, parts=asked("triviaqa_open")),
    claim("kick_unique_tokens", "instruction following", "In conversations, pruned models use fewer different tokens.",
          contrasts=pruning_costs, unit=FEWER, about=UNIQUE_TOKENS),
    of_judged("kick_summaries", "summarization", "Summaries survive: pruned by 40 to 50%, or in 8 bits, models match.",
              contrasts=half_and_eight_bits_match, unit=SCORE_WITHIN, parts=asked("summary")),
    of_judged("kick_long_stories", "summarization", "Summaries of long stories lose more than those of short ones.",
              contrasts=pruning_costs, unit=SCORE_MORE, parts=long_less_short),
    of_judged("kick_summaries_bits", "summarization", "8 bits cost summaries less than pruning half of the weights.",
              contrasts=eight_bits_beat_half_the_weights, unit=SCORE_MORE, parts=asked("summary")),
    of_judged("kick_summaries_patterns", "summarization", "No pruning method matches at 2:4 in summaries.",
              contrasts=no_match_at_two_of_four, unit=SCORE_BEYOND, parts=asked("summary")),
    of_judged("kick_conversations", "instruction following",
              "In conversations, pruned models match up to 25%, and no further.",
              contrasts=match_to_a_quarter, unit=SCORE_SIDE, parts=asked("conversation")),
    of_judged("kick_conversations_patterns", "instruction following",
              "No pruning method matches at N:M in conversations.",
              contrasts=no_match_at_patterns, unit=SCORE_BEYOND, parts=asked("conversation")),
)  # fmt: skip
