"""The findings of "Do Compressed LLMs Forget Knowledge?" (Hoang et al. 2024) on what brings knowledge back, as claims.

They speak of decoders of which everything was compressed in one step, with the study's main calibration data, and then
recovered on the texts that the compression looked at, as the paper does, without options of ours. Where a method was
run in several sizes these count alike: the best of several would win by luck.
"""

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from knowcost.compress.registry import METHODS
from knowcost.papers.claim import ATTENTION, PERPLEXITY, WITHIN, ByLevel, Claim, Contrasts, Group, Part, Parts, Weights
from knowcost.papers.forget_knowledge import PAPER
from knowcost.papers.forget_knowledge.domains import LANGUAGE, WORLD, domain_of
from knowcost.recover import registry
from knowcost.spec import levels
from knowcost.spec.recoveries import Recovery
from knowcost.spec.variants import DENSE, paper_step, parse

BACK = "points more brought back"
HARM = "points taken away"
LOWER = "percent of perplexity less (100 times the difference of logarithms)"
FARTHER = "hundredths of the cosine farther from the dense model"
LORA, PROMPT, PREFIX, DYNAMIC = "lora", "prompt", "prefix", "dynamic_prompt"
PROMPTS = (PROMPT, DYNAMIC)  # what the paper calls redirection, which it sets against LoRA
TOLERANCE = 0.01  # of the dense accuracy that a longer prompt may gain and still be said to gain nothing

Recovered = Mapping[Recovery, str]  # {recovery: variant}


def recovered(slugs: Collection[str]) -> dict[str, dict[Recovery, str]]:
    """{compressed variant that was run: {recovery: variant}}, smaller sizes first; none of other variants."""
    found: dict[str, dict[Recovery, str]] = {}
    for slug in sorted(slugs, key=_by_size):
        variant = parse(slug)
        recovery, before = variant.recovery, variant.unrecovered.slug
        if recovery is None or before not in slugs or recovery.options or recovery.data or len(variant.steps) != 1:
            continue
        if variant.steps[0] == paper_step(variant.steps[0].method, "overall", variant.steps[0].level):
            found.setdefault(before, {})[recovery] = slug
    return found


def _by_size(slug: str) -> tuple[list[int], str]:
    recovery = parse(slug).recovery
    return recovery.sizes if recovery else [], slug


def by_method(each: Recovered, *methods: str) -> list[str]:
    """The variants that were recovered by one of these methods."""
    return [slug for recovery, slug in each.items() if recovery.method in methods]


def name_of(compressed: str) -> str:
    """ "GPTQ (3 bit)"."""
    [step] = parse(compressed).steps
    label = METHODS[step.method].label
    return label if step.level is None else f"{label} ({levels.words(step.level)})"


def mean_less(more: Sequence[str], less: Sequence[str]) -> Weights:
    """The contrast of the mean of these variants, less the mean of those."""
    weights = dict.fromkeys(more, 1 / len(more))
    return weights | dict.fromkeys(less, -1 / len(less))


def bring_back_more(more: Sequence[str], less: Sequence[str], words: str) -> Contrasts:
    """A comparison for each compression: recoveries by the methods `more` and by those of `less`."""

    def contrasts(slugs: Collection[str]) -> dict[str, ByLevel]:
        sides = {name_of(before): (by_method(each, *more), by_method(each, *less))
                 for before, each in recovered(slugs).items()}  # fmt: skip
        return {f"{name}: {words}": {None: mean_less(*both)} for name, both in sides.items() if all(both)}

    return contrasts


def prefixes_harm(slugs: Collection[str]) -> dict[str, ByLevel]:
    """A comparison for each compression: prefix tuning, whatever its length, against nothing done."""
    made = {before: by_method(each, PREFIX) for before, each in recovered(slugs).items()}
    return {
        f"{name_of(before)}: less right with prefix tuning": {None: mean_less([before], found)}
        for before, found in made.items()
        if found
    }


def quantized_recover_more(slugs: Collection[str]) -> dict[str, ByLevel]:
    """A comparison for each pair of a quantized and a pruned variant: what the recoveries that both have bring back."""
    made = recovered(slugs)
    pruned = [before for before in made if parse(before).steps[0].kind == "prune"]
    return {
        f"{name_of(few_bits)} recovers more than {name_of(zeros)}": {None: weights}
        for few_bits in made
        for zeros in pruned
        if few_bits not in pruned and (weights := _gain(few_bits, made[few_bits], zeros, made[zeros]))
    }


def _gain(first: str, of_first: Recovered, second: str, of_second: Recovered) -> Weights:
    """The contrast of what was gained by the recoveries that both have, prefix tuning (which harms) left out."""
    shared = [each for each in of_first if each in of_second and each.method != PREFIX]
    if not shared:
        return {}
    gained = mean_less([of_first[each] for each in shared], [of_second[each] for each in shared])
    return gained | {first: -1, second: 1}


def lengths(slugs: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """(words, shortest, longest) of the prompts of each compression that has several."""
    for before, each in recovered(slugs).items():
        prompts = {recovery.sizes[0]: slug for recovery, slug in each.items() if recovery.method == PROMPT}
        if len(prompts) > 1:
            short, long = min(prompts), max(prompts)
            yield f"{name_of(before)}: {long} tokens against {short}", prompts[short], prompts[long]


def longer_prompts(weights: Weights) -> Contrasts:
    """A comparison for each compression; weights: of its shortest and longest prompt ("short", "long") and others."""

    def contrasts(slugs: Collection[str]) -> dict[str, ByLevel]:
        made: dict[str, ByLevel] = {}
        for words, short, long in lengths(slugs):
            names = {"short": short, "long": long}
            made[words] = {None: {names.get(name, name): weight for name, weight in weights.items()}}
        return made

    return contrasts


def dynamic_beats_its_prompts(slugs: Collection[str]) -> dict[str, ByLevel]:
    """A comparison for each choice among prompts and each of these: beating the better one is beating all."""
    made: dict[str, ByLevel] = {}
    for before, each in recovered(slugs).items():
        for recovery, slug in each.items():
            for part in registry.parts(parse(slug)) if recovery.method == DYNAMIC else ():
                if part.slug in slugs and part.recovery:
                    words = f"{name_of(before)}: {recovery.size} better than {part.recovery.size} alone"
                    made[words] = {None: mean_less([slug], [part.slug])}
    return made


def of_domain(domain: str) -> Parts:
    """The facts of benchmarks of a domain."""

    def parts(group: Group) -> list[Part]:
        return [(1, np.ones(len(group.facts), bool))] if domain_of(group) == domain else []

    return parts


claim = functools.partial(Claim, paper=PAPER, families=("decoder",), unit=BACK)
CLAIMS = (
    claim("recover_world", "3.2.2", "Prompts bring back more world knowledge than LoRA.",
          contrasts=bring_back_more(PROMPTS, (LORA,), "prompts against LoRA"), parts=of_domain(WORLD)),
    claim("recover_language", "3.2.2", "LoRA brings back more of what understanding language takes than prompts.",
          contrasts=bring_back_more((LORA,), PROMPTS, "LoRA against prompts"), parts=of_domain(LANGUAGE)),
    claim("recover_prefix", "3.2.2", "Prefix tuning harms.", contrasts=prefixes_harm, unit=HARM),
    claim("recover_quantized", "3.2.2", "Quantized models recover more than pruned ones.",
          contrasts=quantized_recover_more),
    claim("recover_longer_perplexity", "3.1", "Longer prompts lower perplexity.",
          contrasts=longer_prompts({"short": 1, "long": -1}), unit=LOWER, about=PERPLEXITY),
    claim("recover_longer_errors", "3.1", "Longer prompts do not make fewer errors.",
          contrasts=longer_prompts({DENSE: TOLERANCE, "short": 1, "long": -1}), unit=WITHIN),
    claim("recover_dynamic", "4.2", "Dynamic prompting beats the better of its prompts.",
          contrasts=dynamic_beats_its_prompts),
    claim("recover_attention", "4.1", "The attention of prompted models is farther from the dense model's than LoRA's.",
          contrasts=bring_back_more(PROMPTS, (LORA,), "attention with prompts against LoRA"), unit=FARTHER,
          about=ATTENTION),
)  # fmt: skip
