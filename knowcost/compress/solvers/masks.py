"""Magnitude and Wanda: scores, and the smallest of them set to zero."""

import torch

from knowcost.compress.patterns import check_pattern, n_of_m, removed
from knowcost.compress.solvers.inputs import InputStatistics, check_weight
from knowcost.spec.levels import Pattern

CHUNK = 1 << 17  # scores held at a time


def magnitude_layer(weight: torch.Tensor, pattern: Pattern) -> torch.Tensor:
    """A copy of `weight` (float32, (out, in)) without its smallest magnitudes, compared over the whole layer or in N:M.

    As prune_magnitude in locuslab/wanda and sparsegpt's llama.py. Raises InputError if M does not divide `in`.
    """
    check_pattern(weight.shape[1], pattern)
    check_weight(weight)
    if pattern.sparsity is None:
        return _pruned(weight, pattern, scale=None)
    mask = smallest(weight.abs().flatten(), removed(weight.numel(), pattern.sparsity))
    return weight.masked_fill(mask.view_as(weight), 0)


def wanda(weight: torch.Tensor, statistics: InputStatistics, pattern: Pattern) -> torch.Tensor:
    """A copy of `weight` (float32, (out, in)) without the smallest |w_ij| * ||x_j|| of each row, or in N:M.

    Sun et al. 2023, equation 1; prune_wanda in locuslab/wanda. `statistics`: of the layer's inputs. Inputs that
    are always zero score zero and go first. Raises InputError if M does not divide `in`.
    """
    check_pattern(weight.shape[1], pattern)
    check_weight(weight)
    return _pruned(weight, pattern, statistics.scale())


def _pruned(weight: torch.Tensor, pattern: Pattern, scale: torch.Tensor | None) -> torch.Tensor:
    """Each row without the smallest of |w| * scale, a few rows at a time."""
    columns = weight.shape[1]
    result = weight.clone()
    for part in result.split(max(1, CHUNK // columns)):
        score = part.abs() if scale is None else part.abs() * scale
        if pattern.structured:
            mask = smallest_of_group(score.view(len(part), -1, pattern.m), pattern, dim=2).view_as(part)
        else:
            mask = smallest(score, int(columns * pattern.sparsity))
        part.masked_fill_(mask, 0)
    return result


def smallest(score: torch.Tensor, k: int) -> torch.Tensor:
    """Bool mask of the k smallest along the last dimension; among equal ones the first go, as a stable sort takes them.

    A selection, not a sort: several times as fast.
    """
    if k == 0:
        return torch.zeros_like(score, dtype=torch.bool)
    threshold = score.kthvalue(k, dim=-1, keepdim=True).values
    mask = score <= threshold
    if bool((mask.sum(-1) > k).any()):
        below, equal = score < threshold, score == threshold
        room = k - below.sum(-1, keepdim=True)
        mask = below | (equal & (equal.cumsum(-1) <= room))
    return mask


def smallest_of_group(score: torch.Tensor, pattern: Pattern, dim: int) -> torch.Tensor:
    """Bool mask of all but the n largest along `dim`, whose length is m; among equal ones the first go."""
    n, m = n_of_m(pattern)
    order = score.argsort(dim=dim, stable=True).narrow(dim, 0, m - n)
    return torch.zeros_like(score, dtype=torch.bool).scatter_(dim, order, True)
