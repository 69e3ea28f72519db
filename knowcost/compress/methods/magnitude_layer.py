"""Magnitude pruning within each layer, as locuslab/wanda and IST-DASLab/sparsegpt compare with; also N:M.

`magnitude` compares the weights of a whole scope, as "The Cost of Compression" does.
"""

from knowcost.compress.methods.layerwise import Pruner
from knowcost.spec.levels import pattern


class MagnitudeLayer(Pruner):
    name = "magnitude_layer"
    label = "magnitude pruning by layer"
    what = "Setting the smallest weights of each layer of a scope to zero"

    def solve(self, step, weight, statistics, pruned):
        from knowcost.compress.solvers import magnitude_layer

        return magnitude_layer(weight, pattern(step.level))
