"""SparseGPT: the weights whose loss hurts a layer's output least go, and the others make up for it (Frantar & Alistarh
2023)."""

from knowcost.compress.methods.layerwise import Pruner
from knowcost.spec.levels import pattern


class SparseGPT(Pruner):
    name = "sparsegpt"
    label = "SparseGPT"
    what = "Removing the weights whose loss hurts a layer's output least, and letting the others make up for it"
    needs_data = True
    hessian = True

    def solve(self, step, weight, statistics, pruned):
        from knowcost.compress.solvers import sparsegpt

        return sparsegpt(weight, statistics, pattern(step.level))
