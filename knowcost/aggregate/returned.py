"""What comes back: which facts that compression lost are right again after a recovery, and what chance would give.

A model that answers anew hits some facts without knowing them. How often is seen on facts that no model was ever told
(`never`): of those that the compressed model gets wrong, the share that is right after the recovery. Where there are
none with as many choices, it is taken to be guessing, 1 / choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from knowcost.aggregate.clustered import Estimates, Sample, estimate
from knowcost.aggregate.statistics import Group
from knowcost.benchmarks.kinds import NEVER
from knowcost.spec.variants import DENSE, Variant, parse

NEVER_TOLD, GUESS = "facts never told", "guessing"  # what chance is measured by


@dataclass(frozen=True)
class Recovered:
    """A recovered variant and the one that it stands on, as slugs."""

    variant: str
    compressed: str

    @property
    def recovery(self) -> str:
        """The recovery as slugs write it."""
        return str(parse(self.variant).recovery)

    @property
    def control(self) -> str:
        """The same recovery of the dense model, on the same texts: the dense model has none of its own."""
        variant = parse(self.variant)
        return Variant(recovery=variant.recovery and replace(variant.recovery, data=variant.recovered_on)).slug


def recovered_of(groups: Iterable[Group]) -> list[Recovered]:
    """The recovered variants of a model whose compressed one was asked, too; the dense model's are controls, and not
    among them."""
    found: dict[Recovered, None] = {}
    for group in groups:
        for slug in group.compared():
            variant = parse(slug)
            under = variant.unrecovered.slug
            if variant.recovery and not variant.is_control and under in group.right:
                found[Recovered(slug, under)] = None
    return list(found)


def telling(groups: Iterable[Group]) -> set[str]:
    """The names of the texts that state facts which these groups are asked."""
    return {str(name) for group in groups for name in set(group.stated_in) if not pd.isna(name)} - {NEVER}


def lost(group: Group, compressed: str) -> np.ndarray:
    """Which facts the dense model has right, and the compressed one wrong."""
    return group.right[DENSE] & ~group.right[compressed]


def any_of(group: Group, variants: Sequence[str]) -> np.ndarray:
    """Which facts are right under at least one of the variants."""
    return np.any([group.right[slug] for slug in variants], axis=0)


@dataclass(frozen=True)
class Part:
    """Facts of a group of which the share that is right is wanted. inside: which; right: all facts' answers; noise: the
    noise floor of these, in points of all facts."""

    group: Group
    inside: np.ndarray
    right: np.ndarray
    noise: float = 0.0

    @property
    def n(self) -> int:
        return int(self.inside.sum())

    @property
    def hits(self) -> int:
        return int((self.inside & self.right).sum())

    def sample(self, share: float) -> Sample:
        """As clustered.Sample takes it; share: what it counts for."""
        values = np.where(self.inside, 100.0 * self.right, np.nan)[:, None]
        return self.group.sample(values, share=share, noise=self.noise * len(values) / max(self.n, 1))


def part(group: Group, inside: np.ndarray, variants: Sequence[str]) -> Part:
    """The facts that are right under any of the variants, of those inside."""
    return Part(group, inside, any_of(group, variants), float(group.noises(variants).max()))


def weighed(parts: Sequence[Part], weight: float = 1.0) -> list[Sample]:
    """Samples of the percent right of all parts together, every fact counting alike, times a weight."""
    whole = sum(each.n for each in parts)
    return [each.sample(weight * each.n / whole) for each in parts if each.n]


def share(parts: Sequence[Part]) -> Estimates:
    """The percent right of all parts together; nan where they hold no fact."""
    samples = weighed(parts)
    return estimate(samples) if samples else nothing()


def nothing() -> Estimates:
    """Of what there is nothing to say."""
    return Estimates(*[np.array([np.nan])] * 4, *[np.array([0])] * 3)


@dataclass(frozen=True)
class Chance:
    """found: percent that chance gives, with how well that is known; n, hits: facts never told that it was seen on, and
    those that came out right; by: NEVER_TOLD or GUESS, or both, as words."""

    found: Estimates
    n: int
    hits: int
    by: str


def chance(groups: Sequence[Group], parts: Sequence[Part], compressed: str, variants: Sequence[str]) -> Chance:
    """What chance gives of facts with as many choices as those of the parts have. groups: all of the model."""
    wanted = sum(each.n for each in parts)
    if not wanted:
        return Chance(nothing(), 0, 0, "")
    samples: list[Sample] = []
    seen: list[Part] = []
    guessed = 0.0
    by: dict[str, None] = {}
    for guess, count in _choices(parts).items():
        never = [each for each in _never(groups, guess, compressed, variants) if each.n]
        if never:
            samples += weighed(never, count / wanted)
            seen += never
        else:
            guessed += 100 * guess * count / wanted
        by[NEVER_TOLD if never else GUESS] = None
    found = estimate(samples) if samples else _known(0.0)
    found = replace(found, value=found.value + guessed)
    return Chance(found, sum(each.n for each in seen), sum(each.hits for each in seen), " and ".join(by))


def _known(value: float) -> Estimates:
    """Of what needs no measuring."""
    zero = np.zeros(1)
    return Estimates(np.array([value]), zero, np.full(1, np.inf), zero, zero, zero, zero)


def _choices(parts: Sequence[Part]) -> dict[float, int]:
    """{chance of a guess: how many facts of the parts have it}; 0 of open questions."""
    guesses = np.concatenate([_guess(each.group)[each.inside] for each in parts])
    values, counts = np.unique(guesses, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _guess(group: Group) -> np.ndarray:
    return np.nan_to_num(group.facts["guess"].to_numpy(float)).round(9)


def _never(groups: Sequence[Group], guess: float, compressed: str, variants: Sequence[str]) -> Iterator[Part]:
    """Of every group that was asked of all of these variants the facts that no model was told, with so many choices,
    that the compressed model gets wrong."""
    for group in groups:
        if {compressed, *variants} <= group.right.keys():
            inside = (group.stated_in == NEVER) & (_guess(group) == guess) & ~group.right[compressed]
            yield part(group, inside, variants)
