"""GPTQ: weights are rounded column by column, those still to come make up for the error (Frantar et al. 2023).

As the authors' code runs it by default: asymmetric grids, all layers of a block from the inputs of the block as it
was, the final layer left as it is (so `overall` excludes it, unlike for int8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowcost.compress.methods.quantizer import Quantizer, bits_of
from knowcost.spec.variants import Step

if TYPE_CHECKING:
    import torch

    from knowcost.compress.solvers import InputStatistics, Quantized


class GPTQ(Quantizer):
    name = "gptq"
    label = "GPTQ"
    what = "Rounding a scope's weights to a few bits column by column, and letting those still to come make up for it"
    about = (
        "Rounds weights to a few bits, column by column. After each column those still to come are changed, to make "
        "up for its error on calibration texts."
    )
    levels = ("bits", "actorder")
    needs_data = True
    hessian = True

    def solve(self, step: Step, weight: torch.Tensor, statistics: InputStatistics, pruned: bool) -> Quantized:
        from knowcost.compress.solvers import gptq

        level = bits_of(step)
        return gptq(
            weight,
            statistics,
            bits=level.bits,
            group_size=level.group_size,
            act_order=level.act_order,
            keep_zeros=pruned,
        )
