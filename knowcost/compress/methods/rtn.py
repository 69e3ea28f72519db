"""Round to nearest: every weight by itself, on the same grids as GPTQ's; what GPTQ is compared with."""

from knowcost.compress.methods.quantizer import Quantizer
from knowcost.spec.levels import bits


class RoundToNearest(Quantizer):
    name = "rtn"
    label = "round to nearest"
    what = "Rounding every weight of a scope by itself to a few bits"

    def solve(self, step, weight, statistics, pruned):
        from knowcost.compress.solvers import round_to_nearest

        level = bits(step.level)
        return round_to_nearest(weight, bits=level.bits, group_size=level.group_size, symmetric=False)
