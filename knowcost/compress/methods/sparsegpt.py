"""SparseGPT: the weights whose loss hurts a layer's output least go, and the others make up for it (Frantar & Alistarh
2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowcost.compress.methods.layerwise import Pruner, pattern_of
from knowcost.compress.patterns import BLOCK, removed, zeros_of_groups
from knowcost.spec.levels import Pattern
from knowcost.spec.variants import Step

if TYPE_CHECKING:
    import torch

    from knowcost.compress.solvers import InputStatistics


class SparseGPT(Pruner):
    name = "sparsegpt"
    label = "SparseGPT"
    what = "Removing the weights whose loss hurts a layer's output least, and letting the others make up for it"
    about = (
        "Sets to zero the weights whose loss changes a layer's output on calibration texts the least. The weights "
        "that stay are changed to make up for those that went."
    )
    needs_data = True
    hessian = True

    def solve(self, step: Step, weight: torch.Tensor, statistics: InputStatistics, pruned: bool) -> torch.Tensor:
        from knowcost.compress.solvers import sparsegpt

        return sparsegpt(weight, statistics, pattern_of(step))

    def promised_zeros(self, rows: int, columns: int, pattern: Pattern, blocksize: int = BLOCK) -> int:
        """int(rows * width * sparsity) + 1 in each block of `blocksize` columns, the last of which may be narrower."""
        if pattern.sparsity is None:
            return zeros_of_groups(rows, columns, pattern)
        widths = [min(blocksize, columns - first) for first in range(0, columns, blocksize)]
        return sum(removed(rows * width, pattern.sparsity) for width in widths)
