"""EoRA (Liu et al. 2024, arXiv 2410.21271): what compression took from a layer, as far as a low rank can hold it.

Of a layer with weight W, compressed to V, and inputs X on calibration data, A and B are those of rank r whose product
is nearest to the residual E = W - V as the inputs see it: the least ||(E - BA) X||. The paper projects E into the
eigenspace of X X^T = Q L Q^T, takes the truncated singular value decomposition of E Q sqrt(L), and projects back by
the inverse. With U the first r left singular vectors of E Q sqrt(L) that is BA = U U^T E, and U are the first
eigenvectors of E X X^T E^T: so B = U and A = U^T E, nothing is inverted, and second moments that are singular (fewer
tokens than inputs, inputs that are always zero) need no damping. A layer that no calibration token reached, an expert
perhaps, is taken as if its inputs were white noise.

The inputs are those that the layer has when it is used: of the compressed model with everything before its block
compensated already (compress/calibration/block_walk.py).
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import peft
import torch
from safetensors.torch import save_file

from knowcost.common import files
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.compress import method as compression
from knowcost.compress.calibration import block_walk, windows
from knowcost.compress.solvers import InputStatistics
from knowcost.models.base import Base, opened
from knowcost.models.checkpoint import Checkpoint, Tensor
from knowcost.models.formats import floats
from knowcost.models.torch_tensors import from_torch, to_torch
from knowcost.recover import adapters, archive
from knowcost.recover.method import Made, Work

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compensated:
    """One layer: a (rank, in) and b (out, rank) as they are stored; weight: what they make of the compressed one;
    before, after: the squared error of its outputs over all tokens, up to one factor."""

    a: torch.Tensor
    b: torch.Tensor
    weight: Tensor
    before: float
    after: float


def make(work: Work, out: Path) -> Made:
    """Work out EoRA for every layer of the blocks that compression changed, and store it as PEFT's LoRA in `out`.

    Raises InputError where compression changed none of them.
    """
    if work.checkpoints is None:
        raise ValueError("EoRA needs the checkpoints")
    [rank] = work.recovery.sizes
    device = str(work.model.device)
    with opened(work.checkpoints.base) as base, work.checkpoints.compressed() as folder, files.scratch() as scratch:
        windows.check_model(work.checkpoints.calibration, windows.read(work.checkpoints.calibration)[1], base.source)
        tensors = {**base.tensors, **floats(Checkpoint(folder))}
        paths = _changed(base, tensors, adapters.linears(work.model))
        if not paths:
            raise InputError(
                f"{work.recovery}: compression changed no layer of the blocks, so nothing is to be made up"
            )
        walked = compression.Work(base, tensors, scratch, calibration=work.checkpoints.calibration, device=device)

        def solve(name: str, weight: torch.Tensor, statistics: InputStatistics) -> Compensated:
            dense = to_torch(base.tensors[name], torch.float32, weight.device)
            return compensated(tensors[name], dense - weight, statistics, rank)

        solved = block_walk.solve(walked, paths, solve, hessian=True)
    write(out, rank, {paths[name]: layer for name, layer in solved.items()})
    count = sum(layer.a.numel() + layer.b.numel() for layer in solved.values())
    left = [layer.after / layer.before for layer in solved.values() if layer.before]
    about = {"layers": len(solved), "error_left": sum(left) / max(1, len(left))}
    log.info("%s: %d layers, of whose squared error %.1f%% is left on average", work.recovery, len(solved),
             100 * about["error_left"])  # fmt: skip
    return Made(count, count, about)


def _changed(base: Base, tensors: dict[str, Tensor], layers: Iterable[str]) -> dict[str, str]:
    """{name of its weight in the checkpoint: path} of the layers whose weight is no longer the base's."""
    named = ((base.fills.get(f"{path}.weight"), path) for path in layers)
    return {name: path for name, path in named if name and _differ(base.tensors[name], tensors[name])}


def _differ(one: Tensor, other: Tensor) -> bool:
    rows = zip(one.rows(), other.rows(), strict=True)
    return any(not np.array_equal(first, second) for (_, first), (_, second) in rows)


def compensated(tensor: Tensor, residual: torch.Tensor, statistics: InputStatistics, rank: int) -> Compensated:
    """The Compensated of one layer. tensor: its compressed weight; residual: what that lacks of the dense one.

    Raises BrokenPromise where its error did not fall.
    """
    place = torch.device("cpu") if residual.device.type == "mps" else residual.device  # which has no float64
    residual = residual.to(place, torch.float64)
    if statistics.hessian is None:
        raise ValueError(f"{tensor.name}: statistics without second moments")
    moments = statistics.hessian.to(place, torch.float64)
    if not statistics.tokens:
        log.warning("%s: no calibration token reached it; treated as if its inputs were white noise", tensor.name)
        moments = torch.eye(len(moments), dtype=torch.float64, device=place)
    a, b = (each.float().cpu() for each in low_rank(residual, moments, rank))
    before, after = (_error(each, moments) for each in (residual, residual - b.to(residual) @ a.to(residual)))
    if not after < before and before:  # none where only inputs that are always zero lost weights
        raise BrokenPromise(f"{tensor.name}: its squared error was {before:g}, and with the update it is {after:g}")
    return Compensated(a, b, _plus(tensor, a, b), before, after)


def low_rank(residual: torch.Tensor, moments: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(A (rank, in), B (out, rank)) with the least tr((E - BA) M (E - BA)^T), E the residual and M second moments;
    zeros fill up a rank beyond the number of outputs."""
    gram = residual @ moments @ residual.T
    _, vectors = torch.linalg.eigh((gram + gram.T) / 2)  # by rising eigenvalue
    b = vectors.flip(1)[:, :rank]
    b = torch.nn.functional.pad(b, (0, rank - b.shape[1]))
    return b.T @ residual, b


def _error(residual: torch.Tensor, moments: torch.Tensor) -> float:
    return float(((residual @ moments) * residual).sum())


def _plus(tensor: Tensor, a: torch.Tensor, b: torch.Tensor) -> Tensor:
    """A compressed weight with its update, computed whenever it is read."""

    def blocks() -> Iterator[np.ndarray]:
        yield from from_torch(tensor.name, to_torch(tensor, torch.float32) + b @ a).blocks()

    return Tensor(tensor.name, "F32", tensor.shape, blocks)


def write(out: Path, rank: int, layers: dict[str, Compensated]) -> None:
    """Store {path in the model: layer} in PEFT's LoRA format, with a scale of 1."""
    peft.LoraConfig(r=rank, lora_alpha=rank, target_modules=list(layers), inference_mode=True).save_pretrained(out)
    adapters.make_neutral(out)
    tensors: dict[str, torch.Tensor] = {}
    for path, layer in layers.items():
        tensors[f"base_model.model.{path}.lora_A.weight"] = layer.a.contiguous()
        tensors[f"base_model.model.{path}.lora_B.weight"] = layer.b.contiguous()
    save_file(tensors, out / archive.WEIGHTS, metadata={"format": "pt"})
