"""What a claim is: a finding of a paper as data, that any run decides by itself."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from knowcost.papers.cost_of_compression.claims import PAPER

CLOSE = 5.0  # percentage points above the majority baseline that still count as close to it


MAJORITY = "the majority baseline"  # a "cell" of contrasts


@dataclass(frozen=True)
class Claim:
    """contrasts: a function from the variants of a family to {words: {variant: weight}}; {} if they don't suffice.

    parts: a function from a statistics.Group to [(sign, which of its facts)], whose means are added up; [] for a
    benchmark that the claim does not speak of. Left out, it speaks of all facts of all benchmarks.
    """

    id: str
    section: str  # of the paper
    sentence: str
    families: tuple[str, ...]
    contrasts: Callable
    parts: Callable = lambda group: [(1, np.ones(len(group.facts), bool))]
    paper: str = PAPER
