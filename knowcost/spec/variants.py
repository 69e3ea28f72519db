"""Variants: what was done to a model, written as a slug that is also a folder name.

    dense
    magnitude-40@attention
    magnitude-40@attention+int8@attention
    magnitude_structured-20@final
    magnitude-40@canonical.attention        (no prefix: the grouping of the paper)
    sparsegpt-2of4@overall+gptq-4bit-g128@overall
    wanda-50@overall~wikitext2              (no suffix: the study's main calibration data)
    brought-my-awq                          (compressed elsewhere: the row `my-awq` of the model table)
    gptq-3bit@overall^lora-r4               (and then recovered)
    dense^lora-r4                           (the same recovery of the dense model, as a control)

A slug is a list of steps joined by "+"; a step is method[-level]@[grouping.]scope[~calibration]. levels.py says what a
level may be. A version that people already have takes no steps here, and is called after its row. Behind "^" stands how
a variant was recovered (recoveries.py).
"""

import functools
import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from knowcost.common.errors import InputError
from knowcost.spec import levels, recoveries
from knowcost.spec.recoveries import MARK, Recovery

DENSE = "dense"
BROUGHT = "brought"  # the experiment of versions that were compressed elsewhere, and how their slugs begin
LOST = "lost"  # the step that loses a pruned final layer as the published code did (compress/methods/lost_head.py)

ATTENTION_PARTS = ("self_attention", "cross_attention", "encoder_attention", "decoder_attention")  # encoder-decoders'
SCOPES = ("attention", "feed_forward", "overall", "final", *ATTENTION_PARTS)  # in the order of manifests
GROUPINGS = ("paper", "canonical")
AS_PUBLISHED = "as_published"
RECOVER = "recover"  # the experiment of variants that were recovered
EXPERIMENTS = ("dense", "prune", "quantize", "prune_quantize", "final_unstructured", "final_structured",
               "prune_pattern", "quantize_bits", "other", RECOVER, BROUGHT)  # fmt: skip

_STEP = re.compile(
    rf"(?P<method>[a-z][a-z0-9_]*)(-(?P<level>{levels.SLUG}))?"
    rf"@((?P<grouping>{'|'.join(GROUPINGS)})\.)?(?P<scope>{'|'.join(SCOPES)})(~(?P<calibration>[A-Za-z0-9._-]+))?"
)
_BROUGHT = re.compile(rf"{BROUGHT}-(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)")


def scope_key(grouping: str, scope: str) -> str:
    """How a scope is written: "attention", or "canonical.attention" under another grouping than the paper's."""
    return scope if grouping == GROUPINGS[0] else f"{grouping}.{scope}"


@dataclass(frozen=True)
class Step:
    """One compressor applied to one scope.

    level: one of levels.py's, None for methods that take none. calibration: the name of the data that it looks at where
    that is not the study's main one, else None.
    """

    method: str
    level: int | str | None
    grouping: str
    scope: str
    calibration: str | None = None

    def __str__(self) -> str:
        return f"{self.name}@{scope_key(self.grouping, self.scope)}{self._data}"

    @property
    def name(self) -> str:
        """The method and its level, without what it acts on: "gptq-8bit-g128"."""
        return self.method if self.level is None else f"{self.method}-{self.level}"

    @property
    def treatment(self) -> str:
        """The method, and the calibration data if they are not the main ones: "wanda~wikitext2"."""
        return self.method + self._data

    @property
    def _data(self) -> str:
        return f"~{self.calibration}" if self.calibration else ""

    @property
    def kind(self) -> str:
        """ "prune" for a step with a share or pattern of weights to remove, "quantize" for one with a number of bits or
        without a level, LOST for that one. (The registry holds every method to this.)"""
        if self.method == LOST:
            return LOST
        return "prune" if levels.kind(self.level) in ("percent", "pattern") else "quantize"


@dataclass(frozen=True)
class Variant:
    """A slug and its steps, in the order in which they are applied; no steps is the dense model.

    brought: the row of the model table that holds the version, of one that was compressed elsewhere; it has no steps.
    recovery: what was done afterwards to bring knowledge back, None where nothing was.
    """

    steps: tuple[Step, ...] = ()
    brought: str | None = None
    recovery: Recovery | None = None

    @property
    def slug(self) -> str:
        return ("+".join(map(str, self.steps)) or self._unstepped) + self._recovered

    @property
    def method(self) -> str:
        """The methods in order, without levels and scopes, and the recovery: "magnitude+int8", "wanda~wikitext2",
        "gptq^lora-r4"; "dense"; the slug of what was compressed elsewhere."""
        return ("+".join(step.treatment for step in self.steps) or self._unstepped) + self._recovered

    @property
    def _recovered(self) -> str:
        return f"{MARK}{self.recovery}" if self.recovery else ""

    @property
    def unrecovered(self) -> "Variant":
        """The variant that its recovery stands on; itself where it has none."""
        return replace(self, recovery=None)

    @property
    def is_control(self) -> bool:
        """Whether it is a recovery of the dense model, which tells what a recovery does where nothing was lost."""
        return self.recovery is not None and self.unrecovered.slug == DENSE

    @property
    def recovered_on(self) -> str | None:
        """The name of the texts that its recovery looks at: its own, else those of its compression; None for the
        study's main ones."""
        return (self.recovery.data if self.recovery else None) or self.calibration

    def is_told_by(self, texts: Collection[str]) -> bool:
        """Whether it was recovered on one of these texts."""
        return self.recovery is not None and self.recovered_on in texts

    @property
    def _unstepped(self) -> str:
        return f"{BROUGHT}-{self.brought}" if self.brought else DENSE

    @property
    def level(self) -> float | None:
        """The percentage that the first step removes which removes any (2of4: 50), else None."""
        removed = (levels.percent(step.level) for step in self.steps)
        return next((percent for percent in removed if percent is not None), None)

    @property
    def strength(self) -> str:
        """The levels in words, in order: "50%", "2:4", "50% + 4 bit"; empty where no step has one."""
        return " + ".join(levels.words(step.level) for step in self.steps if step.level is not None)

    @property
    def scope(self) -> str | None:
        """The scope of the first step, else None."""
        return self.steps[0].scope if self.steps else None

    @property
    def mixed(self) -> bool:
        """Whether its steps act on different scopes, or under different groupings."""
        return len({(step.grouping, step.scope) for step in self.steps}) > 1

    @property
    def experiment(self) -> str:
        """What kind of comparison it belongs to, one of EXPERIMENTS.

        dense; prune, quantize; prune_quantize (one of each, same scope); final_unstructured or final_structured
        (magnitude pruning of the final layer alone, single weights or rows); prune_pattern (N:M); quantize_bits (to a
        number of bits); as_published (a final layer as the published code lost it: the audit's, and in no average);
        brought (compressed elsewhere); recover (recovered, whatever was done before); other (any longer or mixed
        recipe).
        """
        if self.brought:
            return BROUGHT
        if self.recovery:
            return RECOVER
        kinds = [step.kind for step in self.steps]
        if not kinds:
            return DENSE
        if kinds[-1] == LOST:
            return AS_PUBLISHED
        if len(kinds) == 1:
            return self._experiment_of_one(self.steps[0])
        percent_then_dynamic = [levels.kind(step.level) for step in self.steps] == ["percent", None]
        if kinds == ["prune", "quantize"] and percent_then_dynamic and not self.mixed:
            return "prune_quantize"
        return "other"

    @staticmethod
    def _experiment_of_one(step: Step) -> str:
        if step.kind == "quantize":
            return "quantize" if step.level is None else "quantize_bits"
        if levels.kind(step.level) == "pattern":
            return "prune_pattern"
        if step.scope == "final" and step.treatment in ("magnitude", "magnitude_structured"):
            return "final_structured" if step.treatment == "magnitude_structured" else "final_unstructured"
        return "prune"

    @property
    def without_loss(self) -> "Variant":
        """The same without the step that loses the final layer; itself where it has none."""
        return replace(self, steps=tuple(step for step in self.steps if step.method != LOST))

    @property
    def beneath_final(self) -> "Variant":
        """The same without the steps on the final layer alone."""
        return replace(self, steps=tuple(step for step in self.steps if step.scope != "final"))

    def in_grouping(self, grouping: str) -> "Variant":
        """The same steps on the scopes as another grouping draws them."""
        return replace(self, steps=tuple(replace(step, grouping=grouping) for step in self.steps))

    @property
    def calibration(self) -> str | None:
        """The name of the calibration data of its steps where that is not the main one, else None."""
        return next((step.calibration for step in self.steps if step.calibration), None)

    @property
    def grouping(self) -> str | None:
        return self.steps[0].grouping if self.steps else None


def paper_step(method: str, scope: str, level: int | str | None = None) -> Step:
    """A step on a scope as the paper draws it, with the study's main calibration data."""
    return Step(method, level, GROUPINGS[0], scope)


def paper_slug(*steps: tuple[str, str] | tuple[str, str, int | str | None]) -> str:
    """The slug of such steps, each (method, scope) or (method, scope, level)."""
    return Variant(tuple(paper_step(*step) for step in steps)).slug


def parted(method: str) -> tuple[str, str | None]:
    """What Variant.method puts together of a recovered variant: ("gptq", "lora-r4"); ("gptq", None) of another's."""
    before, _, recovery = method.partition(MARK)
    return before, recovery or None


def unstepped(method: str) -> str | None:
    """What a Variant.method without any step is called: "dense", or the name of the row that holds a version which was
    compressed elsewhere; None of one with steps."""
    found = _BROUGHT.fullmatch(method)
    return DENSE if method == DENSE else found and found["name"]


def treatments(method: str) -> list[str]:
    """What Variant.method puts together, one for each step: ["magnitude", "int8"] of "magnitude+int8"."""
    return method.split("+")


def method_and_data(treatment: str) -> tuple[str, str | None]:
    """What Step.treatment puts together: ("wanda", "wikitext2") of "wanda~wikitext2", ("wanda", None) of "wanda"."""
    method, _, data = treatment.partition("~")
    return method, data or None


@functools.cache  # a large study asks of every slug a hundred times
def parse(slug: str) -> Variant:
    """The Variant of a slug. Raises InputError when it is not one."""
    if MARK in slug:
        before, _, recovery = slug.partition(MARK)
        if not before:
            raise InputError(
                f"variant {slug!r}: nothing was compressed before {MARK!r}; of the dense model: dense{slug}"
            )
        return replace(parse(before), recovery=recoveries.parse(recovery))
    if slug == DENSE:
        return Variant()
    if found := _BROUGHT.fullmatch(slug):
        return Variant(brought=found["name"])
    steps = []
    for part in slug.split("+"):
        match = _STEP.fullmatch(part)
        if not match:
            raise InputError(
                f"variant {slug!r}: {part!r} is not method[-level]@[grouping.]scope[~calibration]; "
                f"scopes: {', '.join(SCOPES)}; groupings: {', '.join(GROUPINGS)}"
            )
        level = match["level"] and levels.parse(match["level"])
        where = match["grouping"] or GROUPINGS[0], match["scope"]
        steps.append(Step(match["method"], level, *where, match["calibration"]))
    return Variant(tuple(steps))
