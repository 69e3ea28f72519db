"""Round to nearest: every weight by itself, on the same grids as GPTQ's; what GPTQ is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowcost.compress.methods.quantizer import Quantizer, bits_of
from knowcost.spec.variants import Step

if TYPE_CHECKING:
    import torch

    from knowcost.compress.solvers import Quantized


class RoundToNearest(Quantizer):
    name = "rtn"
    label = "round to nearest"
    what = "Rounding every weight of a scope by itself to a few bits"
    about = (
        "Rounds every weight by itself to the nearest value that a few bits can hold, on the same grid as GPTQ. It "
        "looks at no data; it is what GPTQ is held against."
    )

    def solve(self, step: Step, weight: torch.Tensor, statistics: None, pruned: bool) -> Quantized:
        from knowcost.compress.solvers import round_to_nearest

        level = bits_of(step)
        return round_to_nearest(weight, bits=level.bits, group_size=level.group_size, symmetric=False)
