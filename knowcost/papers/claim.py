"""What a claim is: a finding of a paper as data, that any run decides by itself (aggregate/verdicts.py).

A claim is a sentence, the families it speaks of, and contrasts. A contrast is a weighted sum of a fact's cells (1 if a
variant gave the right answer, else 0), so that it is paired fact by fact; it is made positive when the claim is true.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

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
    paper: str
    parts: Callable = lambda group: [(1, np.ones(len(group.facts), bool))]
