"""Wanda: the weights of smallest |weight| x norm of its input go, compared within each row (Sun et al. 2023)."""

from knowcost.compress.methods.layerwise import Pruner
from knowcost.spec.levels import pattern


class Wanda(Pruner):
    name = "wanda"
    label = "Wanda"
    what = "Removing the weights whose size times the norm of their input is smallest, row by row"
    needs_data = True

    def solve(self, step, weight, statistics, pruned):
        from knowcost.compress.solvers import wanda

        return wanda(weight, statistics, pattern(step.level))
