"""Wanda: the weights of smallest |weight| x norm of its input go, compared within each row (Sun et al. 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowcost.compress.methods.layerwise import Pruner, pattern_of
from knowcost.compress.patterns import zeros_of_groups
from knowcost.spec.levels import Pattern
from knowcost.spec.variants import Step

if TYPE_CHECKING:
    import torch

    from knowcost.compress.solvers import InputStatistics


class Wanda(Pruner):
    name = "wanda"
    label = "Wanda"
    what = "Removing the weights whose size times the norm of their input is smallest, row by row"
    about = (
        "Sets to zero, in every row, the weights whose size times the norm of their input is smallest; the inputs "
        "are those of calibration texts. The weights that stay are not changed."
    )
    needs_data = True

    def solve(self, step: Step, weight: torch.Tensor, statistics: InputStatistics, pruned: bool) -> torch.Tensor:
        from knowcost.compress.solvers import wanda

        return wanda(weight, statistics, pattern_of(step))

    def promised_zeros(self, rows: int, columns: int, pattern: Pattern) -> int:
        """int(columns * sparsity) in each row."""
        if pattern.sparsity is None:
            return zeros_of_groups(rows, columns, pattern)
        return rows * int(columns * pattern.sparsity)
