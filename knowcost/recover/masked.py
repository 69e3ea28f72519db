"""Low-rank updates of the weights that pruning left: W + s (BA) * (W != 0), trained beside them and merged into them.

PEFT's LoRA adds BA to every weight, so merging it makes a pruned layer dense. Here the update counts only where there
is a weight, while it is trained too (MaskLoRA of Zimmer et al. 2023, arXiv 2312.15230). The archive holds A and B;
zeros of the compressed weight stay zero whenever they are merged, and nothing else becomes zero.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn.utils import parametrize

from knowcost.common import files
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.models.checkpoint import Tensor
from knowcost.models.torch_tensors import from_torch, to_torch
from knowcost.recover import adapters, training
from knowcost.recover.method import Made, Work

CONFIG, WEIGHTS = "masked_lora.json", "masked_lora.safetensors"  # not PEFT's names: it would add the update unmasked
SCALE = 2  # as LoRA's here: alpha = 2 r


class Masked(torch.nn.Module):
    """A weight (out, in), or turned (in, out), with its update where it is not zero."""

    def __init__(self, weight: torch.Tensor, rank: int, turned: bool) -> None:
        super().__init__()
        rows, columns = weight.shape[::-1] if turned else weight.shape
        place = {"device": weight.device, "dtype": torch.float32}
        self.turned = turned
        self.a = torch.nn.Parameter(torch.empty(rank, columns, **place))
        self.b = torch.nn.Parameter(torch.zeros(rows, rank, **place))
        torch.nn.init.kaiming_uniform_(self.a, a=5**0.5)  # as LoRA begins

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return updated(weight, self.a, self.b, self.turned)


def updated(weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, turned: bool = False) -> torch.Tensor:
    """W + s (BA) * (W != 0), summed in float32, in the weight's own type; turned: the weight is (in, out)."""
    update = b.float() @ a.float()
    update = SCALE * (update.T if turned else update)
    return torch.where(weight != 0, weight.float() + update, 0.0).to(weight.dtype)


def train(work: Work, out: Path) -> Made:
    """Train the masked updates of every linear layer of the blocks, and store them in `out`. Raises as training.train,
    and InputError where pruning left nothing of a layer."""
    [rank] = work.recovery.sizes
    paths = adapters.linears(work.model)
    if gone := [path for path in paths if not work.model.get_submodule(path).weight.any()]:
        raise InputError(
            f"recovery {str(work.recovery)!r}: pruning left no weight of {gone[0]}, and {len(gone)} of {len(paths)} "
            "layers in all, that could be changed; recover a variant that is pruned less, or take lora here"
        )
    torch.manual_seed(work.settings.seed)
    for path in paths:
        module = work.model.get_submodule(path)
        turned = isinstance(module, transformers.pytorch_utils.Conv1D)
        parametrize.register_parametrization(module, "weight", Masked(module.weight, rank, turned))
    about = training.train(work.model, work, out)
    tensors: dict[str, torch.Tensor] = {}
    for path in paths:
        mask = work.model.get_submodule(path).parametrizations.weight[0]
        tensors |= {f"{path}.a": mask.a.detach().cpu(), f"{path}.b": mask.b.detach().cpu()}
    if not any(tensor.any() for name, tensor in tensors.items() if name.endswith(".b")):
        raise BrokenPromise(f"{out}: nothing was learnt, every update is zero")
    save_file(tensors, out / WEIGHTS, metadata={"format": "pt"})
    files.write_json(out / CONFIG, {"r": rank, "scale": SCALE, "layers": paths})
    return Made(sum(tensor.numel() for tensor in tensors.values()), 0, about)


def updates(folder: Path) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """(path of a layer, A, B) of an archive."""
    stored: dict[str, Any] = load_file(folder / WEIGHTS)
    for path in files.read_json(folder / CONFIG)["layers"]:
        yield path, stored[f"{path}.a"], stored[f"{path}.b"]


def blocks(tensor: Tensor, a: torch.Tensor, b: torch.Tensor) -> Callable[[], Iterator[np.ndarray]]:
    """The blocks of a checkpoint's weight with its update, computed whenever they are read."""

    def computed() -> Iterator[np.ndarray]:
        yield from from_torch(tensor.name, merged(tensor.name, to_torch(tensor), a, b)).blocks()

    return computed


@torch.no_grad()
def merge(model: transformers.PreTrainedModel, folder: Path) -> None:
    """Put the updates of an archive into a model's weights.

    Raises BrokenPromise unless afterwards the same weights are zero as before.
    """
    for path, a, b in updates(folder):
        module = model.get_submodule(path)
        turned = isinstance(module, transformers.pytorch_utils.Conv1D)
        module.weight.copy_(merged(path, module.weight, a, b, turned))


def merged(name: str, weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, turned: bool = False) -> torch.Tensor:
    """A weight with its update. What an update would bring to zero by chance becomes the least number of its type, so
    that the layer is exactly as sparse as it was. Raises BrokenPromise unless it is."""
    after = updated(weight, a.to(weight.device), b.to(weight.device), turned)
    after = torch.where((weight != 0) & (after == 0), torch.finfo(weight.dtype).tiny, after)
    if not torch.equal(weight == 0, after == 0):
        raise BrokenPromise(f"{name}: the merged weight is not zero where the pruned one is, and only there")
    return after
