"""Integer grids per row and group of columns, and rounding to the nearest point."""

from dataclasses import dataclass

import torch

from knowcost.compress.patterns import check_quantization
from knowcost.compress.solvers.inputs import check_weight


@dataclass(frozen=True)
class Quantized:
    """A quantized weight: value = scales * (q - zeros), each group of neighbouring columns with its own.

    q: uint8 (out, in), codes 0 to 2^bits - 1; scales: float32 (out, groups); zeros: uint8 (out, groups), the code that
    stands for 0 (2^(bits - 1) everywhere when symmetric).
    """

    q: torch.Tensor
    scales: torch.Tensor
    zeros: torch.Tensor
    bits: int
    symmetric: bool

    @property
    def group_size(self) -> int:
        """Columns of a group; all of them when there is one group per row."""
        return self.q.shape[1] // self.scales.shape[1]

    @property
    def g_idx(self) -> torch.Tensor:
        """int64 (in,): the group of each column. Groups are of neighbours, with act-order too (sweep.gptq says why)."""
        return torch.arange(self.q.shape[1], device=self.q.device) // self.group_size

    def dequantized(self) -> torch.Tensor:
        """float32 (out, in): the values that the codes stand for."""
        groups = self.q.unflatten(1, (-1, self.group_size)).to(self.scales.dtype)
        return groups.sub_(self.zeros.unsqueeze(2)).mul_(self.scales.unsqueeze(2)).flatten(1)


def grid(values: torch.Tensor, bits: int, symmetric: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """(scale, zero), float32 each without the last dimension: the grid over its smallest to largest value and 0.

    find_params of IST-DASLab/gptq (quant.py), per channel and without its search: asymmetric scale = (max - min) /
    (2^bits - 1) with zero = round(-min / scale); symmetric from -max|w| to max|w| with zero = 2^(bits - 1). Values that
    are all 0 get the range -1 to 1. One difference: where no value is negative, theirs spreads a symmetric grid over
    0 to max, of which only half has codes; ours stays symmetric.
    """
    top = 2**bits - 1
    low, high = values.amin(-1).clamp(max=0), values.amax(-1).clamp(min=0)
    if symmetric:
        high = torch.maximum(-low, high)
        low = -high
    empty = (low == 0) & (high == 0)
    low, high = low.masked_fill(empty, -1), high.masked_fill(empty, 1)
    scale = ((high - low) / top).clamp(min=torch.finfo(values.dtype).tiny)
    zero = torch.full_like(scale, 2 ** (bits - 1)) if symmetric else torch.round(-low / scale)
    return scale, zero


def codes(values: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, bits: int) -> torch.Tensor:
    """The nearest codes, as floats: clamp(round(w / scale) + zero, 0, 2^bits - 1)."""
    return torch.round(values / scale).add_(zero).clamp_(0, 2**bits - 1)


def round_to_nearest(weight: torch.Tensor, *, bits: int, group_size: int | None = None, symmetric: bool) -> Quantized:
    """Quantized `weight` (float32, (out, in)), every value by itself to its nearest code; zeros stay exactly zero.

    As llama.py --nearest of IST-DASLab/gptq, which is asymmetric. group_size None: one group per row. Raises InputError
    for bits other than 2, 3, 4, 8 and for a group size that does not divide `in`.
    """
    rows, columns = weight.shape
    check_quantization(columns, bits, group_size)
    check_weight(weight)
    groups = weight.view(rows, -1, group_size or columns)
    scales, zeros = grid(groups, bits, symmetric)
    q = codes(groups, scales.unsqueeze(2), zeros.unsqueeze(2), bits).to(torch.uint8)
    return Quantized(q.view(rows, columns), scales, zeros.to(torch.uint8), bits, symmetric)
