"""L1 structured pruning of the final layer: whole rows (vocabulary entries) of smallest L1 norm.

As torch.nn.utils.prune.ln_structured(module, "weight", amount, n=1, dim=0), per layer (Namburi et al. 2023, section
2.5). Norms are summed in float64, where torch sums in the weights' own type, so only rows whose norms agree to
rounding can differ; equal norms go in row order.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from knowcost.common.errors import BrokenPromise
from knowcost.compress.method import Archived, Compressor, Work
from knowcost.compress.methods.magnitude import nparams_toprune, percent
from knowcost.models.checkpoint import Tensor
from knowcost.spec.variants import Step


class MagnitudeStructured(Compressor):
    name = "magnitude_structured"
    label = "magnitude pruning of whole rows"
    what = "Setting the rows of the final layer with the smallest L1 norm to zero"
    about = (
        "Sets whole rows of the final layer to zero, one per entry of the vocabulary: those of smallest L1 norm. "
        "How likely a model finds such an entry no longer depends on the sentence."
    )
    scopes = ("final",)

    def prepare(self, step: Step, tensors: dict[str, Tensor], work: Work) -> dict[str, np.ndarray]:
        """{tensor name: boolean array of the rows that go}."""
        return {name: _rows_to_prune(tensor, percent(step)) for name, tensor in tensors.items()}

    def compress(self, tensor: Tensor, prepared: dict[str, np.ndarray]) -> list[Tensor]:
        gone = prepared[tensor.name]
        columns = tensor.shape[1]

        def blocks() -> Iterator[np.ndarray]:
            start = 0
            for block in tensor.blocks():
                row, column = divmod(start, columns)
                rows = gone[row : row + -(-(column + block.size) // columns)]
                yield np.where(np.repeat(rows, columns)[column : column + block.size], block.dtype.type(0), block)
                start += block.size

        return [Tensor(tensor.name, tensor.dtype, tensor.shape, blocks)]

    def verify(
        self, step: Step, before: Mapping[str, Tensor], archived: Archived, prepared: dict[str, np.ndarray]
    ) -> None:
        for name, gone in prepared.items():
            zero = np.concatenate([~rows.any(axis=1) for _, rows in archived.tensors[name].rows()])
            had = np.concatenate([~rows.any(axis=1) for _, rows in before[name].rows()])
            if (zero != (gone | had)).any():
                raise BrokenPromise(f"{step}: {name} has {zero.sum()} zero rows, expected {gone.sum()}")


def _rows_to_prune(tensor: Tensor, level: int) -> np.ndarray:
    norms = np.concatenate([np.abs(rows).sum(axis=1, dtype=np.float64) for _, rows in tensor.rows()])
    gone = np.zeros(len(norms), bool)
    gone[np.argsort(norms, kind="stable")[: nparams_toprune(level, len(norms))]] = True
    return gone
