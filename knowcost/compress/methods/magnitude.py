"""Global L1 unstructured pruning, exact for every level from one streaming pass.

Removes the k = round(amount * n) weights of smallest magnitude of a whole scope, as
torch.nn.utils.prune.global_unstructured(L1Unstructured) does (Namburi et al. 2023, section 2; torch/nn/utils/prune.py).

The magnitude bits of an IEEE float, read as an unsigned integer, order like its absolute value. So a histogram of these
bits finds the exact k-th smallest magnitude: 15 bits are the whole of a float16 or bfloat16 and one pass serves all
levels; float32 takes a second pass that looks only into the bins where a threshold fell.

Ties at the threshold: all below it go, then the first ones equal to it in the documented order (tensors by
checkpoint.natural name, values in row-major order), until k are gone. torch's choice among ties is arbitrary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from knowcost.common.errors import BrokenPromise
from knowcost.compress.method import Archived, Compressor, Cut, Work
from knowcost.models.checkpoint import Tensor, as_float32
from knowcost.spec.variants import Step

BINS = 1 << 15
LOW = 1 << 16


class Magnitude(Compressor):
    name = "magnitude"
    label = "magnitude pruning"
    what = "Setting the smallest weights of a scope to zero"
    about = (
        "Sets the weights of smallest absolute value to zero, with one threshold for all layers of a scope "
        "together. It looks at no data."
    )
    needs_thresholds = True

    def prepare(self, step: Step, tensors: dict[str, Tensor], work: Work) -> Cut:
        cut = work.cuts[str(step)]
        size = sum(tensor.size for tensor in tensors.values())
        if cut["n"] != size:
            raise BrokenPromise(f"{step}: thresholds were taken over {cut['n']:,} weights, the scope has {size:,}")
        return cut

    def compress(self, tensor: Tensor, cut: Cut) -> list[Tensor]:
        def blocks() -> Iterator[np.ndarray]:
            quota = cut["ties"].get(tensor.name, 0)
            for block in tensor.blocks():
                bits = magnitude_bits(block, tensor.dtype, cut["dtype"])
                kept = bits >= cut["bits"]
                if quota:
                    ties = np.flatnonzero(bits == cut["bits"])[:quota]
                    kept[ties] = False
                    quota -= len(ties)
                raw = block.view(f"u{block.itemsize}")
                yield (raw * kept).view(block.dtype)  # as integers: three times as fast, and no -0.0

        return [Tensor(tensor.name, tensor.dtype, tensor.shape, blocks)]

    def verify(self, step: Step, before: Mapping[str, Tensor], archived: Archived, cut: Cut) -> None:
        """Exactly k zeros (or as many as the scope had before), unless a later step rounded more of them to zero."""
        found = sum(archived.zeros[name] for name in before)
        if archived.rounded:
            if found < cut["k"]:
                raise BrokenPromise(f"{step}: {found:,} zeros, expected at least {cut['k']:,}")
        elif found != cut["k"]:
            expected = max(cut["k"], sum(count_zeros(tensor) for tensor in before.values()))
            if found != expected:
                raise BrokenPromise(f"{step}: {found:,} zeros in the archive, expected {expected:,}")


def percent(step: Step) -> int:
    """The level of a step that takes none but percentages."""
    if not isinstance(step.level, int):
        raise ValueError(f"{step}: not a percentage")
    return step.level


def nparams_toprune(level: float, n: int) -> int:
    """k, as torch.nn.utils.prune counts it: Python's round (half to even) of amount * n."""
    return round(level / 100 * n)


def magnitude_bits(block: np.ndarray, dtype: str, domain: str) -> np.ndarray:
    """Unsigned integers that order like |value|: 31 bits in domain F32, 15 bits in F16 and BF16 (dtype == domain)."""
    if domain == "F32":
        return as_float32(block, dtype).view(np.uint32) & np.uint32(0x7FFFFFFF)
    return block.view(np.uint16) & np.uint16(0x7FFF)


def high_bits(block: np.ndarray, dtype: str, domain: str) -> np.ndarray:
    """The upper 15 of the magnitude bits, as uint16: the bin of each value."""
    if domain != "F32":
        return magnitude_bits(block, dtype, domain)
    return as_float32(block, dtype).view(np.uint16)[1::2] & np.uint16(0x7FFF)  # files and machines are little-endian


def count_zeros(tensor: Tensor) -> int:
    """Number of values equal to zero, of either sign."""
    if tensor.dtype in ("F16", "BF16"):  # the bits without the sign, since numpy converts a float16 to compare it
        return sum(int(np.count_nonzero((block.view(np.uint16) & 0x7FFF) == 0)) for block in tensor.blocks())
    return sum(int(np.count_nonzero(block == 0)) for block in tensor.blocks())


def thresholds(scopes: Mapping[str, tuple[Sequence[Tensor], Sequence[int]]]) -> dict[str, dict[str, Cut]]:
    """Exact cuts for all levels of all scopes, reading each tensor once (twice or thrice for float32).

    scopes: {scope key: ([its Tensors in the documented order], [levels in percent])}. Returns {scope key: {str(level):
    Cut}}.
    """
    work = {key: _Scope(key, tensors, levels) for key, (tensors, levels) in scopes.items() if levels}
    for tensor, members in _by_tensor(work.values()):
        for domain, group in _by_domain(members):
            counts = np.zeros(BINS, np.int64)
            for block in tensor.blocks():
                counts += np.bincount(high_bits(block, tensor.dtype, domain).astype(np.intp), minlength=BINS)
            for scope in group:
                scope.add_counts(tensor, counts)
    wide = [scope for scope in work.values() if scope.domain == "F32"]
    for scope in wide:
        scope.open_bins()
    _each_candidate(wide, _Scope.add_low_counts)
    for scope in work.values():
        scope.locate()
    _each_candidate([scope for scope in wide if scope.has_excess_ties()], _Scope.add_ties)
    return {key: scope.cuts() for key, scope in work.items()}


def _by_tensor(scopes: Iterable[_Scope]) -> Iterable[tuple[Tensor, list[_Scope]]]:
    """Each tensor once, with the scopes that hold it, in the documented order of the first scope that names it."""
    members: dict[str, tuple[Tensor, list[_Scope]]] = {}
    for scope in scopes:
        for tensor in scope.tensors:
            members.setdefault(tensor.name, (tensor, []))[1].append(scope)
    return members.values()


def _by_domain(scopes: list[_Scope]) -> list[tuple[str, list[_Scope]]]:
    return [(d, [s for s in scopes if s.domain == d]) for d in sorted({scope.domain for scope in scopes})]


def _each_candidate(scopes: list[_Scope], add: Callable[[_Scope, Tensor, np.ndarray], None]) -> None:
    """Stream the float32-domain scopes' tensors again; call add(scope, tensor, bits) with the bits in their bins."""
    for tensor, members in _by_tensor(scopes):
        for block in tensor.blocks():
            high = high_bits(block, tensor.dtype, "F32")
            for scope in members:
                candidates = block[np.take(scope.slots >= 0, high)]
                add(scope, tensor, magnitude_bits(candidates, tensor.dtype, "F32"))


class _Scope:
    """The counts of one scope while its tensors stream by."""

    def __init__(self, key: str, tensors: Sequence[Tensor], levels: Sequence[int]) -> None:
        self.key, self.tensors, self.levels = key, tensors, levels
        self.n = sum(tensor.size for tensor in tensors)
        self.k = {level: nparams_toprune(level, self.n) for level in levels}
        dtypes = {tensor.dtype for tensor in tensors}
        self.domain = dtypes.pop() if len(dtypes) == 1 else "F32"
        self.counts = np.zeros(BINS, np.int64)
        # 15-bit domains: the counts of each tensor, from which its share of ties is read
        self.per_tensor: dict[str, np.ndarray] = {}
        self.ties: dict[int, dict[str, int]] = {level: {} for level in levels}
        self.found: dict[int, tuple[int, int, int]] = {}  # threshold, how many equal to it go, how many there are
        # float32: bin -> row of the low-bit histogram, -1 for bins in which no threshold falls
        self.slots = np.full(BINS, -1, np.int64)
        self._low = np.zeros((0, LOW), np.int64)

    def add_counts(self, tensor: Tensor, counts: np.ndarray) -> None:
        self.counts += counts
        if self.domain != "F32":
            self.per_tensor[tensor.name] = counts.astype(np.uint32)

    def open_bins(self) -> None:
        """Once all are counted: make room for the low bits of the bins in which a threshold falls."""
        bins = sorted({_bin_of(self.counts, k)[0] for k in self.k.values()})
        self.slots[bins] = np.arange(len(bins))
        self._low = np.zeros((len(bins), LOW), np.int64)

    def add_low_counts(self, tensor: Tensor, bits: np.ndarray) -> None:
        np.add.at(self._low, (np.take(self.slots, bits >> 16), bits & np.uint32(0xFFFF)), 1)

    def locate(self) -> None:
        """The exact threshold of every level, how many lie below it and how many equal it."""
        for level, k in self.k.items():
            bits, below, equal = _bin_of(self.counts, k)
            if self.domain == "F32":
                low, below_in_bin, equal = _bin_of(self._low[self.slots[bits]], k - below)
                bits, below = bits << 16 | low, below + below_in_bin
            self.found[level] = bits, k - below, equal

    def has_excess_ties(self) -> bool:
        return any(need < equal for _, need, equal in self.found.values())

    def add_ties(self, tensor: Tensor, bits: np.ndarray) -> None:
        for level, (threshold, _, _) in self.found.items():
            ties = self.ties[level]
            ties[tensor.name] = ties.get(tensor.name, 0) + int(np.count_nonzero(bits == threshold))

    def cuts(self) -> dict[str, Cut]:
        return {str(level): self._cut(level) for level in self.levels}

    def _cut(self, level: int) -> Cut:
        bits, need, equal = self.found[level]
        if need == equal:  # all ties go: the same as everything below the next magnitude
            bits, need = bits + 1, 0
        ties, left = {}, need
        for tensor in self.tensors if need else ():
            here = int(self.per_tensor[tensor.name][bits]) if self.per_tensor else self.ties[level].get(tensor.name, 0)
            if take := min(here, left):
                ties[tensor.name] = take
                left -= take
        if left:
            raise BrokenPromise(f"{self.key} at {level}%: {left} ties unaccounted for")
        return {"dtype": self.domain, "bits": int(bits), "n": self.n, "k": self.k[level], "ties": ties}


def _bin_of(counts: np.ndarray, k: int) -> tuple[int, int, int]:
    """(bin of the k-th smallest, how many lie in the bins before it, how many in it). k = 0 gives (0, 0, counts[0])."""
    total = np.cumsum(counts)
    index = int(np.searchsorted(total, k)) if k else 0
    return index, int(total[index] - counts[index]), int(counts[index])
