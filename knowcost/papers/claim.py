"""What a claim is: a finding of a paper as data, that any run decides by itself (aggregate/verdicts.py).

A claim is a sentence, the families it speaks of, and contrasts. A contrast is a weighted sum of a fact's cells (1 if a
variant gave the right answer, else 0), so that it is paired fact by fact; it is made positive when the claim is true.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import pandas as pd

CLOSE = 5.0  # percentage points above the majority baseline that still count as close to it
MAJORITY = "the majority baseline"  # a "cell" of contrasts

Contrasts: TypeAlias = Callable[[Collection[str]], dict[str, dict[str, float]]]  # variants: {words: {variant: weight}}
Part: TypeAlias = tuple[int, np.ndarray]  # (sign, which facts: booleans)


class Group(Protocol):
    """What a claim has to know of a model on a benchmark (aggregate/statistics.py): its facts and the kind of
    benchmark."""

    @property
    def facts(self) -> pd.DataFrame: ...

    @property
    def kind(self) -> str: ...


Parts = Callable[[Group], list[Part]]  # of a claim, for a model on a benchmark


def all_facts(group: Group) -> list[Part]:
    """A claim's parts where it speaks of all facts of all benchmarks."""
    return [(1, np.ones(len(group.facts), bool))]


@dataclass(frozen=True)
class Claim:
    """contrasts: a function from the variants of a family to {words: {variant: weight}}; {} if they don't suffice.

    parts: a function from a group to [(sign, which of its facts)], whose means are added up; [] for a benchmark that
    the claim does not speak of.
    """

    id: str
    section: str  # of the paper
    sentence: str
    families: tuple[str, ...]
    contrasts: Contrasts
    paper: str
    parts: Parts = all_facts
