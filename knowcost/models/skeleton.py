"""A transformers model whose weights are not in memory: a module's come when it is called, and go with `release`."""

from collections.abc import Iterable, Mapping

import torch

from knowcost.models import blueprint
from knowcost.models.base import Base
from knowcost.models.checkpoint import Tensor
from knowcost.models.torch_tensors import DTYPES, to_torch


class Skeleton:
    """The module tree of a checkpoint on torch's meta device; buffers are real.

    base: base.Base; tensors: {name: checkpoint.Tensor} of the weights as they are now, read when needed; device: the
    torch.device to compute on: in float32 on a CPU, elsewhere in the checkpoint's own type.
    Attributes: model, dtype, names {path of a parameter: its name in the checkpoint}. Raises InputError when the
    checkpoint lacks a weight.
    """

    def __init__(self, base: Base, tensors: Mapping[str, Tensor], device: torch.device) -> None:
        self.tensors, self.device = dict(tensors), device
        self.dtype = torch.float32 if device.type == "cpu" else DTYPES[base.embedding.dtype]
        config = blueprint.configuration(base.folder)
        config.use_cache = False
        self.model = blueprint.empty(config, self.dtype, buffers=False)
        self.names = base.fills
        # (module, name of the parameter, its stand-in on the meta device)
        self._present: list[tuple[torch.nn.Module, str, torch.nn.Parameter]] = []
        for path, module in self.model.named_modules():
            for name, buffer in module._buffers.items():
                module._buffers[name] = buffer if buffer is None else buffer.to(device)
            if any(parameter is not None for parameter in module._parameters.values()):
                module.register_forward_pre_hook(lambda module, _, path=path: self.load(path, module))
            for name, table in module.named_children():
                if isinstance(table, torch.nn.Embedding):  # DeBERTa reads one without calling it
                    place = _join(path, name)
                    module.register_forward_pre_hook(lambda *_, place=place, table=table: self.load(place, table))

    def load(self, path: str, module: torch.nn.Module) -> None:
        """Bring a module's own parameters into memory, unless they are there."""
        for name, parameter in module._parameters.items():
            if parameter is not None and parameter.is_meta:
                value = to_torch(self.tensors[self.names[_join(path, name)]], self.dtype, self.device)
                self._present.append((module, name, parameter))
                module._parameters[name] = torch.nn.Parameter(value, requires_grad=False)

    def release(self) -> None:
        """Let go of all parameters."""
        for module, name, stand_in in self._present:
            module._parameters[name] = stand_in
        self._present.clear()

    def linears(self, weights: Iterable[str]) -> dict[str, tuple[str, torch.nn.Linear]]:
        """{path: (name, nn.Linear)} of the layers with these weights (names in the checkpoint), in that order."""
        paths = {self.names[f"{p}.weight"]: p for p, m in self.model.named_modules() if isinstance(m, torch.nn.Linear)}
        return {paths[name]: (name, self.model.get_submodule(paths[name])) for name in weights}


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
