"""What a claim is: a finding of a paper as data, that any run decides by itself (aggregate/verdicts.py).

A claim is a sentence, the families it speaks of, and comparisons. A comparison is, at each level that it speaks of, a
weighted sum of a fact's cells (1 if a variant gave the right answer, else 0), so that it is paired fact by fact; it is
made positive when the claim is true.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import pandas as pd

# What the rows of a claim are about: facts, or windows of texts, of whose engines the next two are, or answers to what
# is said in a conversation.
FACTS, PERPLEXITY, ATTENTION = "facts", "perplexity", "attention"
UNIQUE_TOKENS = "unique tokens"
SERIES = "series"  # facts asked of two sizes of a model: the dense one is the smaller, the variants are the larger's
JUDGED = "judged"  # texts that a model wrote, beside the dense model's in the same pairs

CLOSE = 5.0  # percentage points above the majority baseline that still count as close to it
MAJORITY = "the majority baseline"  # a "cell" of comparisons

# What a run may say of a claim.
HOLDS, FAILS = "holds", "fails"
HOLDS_IN_PART, FAILS_IN_PART = "holds in part", "fails in part"  # at the mean of its levels, not at each of them
NO_DIFFERENCE, UNSURE, NOT_RUN = "no difference", "not precise enough", "not run"
VERDICTS = (HOLDS, HOLDS_IN_PART, FAILS, FAILS_IN_PART, NO_DIFFERENCE, UNSURE, NOT_RUN)
DECIDED = VERDICTS[:5]

# What the numbers of a claim count.
MORE = "points more lost by the costlier side"
SLOPE = "points more lost per 10% of sparsity"
WITHIN = "points to spare within the tolerance"
BEYOND = "points lost beyond the tolerance"
BELOW = f"points below the border, {CLOSE:.0f} above the majority baseline"

Weights: TypeAlias = dict[str, float]  # {variant: weight}
ByLevel: TypeAlias = Mapping[int | None, Weights]  # by percent removed; None where a comparison has one level or none
Contrasts: TypeAlias = Callable[[Collection[str]], dict[str, ByLevel]]  # variants: {words: the weights at each level}
Part: TypeAlias = tuple[int, np.ndarray]  # (sign, which facts: booleans)


class Group(Protocol):
    """What a claim has to know of a model on a benchmark (aggregate/statistics.py): its facts, the kind of benchmark,
    and the domain that the study puts it into, empty for none."""

    @property
    def facts(self) -> pd.DataFrame: ...

    @property
    def kind(self) -> str: ...

    @property
    def domain(self) -> str: ...


Parts = Callable[[Group], list[Part]]  # of a claim, for a model on a benchmark


def all_facts(group: Group) -> list[Part]:
    """A claim's parts where it speaks of all facts of all benchmarks."""
    return [(1, np.ones(len(group.facts), bool))]


def mean_of(by_level: ByLevel) -> Weights:
    """The comparison at the mean of its levels, which count alike."""
    made: Weights = {}
    for weights in by_level.values():
        for slug, weight in weights.items():
            made[slug] = made.get(slug, 0) + weight / len(by_level)
    return made


@dataclass(frozen=True)
class Claim:
    """contrasts: a function from the variants of a family to {words: weights by level}; {} if they don't suffice.

    parts: a function from a group to [(sign, which of its facts)], whose means are added up; [] for a benchmark that
    the claim does not speak of. unit: what the numbers count. about: FACTS, or what is compared on windows of texts
    (aggregate/windows.py), of which there are no parts; or JUDGED (aggregate/judged_claims.py).
    """

    id: str
    section: str  # of the paper
    sentence: str
    families: tuple[str, ...]
    contrasts: Contrasts
    paper: str
    parts: Parts = all_facts
    unit: str = MORE
    about: str = FACTS
