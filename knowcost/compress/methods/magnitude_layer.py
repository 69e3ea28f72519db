"""Magnitude pruning within each layer, as locuslab/wanda and IST-DASLab/sparsegpt compare with; also N:M.

`magnitude` compares the weights of a whole scope, as "The Cost of Compression" does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowcost.compress.methods.layerwise import Pruner, pattern_of
from knowcost.compress.patterns import removed, zeros_of_groups
from knowcost.spec.levels import Pattern
from knowcost.spec.variants import Step

if TYPE_CHECKING:
    import torch


class MagnitudeLayer(Pruner):
    name = "magnitude_layer"
    label = "magnitude pruning by layer"
    what = "Setting the smallest weights of each layer of a scope to zero"
    about = (
        "Sets the smallest weights of each layer to zero, of N:M the smallest among every M neighbours, so that "
        "every layer loses the same share. It looks at no data."
    )

    def solve(self, step: Step, weight: torch.Tensor, statistics: None, pruned: bool) -> torch.Tensor:
        from knowcost.compress.solvers import magnitude_layer

        return magnitude_layer(weight, pattern_of(step))

    def promised_zeros(self, rows: int, columns: int, pattern: Pattern) -> int:
        """int(rows * columns * sparsity) + 1 in the layer."""
        if pattern.sparsity is None:
            return zeros_of_groups(rows, columns, pattern)
        return removed(rows * columns, pattern.sparsity)
