"""Methods that solve one layer at a time with torch (compress/solvers), with calibration data or without.

With data the model is run block by block (knowcost/compress/calibration/block_walk.py). Whichever way, a layer's result
goes to a file in the scratch folder as soon as it is there, so that memory never holds the compressed model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from knowcost.common.errors import BrokenPromise
from knowcost.compress import patterns
from knowcost.compress.method import Archived, Compressor, Work
from knowcost.compress.methods.magnitude import count_zeros
from knowcost.models import checkpoint
from knowcost.models.checkpoint import Tensor
from knowcost.spec.levels import Pattern, pattern
from knowcost.spec.variants import Step

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Solved:
    """One layer's result, read back from a file.

    weight: what to compute with; archived: what the archive holds; pruned: whether an earlier step
    changed the layer, so that its zeros are to stay.
    """

    weight: Tensor
    archived: list[Tensor]
    pruned: bool


class Layerwise(Compressor):
    """A method that maps one weight (and the statistics of its layer's inputs) to another.

    hessian: whether the solver needs second moments of the inputs.
    """

    solves = True
    hessian = False

    def solve(self, step: Step, weight: torch.Tensor, statistics: Any, pruned: bool) -> Any:
        """The result for one weight.

        weight: float32 (out, in) on any device; statistics: solvers.InputStatistics, None for a method that looks at no
        data; pruned: see Solved.
        """
        raise NotImplementedError

    def tensors(self, name: str, result: Any, dtype: str) -> tuple[Tensor, list[Tensor]]:
        """(the weight that `result` stands for, what the archive holds); dtype: of the stored floats."""
        raise NotImplementedError

    def prepare(self, step: Step, tensors: dict[str, Tensor], work: Work) -> dict[str, Solved]:
        """The results by name."""
        solve = partial(self._solved, step, work)
        if self.needs_data:
            from knowcost.compress.calibration import block_walk

            return block_walk.solve(work, tensors, solve, self.hessian)
        from knowcost.models.load import pick_device
        from knowcost.models.torch_tensors import to_torch

        device = pick_device(work.device)
        return {name: solve(name, to_torch(t, device=device).float(), None) for name, t in tensors.items()}

    def _solved(self, step: Step, work: Work, name: str, weight: torch.Tensor, statistics: Any) -> Solved:
        tensor = work.tensors[name]
        pruned = tensor is not work.base.tensors[name]
        result = self.solve(step, weight, statistics, pruned)
        made, archived = self.tensors(name, result, tensor.dtype)
        path = work.scratch / f"{step}-{name}.safetensors"
        stored = checkpoint.stored(path, {t.name: t for t in (made, *archived)}.values())
        return Solved(stored[made.name], [stored[t.name] for t in archived], pruned)

    def compress(self, tensor: Tensor, prepared: Mapping[str, Solved]) -> list[Tensor]:
        return prepared[tensor.name].archived


class Pruner(Layerwise):
    """A method whose result is a weight with zeros in a pattern."""

    levels: tuple[str, ...] = ("percent", "pattern")

    def check(self, step: Step, tensors: Mapping[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            patterns.check_pattern(tensor.shape[1], pattern_of(step), f"{step}: {name}")

    def tensors(self, name: str, result: torch.Tensor, dtype: str) -> tuple[Tensor, list[Tensor]]:
        from knowcost.models.torch_tensors import from_torch

        made = from_torch(name, result, dtype)
        return made, [made]

    def promised_zeros(self, rows: int, columns: int, pattern: Pattern) -> int:
        """How many zeros there are at least in a layer of rows x columns, as the authors' code counts them."""
        raise NotImplementedError

    def verify(
        self, step: Step, before: Mapping[str, Tensor], archived: Archived, prepared: Mapping[str, Solved]
    ) -> None:
        """Every layer has the promised zeros, those that the solver left (more if rounded since), and N:M groups."""
        promised = pattern_of(step)
        for name, tensor in before.items():
            rows, columns = tensor.shape
            least = self.promised_zeros(rows, columns, promised)
            found, left = archived.zeros[name], count_zeros(prepared[name].weight)
            if left < least:
                raise BrokenPromise(f"{step}: {name}: the solver left {left:,} zeros, expected {least:,}")
            if found < left or (found > left and not archived.rounded):
                raise BrokenPromise(f"{step}: {name} has {found:,} zeros, not {left:,}")
            if promised.structured:
                n, m = patterns.n_of_m(promised)
                most = _most_kept(archived.tensors[name], m)
                if most > n:
                    raise BrokenPromise(f"{step}: {name} keeps {most} of {m} weights, not {n}")


def pattern_of(step: Step) -> Pattern:
    """What a pruner's step asks of every layer."""
    if step.level is None:
        raise ValueError(f"{step}: no level")
    return pattern(step.level)


def _most_kept(tensor: Tensor, m: int) -> int:
    """The most nonzero weights that any M neighbours of a row hold."""
    rows = (values.reshape(-1, m) for _, values in tensor.rows())
    return max(int((groups != 0).sum(axis=1).max()) for groups in rows)
