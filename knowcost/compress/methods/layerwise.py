"""Methods that solve one layer at a time with torch (compress/solvers), with calibration data or without.

With data the model is run block by block (knowcost/compress/calibration/block_walk.py), and a layer's result goes to a
file in the scratch folder as soon as it is there. Without data a layer is solved when its result is read. So memory
never holds the compressed model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from knowcost.common.errors import BrokenPromise
from knowcost.compress import patterns
from knowcost.compress.method import Archived, Compressor, Work
from knowcost.compress.methods.magnitude import count_zeros
from knowcost.models import shard_files
from knowcost.models.checkpoint import Tensor
from knowcost.spec.levels import Pattern, pattern
from knowcost.spec.variants import Step

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Solved:
    """One layer's result, as it is read back from a file or solved once more.

    weight: what to compute with; archived: what the archive holds; pruned: whether an earlier step
    changed the layer, so that its zeros are to stay.
    """

    weight: Tensor
    archived: list[Tensor]
    pruned: bool


class Later(Mapping[str, Solved]):
    """Results that are computed when they are read, one layer's at a time.

    What of a layer is read again later is solved again, but for the small parts of a packed weight, which stay in
    memory: a file may hold them far from its codes. solve: gives (the weight that stands for a result, what the archive
    holds).
    """

    def __init__(self, expected: Mapping[str, Solved], solve: Callable[[str], tuple[Tensor, list[Tensor]]]) -> None:
        self._expected, self._solve = expected, solve
        self._last: dict[str, dict[str, Tensor]] = {}
        self._small: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Solved:
        known = self._expected[name]
        parts = [self._later(name, part) for part in known.archived]
        return Solved(self._later(name, known.weight), parts, known.pruned)

    def __iter__(self) -> Iterator[str]:
        return iter(self._expected)

    def __len__(self) -> int:
        return len(self._expected)

    def _later(self, name: str, tensor: Tensor) -> Tensor:
        return replace(tensor, blocks=lambda: self._read(name, tensor.name).blocks())

    def _read(self, name: str, part: str) -> Tensor:
        if part in self._small:
            return self._small[part]
        if name not in self._last:
            made, archived = self._solve(name)
            self._last = {name: {each.name: each for each in (made, *archived)}}
            largest = max(archived, key=lambda each: each.nbytes)
            self._small |= {each.name: each for each in archived if each is not largest}
        return self._last[name][part]


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

    def parts(self, step: Step, tensor: Tensor) -> list[tuple[str, str, tuple[int, ...]]]:
        """(name, dtype, shape) of each Tensor that stands in the place of one."""
        return [(tensor.name, tensor.dtype, tensor.shape)]

    def prepare(self, step: Step, tensors: dict[str, Tensor], work: Work) -> Mapping[str, Solved]:
        """The results by name."""
        pruned = {name for name, tensor in tensors.items() if tensor is not work.base.tensors[name]}

        def solve(name: str, weight: torch.Tensor, statistics: Any) -> tuple[Tensor, list[Tensor]]:
            return self.tensors(name, self.solve(step, weight, statistics, name in pruned), tensors[name].dtype)

        if not self.needs_data:
            return self._later(step, tensors, pruned, partial(_alone, tensors, work.device, solve))
        from knowcost.compress.calibration import block_walk

        def kept(name: str, weight: torch.Tensor, statistics: Any) -> Solved:
            made, archived = solve(name, weight, statistics)
            path = work.scratch / f"{step}-{name}.safetensors"
            stored = shard_files.stored(path, {t.name: t for t in (made, *archived)}.values())
            return Solved(stored[made.name], [stored[t.name] for t in archived], name in pruned)

        return block_walk.solve(work, tensors, kept, self.hessian)

    def _later(
        self,
        step: Step,
        tensors: Mapping[str, Tensor],
        pruned: set[str],
        solve: Callable[[str], tuple[Tensor, list[Tensor]]],
    ) -> Later:
        def expected(name: str, tensor: Tensor) -> Solved:
            parts = [Tensor(part, dtype, shape, tensor.blocks) for part, dtype, shape in self.parts(step, tensor)]
            return Solved(tensor, parts, name in pruned)

        return Later({name: expected(name, tensor) for name, tensor in tensors.items()}, solve)

    def compress(self, tensor: Tensor, prepared: Mapping[str, Solved]) -> list[Tensor]:
        return prepared[tensor.name].archived


def _alone(
    tensors: Mapping[str, Tensor], device: str, solve: Callable[..., tuple[Tensor, list[Tensor]]], name: str
) -> tuple[Tensor, list[Tensor]]:
    """The result for one layer of a method that looks at no data."""
    from knowcost.models.devices import pick_device
    from knowcost.models.torch_tensors import to_torch

    return solve(name, to_torch(tensors[name], device=pick_device(device)).float(), None)


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
