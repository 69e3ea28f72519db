"""A variant in words, what sentences, tables and captions say in place of its slug."""

from knowcost.compress.registry import METHODS
from knowcost.spec import levels
from knowcost.spec.families import LABELS
from knowcost.spec.variants import GROUPINGS, LOST, Step, parse

LAYERS = {
    "feed_forward": "feed-forward layers",
    "final": "the final layer",
}  # the words of sentences where they differ from LABELS
BY_ITSELF = {"magnitude", "int8"}  # methods that the words "pruned" and "in int8" name


def in_words(slug: str) -> str:
    """ "everything pruned by 40%, then in int8", "attention in 4 bit (GPTQ)"; of one compressed elsewhere its name.

    How it was recovered is no matter here (recover/wording.py)."""
    variant = parse(slug).unrecovered
    if not variant.steps:
        return variant.brought or variant.slug
    first, *rest = variant.steps
    words, before = f"{scope_in_words(first.scope, first.grouping)} {_done(first)}", first
    if first.method == "magnitude_structured":
        words = f"{levels.words(first.level or '')} of the final layer's rows removed"
    for step in rest:
        same = (step.scope, step.grouping) == (before.scope, before.grouping)
        where = "" if same else scope_in_words(step.scope, step.grouping) + " "
        words, before = f"{words}, then {where}{_done(step)}", step
    return words


def scope_in_words(scope: str, grouping: str = GROUPINGS[0]) -> str:
    """ "everything", "feed-forward layers", "attention (canonical grouping)"."""
    words = LAYERS.get(scope) or LABELS[scope]
    return words if grouping in (GROUPINGS[0], "") else f"{words} ({grouping} grouping)"


def _done(step: Step) -> str:
    """What a step did: "pruned by 40%", "pruned 2:4 (Wanda)", "in int8", "in 4 bit (GPTQ on wikitext2)"."""
    if step.method == LOST:
        return "lost as published"
    names = [] if step.method in BY_ITSELF else [METHODS[step.method].label]
    names += [f"on {step.calibration}"] if step.calibration else []
    name = f" ({' '.join(names)})" if names else ""
    if step.level is None:
        return f"in {METHODS[step.method].label}{name}"
    how = {"percent": "pruned by", "pattern": "pruned"}.get(levels.kind(step.level) or "", "in")
    return f"{how} {levels.words(step.level)}{name}"
