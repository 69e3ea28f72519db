"""What linear layers read while a model runs, as statistics of their inputs."""

from dataclasses import dataclass, field

import torch

from knowcost.common.errors import BrokenPromise
from knowcost.compress.solvers import InputStatistics

Linears = dict[str, tuple[str, torch.nn.Linear]]  # {path: (name of its weight in the checkpoint, layer)}


class Enough(Exception):
    """What was wanted of a forward pass is there."""


@dataclass
class Collector:
    """The inputs of these layers while it is entered.

    hessian: whether second moments are wanted; once: whether to raise Enough as soon as every layer was called.
    statistics: {path: InputStatistics} of those that were called, one for all layers that read the same tensors, so
    that the queries, keys and values of a block need one Hessian; waiting: what they read since the last `add`.
    """

    linears: Linears
    hessian: bool
    once: bool
    statistics: dict[str, InputStatistics] = field(default_factory=dict)
    waiting: dict[str, list[tuple[torch.Tensor, int]]] = field(default_factory=dict)
    _hooks: list[torch.utils.hooks.RemovableHandle] = field(default_factory=list)

    def __enter__(self) -> "Collector":
        for path, (_, module) in self.linears.items():
            self._hooks.append(module.register_forward_pre_hook(lambda _, args, path=path: self._see(path, args[0])))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _see(self, path: str, x: torch.Tensor) -> None:
        self.waiting.setdefault(path, []).append((x, x._version))
        if self.once and len(self.waiting) == len(self.linears):
            raise Enough

    def add(self) -> None:
        """Add what is waiting to the sums, each tensor once for all layers that share statistics.

        Whether layers may share is only known now: the queries and keys of DeBERTa also read its table of relative
        positions, its values do not.
        """
        fresh: dict[tuple[int, ...], InputStatistics] = {}
        added: dict[InputStatistics, tuple[int, ...]] = {}
        for path, inputs in self.waiting.items():
            which = tuple(id(x) for x, _ in inputs)
            if path not in self.statistics:
                if which not in fresh:
                    fresh[which] = self._empty(path, inputs[0][0])
                self.statistics[path] = fresh[which]
            statistics = self.statistics[path]
            if statistics not in added:
                added[statistics] = which
                self._sum(path, inputs)
            elif added[statistics] != which:
                raise BrokenPromise(f"{statistics.name} and {self.linears[path][0]} no longer read the same tensors")
        self.waiting.clear()

    def _empty(self, path: str, x: torch.Tensor) -> InputStatistics:
        return InputStatistics(x.shape[-1], x.device, self.hessian, self.linears[path][0])

    def _sum(self, path: str, inputs: list[tuple[torch.Tensor, int]]) -> None:
        for x, version in inputs:
            if x._version != version:
                raise BrokenPromise(f"{self.linears[path][0]}: the model has overwritten what this layer read")
            self.statistics[path].add(x)
