"""What is seen of a full checkpoint while it streams by, on its way to files or to nothing but their hashes."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from knowcost.common import files
from knowcost.common.errors import BrokenPromise
from knowcost.models import layout
from knowcost.models.base import Base
from knowcost.models.checkpoint import BLOCK, Tensor
from knowcost.models.counted import Counting, Counts, bits_of


class Stream:
    """Looks at tensors once, the first time that they are read to their end.

    counts: {weight: its Counts}, of the base's as of those that were made; digests: {tensor: the quick digest of its
    values (files.py)} of those that are not the base's bit for bit, or that its files do not hold.
    """

    def __init__(self, base: Base) -> None:
        self._base = base
        self.counts: dict[str, Counts] = {}
        self.digests: dict[str, str] = {}
        self._seen: set[str] = set()

    def watched(self, tensor: Tensor) -> Tensor:
        """The same Tensor, watched as it is read. What is the base's own is counted only."""
        theirs = None if tensor.name in self._base.copies else self._base.tensors.get(tensor.name)

        def blocks() -> Iterator[np.ndarray]:
            return tensor.blocks() if tensor.name in self._seen else self._look(tensor, theirs)

        return replace(tensor, blocks=blocks)

    def check_seen(self, tensors: Iterable[Tensor]) -> None:
        """Raise BrokenPromise unless all of them streamed by."""
        if missing := [tensor.name for tensor in tensors if tensor.name not in self._seen]:
            raise BrokenPromise(f"{self._base.folder}: {missing[0]} was never written")

    def _look(self, tensor: Tensor, theirs: Tensor | None) -> Iterator[np.ndarray]:
        counting = Counting(tensor) if tensor.module else None
        digest = files.quick_digest()
        same = theirs is not None and (tensor.dtype, tensor.shape) == (theirs.dtype, theirs.shape)
        original = theirs.blocks() if theirs and same and tensor is not theirs else iter(())
        for block in layout.in_blocks(tensor.blocks(), BLOCK):
            if counting:
                counting.add(block)
            if tensor is not theirs:
                digest.update(np.ascontiguousarray(block).data)
                same = same and np.array_equal(bits_of(block), bits_of(next(original)))
            yield block
        if counting:
            self.counts[tensor.name] = counting.counts()
        if not same:
            self.digests[tensor.name] = digest.hexdigest()
        self._seen.add(tensor.name)
