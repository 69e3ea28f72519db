"""SparseGPT and GPTQ: one sweep over a layer's columns settles each and lets the later ones make up for its error.

Frantar & Alistarh 2023 (SparseGPT, algorithm 1) and Frantar et al. 2023 (GPTQ, algorithm 1); fasterprune and
fasterquant in IST-DASLab/sparsegpt and gptq. With U the upper factor of the inverse Hessian (InputStatistics.factor),
settling column i at w - e changes every column j after it by -e * U_ij / U_ii. Updates are applied at once within a few
columns, by matrix products to the rest of the block, and then to the rest of the layer.

The weight is swept transposed, so that a column lies in one piece of memory.
"""

from dataclasses import dataclass

import torch

from knowcost.compress.patterns import BLOCK, block_width, check_pattern, check_quantization, removed
from knowcost.compress.solvers.grids import Quantized, codes, grid
from knowcost.compress.solvers.inputs import InputStatistics, check_weight
from knowcost.compress.solvers.masks import smallest, smallest_of_group
from knowcost.spec.levels import Pattern

NEAR = 32  # columns whose updates are applied one by one


def sparsegpt(
    weight: torch.Tensor,
    statistics: InputStatistics,
    pattern: Pattern,
    *,
    blocksize: int = BLOCK,
    damping: float = 0.01,
) -> torch.Tensor:
    """`weight` (float32, (out, in)) pruned to the pattern, the weights that stay made to compensate; a transposed view.

    Unstructured: in each block of columns the removed() smallest w^2 / U_ii^2 over all rows; N:M: within each group,
    as it is when the sweep reaches it. Weights that are zero already are chosen anew like any other: they may come
    back. Uses up the statistics' Hessian (InputStatistics.factor). Raises InputError if M does not divide `in`.
    """
    check_pattern(weight.shape[1], pattern)
    check_weight(weight)
    factor, _, dead = statistics.factor(damping)
    columns = weight.T.clone(memory_format=torch.contiguous_format)
    columns[dead] = 0
    _sweep(columns, factor, block_width(pattern, blocksize), _Pruner(pattern))
    return columns.T


def gptq(
    weight: torch.Tensor,
    statistics: InputStatistics,
    *,
    bits: int,
    group_size: int | None = None,
    act_order: bool = False,
    symmetric: bool = False,
    keep_zeros: bool = False,
    blocksize: int = BLOCK,
    damping: float = 0.01,
) -> Quantized:
    """Quantized `weight` (float32, (out, in)), the error of each column passed on to those after it.

    group_size None: one grid per row, from the weight as given. With groups, a grid is taken when the sweep reaches its
    first column, from weights that hold the compensation of earlier blocks (as in the authors' code, not yet that of
    the same block). act_order: columns by falling diagonal of the Hessian; with groups the grids are then those of
    neighbouring columns of the weight as given (the authors' --static-groups), since no current format holds scattered
    groups (compressed-tensors 0.19 dropped them).

    keep_zeros: a weight that is exactly zero on entry was pruned by an earlier step and stays exactly zero; what
    compensation would have put there is passed on as error, as in the joint step of the authors' sparsegpt.py.
    Uses up the statistics' Hessian. Raises InputError for bits and groups that check_quantization refuses.
    """
    check_quantization(weight.shape[1], bits, group_size)
    check_weight(weight)
    factor, order, dead = statistics.factor(damping, act_order)
    rounding = _Rounding(bits, group_size or weight.shape[1], symmetric, act_order, keep_zeros)
    rounder = _Rounder(weight, order, dead, rounding)
    _sweep(rounder.columns, factor, blocksize, rounder)
    return rounder.quantized()


def _sweep(columns: torch.Tensor, factor: torch.Tensor, blocksize: int, method: "_Pruner | _Rounder") -> None:
    """Settle all columns (float32, (in, out), changed in place): method.begin(first, block), then method.settle(i)."""
    diagonal = factor.diagonal().tolist()
    for first in range(0, len(columns), blocksize):
        block = columns[first : first + blocksize]
        last = first + len(block)
        upper = factor[first:last, first:last]
        method.begin(first, block, factor.diagonal()[first:last].unsqueeze(1))
        errors = torch.empty_like(block)
        for near in range(0, len(block), method.near):
            end = min(near + method.near, len(block))
            for i in range(near, end):
                settled = method.settle(i)
                torch.sub(block[i], settled, out=errors[i]).div_(diagonal[first + i])
                block[i] = settled
                block[i + 1 : end].addr_(upper[i, i + 1 : end], errors[i], alpha=-1)
            block[end:].addmm_(upper[near:end, end:].T, errors[near:end], alpha=-1)
        columns[last:].addmm_(factor[first:last, last:].T, errors, alpha=-1)


class _Pruner:
    """Settles a column at its value, or at zero where the mask says so."""

    def __init__(self, pattern: Pattern) -> None:
        self.pattern, self.near = pattern, block_width(pattern, NEAR)

    def begin(self, first: int, block: torch.Tensor, diagonal: torch.Tensor) -> None:
        self.block, self.diagonal = block, diagonal
        if self.pattern.sparsity is None:
            self.mask = torch.zeros_like(block, dtype=torch.bool)
        else:
            score = self._score(block, diagonal)
            self.mask = smallest(score.flatten(), removed(score.numel(), self.pattern.sparsity)).view_as(block)

    def settle(self, i: int) -> torch.Tensor:
        if self.pattern.m is not None and i % self.pattern.m == 0:
            group = slice(i, i + self.pattern.m)
            score = self._score(self.block[group], self.diagonal[group])
            self.mask[group] = smallest_of_group(score, self.pattern, dim=0)
        return self.block[i].masked_fill(self.mask[i], 0)

    @staticmethod
    def _score(values: torch.Tensor, diagonal: torch.Tensor) -> torch.Tensor:
        return values.square().div_(diagonal**2)


@dataclass(frozen=True)
class _Rounding:
    """How gptq rounds; group_size: columns of a group, all of them for one grid per row."""

    bits: int
    group_size: int
    symmetric: bool
    act_order: bool
    keep_zeros: bool


class _Rounder:
    """Settles a column on its grid, and keeps the codes."""

    def __init__(self, weight: torch.Tensor, order: torch.Tensor, dead: torch.Tensor, how: _Rounding) -> None:
        group_size = how.group_size
        self.near, self.order, self.bits, self.symmetric = NEAR, order, how.bits, how.symmetric
        self.weight = weight if how.keep_zeros else None
        self.group_size, self.groups = group_size, (order // group_size).tolist()
        rows, width = weight.shape
        self.columns = weight.T.index_select(0, order)
        self.columns[dead[order]] = 0
        self.codes = torch.empty(width, rows, dtype=torch.uint8, device=weight.device)
        self.scales = torch.empty(width // group_size, rows, device=weight.device)
        self.zeros = torch.empty_like(self.scales)
        self.moving = group_size < width and not how.act_order
        if group_size == width:  # as theirs: taken before the weights of dead inputs go
            self._take_grid(0, weight)
        elif how.act_order:
            for group, part in enumerate(weight.split(group_size, dim=1)):
                self._take_grid(group, part.masked_fill(dead[self._span(group)], 0))

    def begin(self, first: int, block: torch.Tensor, diagonal: torch.Tensor) -> None:
        self.first, self.block = first, block
        last = first + len(block)
        if self.weight is not None:
            self.pruned = self.weight[:, self.order[first:last]].T == 0
        if self.moving:
            for group in range(-(-first // self.group_size), -(-last // self.group_size)):
                self._take_grid(group, self.columns[self._span(group)].T)

    def settle(self, i: int) -> torch.Tensor:
        group = self.groups[self.first + i]
        scale, zero = self.scales[group], self.zeros[group]
        value = self.block[i] if self.weight is None else self.block[i].masked_fill(self.pruned[i], 0)
        code = codes(value, scale, zero, self.bits)
        self.codes[self.first + i] = code
        return code.sub_(zero).mul_(scale)

    def quantized(self) -> Quantized:
        q = torch.empty_like(self.codes)
        q[self.order] = self.codes
        scales, zeros = self.scales.T.contiguous(), self.zeros.T.to(torch.uint8).contiguous()
        return Quantized(q.T.contiguous(), scales, zeros, self.bits, self.symmetric)

    def _span(self, group: int) -> slice:
        return slice(group * self.group_size, (group + 1) * self.group_size)

    def _take_grid(self, group: int, values: torch.Tensor) -> None:
        self.scales[group], self.zeros[group] = grid(values, self.bits, self.symmetric)
