"""A variant in words, recovered or not: what sentences, tables and captions say in place of its slug."""

from knowcost.compress import wording
from knowcost.compress.registry import METHODS
from knowcost.recover.registry import label
from knowcost.spec import levels
from knowcost.spec.families import LABELS
from knowcost.spec.variants import (
    BROUGHT,
    DENSE,
    GROUPINGS,
    Step,
    method_and_data,
    parse,
    parted,
    treatments,
    unstepped,
)

# What labels call methods whose own words are long.
SHORT = {"magnitude": "pruned", "magnitude_layer": "pruned by layer", "magnitude_structured": "rows pruned",
         "rtn": "RTN"}  # fmt: skip


def in_words(slug: str) -> str:
    """ "everything in 3 bit (GPTQ), recovered by LoRA r4"; else as compress/wording.py has it."""
    words, recovery = wording.in_words(slug), parse(slug).recovery
    if recovery is None:
        return words
    before = "the dense model" if words == DENSE else words
    return f"{before}, recovered by {label(str(recovery))}"


def in_few_words(slug: str) -> str:
    """As the label of a point has it: "GPTQ 4 bit", "pruned 20% + int8, attention", "2:4 Wanda + LoRA r4"; layers are
    named where it is not everything. "dense" of the dense model, and its name of what was compressed elsewhere."""
    variant = parse(slug)
    parts = [_few(step) + _where(step) * variant.mixed for step in variant.steps]
    parts = parts or [variant.brought or variant.unrecovered.slug]
    if variant.steps and not variant.mixed:
        parts[-1] += _where(variant.steps[0])
    if variant.calibration:
        parts[-1] += f" ({variant.calibration})"
    return " + ".join([*parts, *([label(str(variant.recovery))] if variant.recovery else [])])


def methods_in_few_words(method: str) -> str:
    """What such labels call a Variant.method, without data and recovery: "pruned + int8", "Wanda"."""
    before, _ = parted(method)
    if name := unstepped(before):
        return DENSE if name == DENSE else LABELS[BROUGHT]
    return " + ".join(_name(method_and_data(each)[0]) for each in treatments(before))


def _name(method: str) -> str:
    return SHORT.get(method, METHODS[method].label)


def _few(step: Step) -> str:
    name = _name(step.method)
    if step.level is None:
        return name
    if levels.kind(step.level) == "pattern":
        return f"{levels.words(step.level)} {name}"
    if not isinstance(step.level, str):
        return f"{name} {levels.words(step.level)}"
    bits = levels.bits(step.level)
    return f"{name} {bits.bits} bit" + (f" g{bits.group_size}" if bits.group_size else "") + " act" * bits.act_order


def _where(step: Step) -> str:
    if step.scope == "overall":
        return ""
    return f", {LABELS[step.scope]}" + (f" ({step.grouping})" if step.grouping != GROUPINGS[0] else "")
