"""What is counted of a weight, in one look at its values."""

from dataclasses import dataclass

import numpy as np

from knowcost.models import layout
from knowcost.models.checkpoint import BLOCK, FLOATS, NUMPY, Tensor

GROUP, KEPT = 4, 2  # of 2:4


@dataclass(frozen=True)
class Counts:
    """zeros: how many values are zero, of either sign; stored: how many have a bit that is not zero; half: whether of
    any four neighbours of a row two at most are stored, in types of 16 and 8 bits."""

    zeros: int
    stored: int
    half: bool


class Counting:
    """The Counts of a weight while its blocks stream by, each of a number of values that GROUP divides but the last."""

    def __init__(self, tensor: Tensor) -> None:
        item = np.dtype(NUMPY[tensor.dtype])
        self._lowest = -(1 << (8 * item.itemsize - 1)) if tensor.dtype in ("F64", *FLOATS) else None  # -0.0 as an int
        self._zeros = self._stored = 0
        self._half = item.itemsize <= 2 and tensor.shape[-1] % GROUP == 0

    def add(self, block: np.ndarray) -> None:
        bits = bits_of(block)
        stored = int(np.count_nonzero(bits))
        self._stored += stored
        self._zeros += bits.size - stored
        if self._lowest is not None and (signed := bits.view(f"i{bits.itemsize}")).min() == self._lowest:
            self._zeros += int(np.count_nonzero(signed == self._lowest))  # -0.0, of which there are mostly none
        if self._half:  # mostly so in no block but the first
            groups = (bits != 0).view(np.uint32)  # of four bytes each, 0 or 1: their sum is the highest of the product
            self._half = bool(((groups * np.uint32(0x01010101) >> 24) <= KEPT).all())

    def counts(self) -> Counts:
        return Counts(self._zeros, self._stored, self._half)


def counted(tensor: Tensor) -> Counts:
    """The Counts of a two-dimensional Tensor."""
    counting = Counting(tensor)
    for block in layout.in_blocks(tensor.blocks(), BLOCK):
        counting.add(block)
    return counting.counts()


def bits_of(block: np.ndarray) -> np.ndarray:
    """A block of values as integers, which are zero where all bits are."""
    return block.view(f"u{block.itemsize}")
