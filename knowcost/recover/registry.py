"""Every method of recovery, by its name in slugs, and whether a recovery can be had of a variant.

To add a method: one module in methods/ with a class derived from method.Method, and its place in METHODS.
"""

from collections.abc import Sequence

from knowcost.common.errors import InputError
from knowcost.compress.registry import is_dynamic
from knowcost.compress.registry import name_of as compression
from knowcost.recover.method import KL, Method
from knowcost.recover.methods.dynamic_prompt import DynamicPrompt
from knowcost.recover.methods.eora import EoRA
from knowcost.recover.methods.lora import LoRA
from knowcost.recover.methods.mask_lora import MaskLoRA
from knowcost.recover.methods.prefix import Prefix
from knowcost.recover.methods.prompt import Prompt
from knowcost.spec import variants
from knowcost.spec.recoveries import Recovery, parse
from knowcost.spec.variants import Variant

_ALL: tuple[type[Method], ...] = (LoRA, MaskLoRA, EoRA, Prompt, Prefix, DynamicPrompt)
METHODS: dict[str, Method] = {method.name: method() for method in _ALL}


def method_of(recovery: Recovery) -> Method:
    """The method of a recovery. Raises InputError for one that is not known."""
    if recovery.method not in METHODS:
        raise InputError(f"recovery {str(recovery)!r}: no method {recovery.method!r}; known: {', '.join(METHODS)}")
    return METHODS[recovery.method]


def check(recovery: Recovery) -> None:
    """Raise InputError unless the method takes such a size and such options."""
    method, where = method_of(recovery), f"recovery {str(recovery)!r}"
    if recovery.is_rank != method.takes_rank:
        example = f"{method.name}-r4" if method.takes_rank else f"{method.name}-{'50+100' if method.many else '50'}"
        raise InputError(f"{where}: {method.name} takes a size like {example}")
    if (len(recovery.sizes) > 1) != method.many:
        number = "several sizes, such as 50+100" if method.many else "one size"
        raise InputError(f"{where}: {method.name} takes {number}")
    if len(set(recovery.sizes)) < len(recovery.sizes):
        raise InputError(f"{where}: two prompts of one length would be the same prompt; give each another length")
    if recovery.sizes != sorted(recovery.sizes):
        raise InputError(f"{where}: write the smaller size first")
    unknown = [option for option in recovery.options if option not in method.options]
    if unknown or list(recovery.options) != sorted(set(recovery.options)):
        known = ", ".join(method.options) or "none"
        raise InputError(f"{where}: {method.name} takes the options {known}, each once and in alphabetical order")


def check_rank(recovery: Recovery, sides: Sequence[int]) -> None:
    """Raise InputError for a rank that no layer can have. sides: of each layer of the blocks the smaller one."""
    if sides and method_of(recovery).takes_rank and recovery.sizes[0] > max(sides):
        raise InputError(
            f"recovery {str(recovery)!r}: no layer of the blocks has a rank above {max(sides):,}; name a smaller one"
        )


def check_variant(variant: Variant, family: str) -> None:
    """Raise InputError for a recovered variant of a family that there cannot be."""
    if variant.recovery is None:
        return
    check(variant.recovery)
    where, method = f"variant {variant.slug!r}", method_of(variant.recovery)
    if variant.brought:
        raise InputError(
            f"{where}: a version that was compressed elsewhere is asked as it is; recover variants made here"
        )
    if family not in method.families:
        raise InputError(
            f"{where}: {method.name} does not recover a model of family {family!r}, only {', '.join(method.families)}; "
            "give the experiment the key `families`"
        )
    if is_dynamic(variant.unrecovered.slug):
        raise InputError(
            f"{where}: dynamic int8 quantizes activations as they come, through which nothing can be learnt; recover "
            "variants whose weights alone are compressed"
        )
    _check_steps(where, variant, method)


def _check_steps(where: str, variant: Variant, method: Method) -> None:
    """Raise InputError where a method has nothing to do, or would undo, what the steps of a variant did."""
    if not method.controlled and not variant.steps:
        raise InputError(f"{where}: the dense model lost nothing that {method.name} could make up for; take it out")
    if method.calibrated and all(step.scope == "final" for step in variant.steps):
        raise InputError(
            f"{where}: {method.name} makes up for what the layers of the blocks lost, and this changes the final layer "
            "alone; recover variants of another scope"
        )
    if method.merges and any(step.kind != "prune" for step in variant.steps):
        raise InputError(
            f"{where}: {method.name} is merged into the weights and keeps their zeros, so it is for variants that were "
            "pruned and nothing else (it would take quantized weights off their grid); take lora here"
        )


def parts(variant: Variant) -> list[Variant]:
    """The variants whose archives a recovered one is put together from: the prompts of dynamic prompting."""
    recovery = variant.recovery
    if recovery is None or (part := method_of(recovery).part) is None:
        return []
    options = tuple(option for option in recovery.options if option in METHODS[part].options)
    made = [Recovery(part, str(size), options, recovery.data) for size in recovery.sizes]
    return [Variant(variant.steps, recovery=each) for each in made]


def looks_at(variant: Variant) -> list[Variant]:
    """The variants, beside the one that it stands on, whose weights a recovery looks at: the dense model, or none."""
    recovery = variant.recovery
    return [Variant()] if recovery is not None and KL in recovery.options else []


def label(text: str) -> str:
    """The words of figures and report for a recovery: "LoRA r4", "prompt 50", "LoRA r4, kl (wikitext2)"."""
    recovery = parse(text)
    options = "".join(f", {option}" for option in recovery.options)
    data = f" ({recovery.data})" if recovery.data else ""
    return f"{method_of(recovery).label} {recovery.size}{options}{data}"


def name_of(word: str) -> str:
    """The words for a Variant.method, recovered or not: "GPTQ, recovered by LoRA r4"."""
    before, recovery = variants.parted(word)
    return compression(before) + (f", recovered by {label(recovery)}" if recovery else "")


def recoveries_of(words: Sequence[str]) -> list[str]:
    """The recoveries among Variant.methods, each once."""
    found = (variants.parted(word)[1] for word in words)
    return list(dict.fromkeys(recovery for recovery in found if recovery))
