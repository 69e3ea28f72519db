"""Rows of which the truth is known: facts in clusters, as uneven as in real benchmarks, lost and gained by chance.

Each cluster (a relation, a passage) has rates of its own, drawn from beta distributions whose intra-class correlation
is `icc`: the share of a rate's variance that lies between clusters. `forgotten` is a rate among the facts that the
dense model knows, `gained` among the others.
"""

from dataclasses import dataclass

import numpy as np

# Facts per relation in the official files of LAMA's T-REx: 28 of its 41 relations.
TREX = (982, 977, 976, 969, 967, 966, 958, 954, 953, 952, 949, 944, 936, 931, 922, 909, 892, 881, 877, 856, 696, 687,
        645, 592, 473, 429, 383, 225)  # fmt: skip
# Questions per passage of BoolQ's 3,270: 2,692 passages have one, 197 have two, ...
BOOLQ = (1,) * 2692 + (2,) * 197 + (3,) * 27 + (4,) * 13 + (5,) * 7 + (7, 9)


@dataclass(frozen=True)
class Rows:
    """sizes: facts of each cluster. slope: how far a cluster's loss grows with its size (0 not at all, 1 in
    proportion)."""

    sizes: tuple[int, ...]
    known: float = 1.0
    forgotten: float = 0.0
    gained: float = 0.0
    icc: float = 0.0
    slope: float = 0.0

    @property
    def n(self) -> int:
        return sum(self.sizes)

    @property
    def clusters(self) -> np.ndarray:
        """n names."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def lost(self) -> float:
        """The true loss, in percentage points."""
        sizes = np.array(self.sizes)
        forgotten = (sizes * self._forgotten()).sum() / sizes.sum()
        return 100 * (self.known * forgotten - (1 - self.known) * self.gained)

    def draw(self, random: np.random.Generator, times: int, models: int = 1) -> list[tuple[np.ndarray, np.ndarray]]:
        """Per model n x times booleans: known to the dense model, and to the variant. Models share the clusters'
        rates, and what the dense model knows."""
        known = random.random((self.n, times)) < self._spread(random, self.known, times)
        forgotten = self._spread(random, self._forgotten(), times)
        gained = self._spread(random, self.gained, times)
        chance = np.where(known, forgotten, gained)
        return [(known, known ^ (random.random((self.n, times)) < chance)) for _ in range(models)]

    def _forgotten(self) -> np.ndarray:
        sizes = np.array(self.sizes)
        return self.forgotten * (1 - self.slope + self.slope * sizes / sizes.mean())

    def _spread(self, random: np.random.Generator, mean: np.ndarray | float, times: int) -> np.ndarray:
        """n x times: the rate of each fact's cluster."""
        mean = np.broadcast_to(np.asarray(mean, float)[..., None], (len(self.sizes), times))
        sure = (mean <= 0) | (mean >= 1)
        if self.icc == 0 or sure.all():
            rates = mean
        else:
            inner, both = np.where(sure, 0.5, mean), (1 - self.icc) / self.icc
            rates = np.where(sure, mean, random.beta(inner * both, (1 - inner) * both))
        return np.repeat(rates, self.sizes, axis=0)


def change(known: np.ndarray, right: np.ndarray) -> np.ndarray:
    """What each fact adds to the loss, in percentage points."""
    return 100.0 * (known.astype(np.int8) - right.astype(np.int8))
