"""L1 structured pruning of the final layer: whole rows (vocabulary entries) of smallest L1 norm.

As torch.nn.utils.prune.ln_structured(module, "weight", amount, n=1, dim=0), per layer (Namburi et al. 2023, section
2.5). Norms are summed in float64, where torch sums in the weights' own type, so only rows whose norms agree to
rounding can differ; equal norms go in row order.
"""

import numpy as np

from knowcost.common.errors import BrokenPromise
from knowcost.compress.method import Compressor
from knowcost.compress.methods.magnitude import nparams_toprune


class MagnitudeStructured(Compressor):
    name = "magnitude_structured"
    label = "magnitude pruning of whole rows"
    what = "Setting the rows of the final layer with the smallest L1 norm to zero"
    scopes = ("final",)

    def prepare(self, step, tensors, work):
        """{tensor name: boolean array of the rows that go}."""
        return {name: _rows_to_prune(tensor, step.level) for name, tensor in tensors.items()}

    def compress(self, tensor, prepared):
        gone = prepared[tensor.name]
        columns = tensor.shape[1]

        def blocks():
            start = 0
            for block in tensor.blocks():
                row, column = divmod(start, columns)
                rows = gone[row : row + -(-(column + block.size) // columns)]
                yield np.where(np.repeat(rows, columns)[column : column + block.size], block.dtype.type(0), block)
                start += block.size

        return [type(tensor)(tensor.name, tensor.dtype, tensor.shape, blocks)]

    def verify(self, step, before, archived, prepared):
        for name, gone in prepared.items():
            zero = np.concatenate([~rows.any(axis=1) for _, rows in archived.tensors[name].rows()])
            had = np.concatenate([~rows.any(axis=1) for _, rows in before[name].rows()])
            if (zero != (gone | had)).any():
                raise BrokenPromise(f"{step}: {name} has {zero.sum()} zero rows, expected {gone.sum()}")


def _rows_to_prune(tensor, level):
    norms = np.concatenate([np.abs(rows).sum(axis=1, dtype=np.float64) for _, rows in tensor.rows()])
    gone = np.zeros(len(norms), bool)
    gone[np.argsort(norms, kind="stable")[: nparams_toprune(level, len(norms))]] = True
    return gone
