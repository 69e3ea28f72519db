"""The prompts of dynamic prompting in an archive: one file for each, as PEFT stores the one of prompt tuning."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import PreTrainedModel

from knowcost.common.errors import InputError
from knowcost.recover.archive import WEIGHTS
from knowcost.recover.dynamic import Dynamic
from knowcost.recover.method import Made, Work
from knowcost.spec.recoveries import Recovery

TENSOR = "prompt_embeddings"  # PEFT's name
INPUT = "input"  # the option of one choice for all layers


def make(work: Work, out: Path) -> Made:
    """Copy the prompts of the parts into `out`, and put them in front of the model once. Raises InputError."""
    for size, folder in work.parts.items():
        shutil.copyfile(folder / WEIGHTS, out / _name(size))
    prompts = read(work.recovery.sizes, out, _width(work.model))
    held = Dynamic(work.model, prompts, per_layer=INPUT not in work.recovery.options)
    return Made(sum(prompt.numel() for prompt in prompts), held.cached)


def apply(recovery: Recovery, model: PreTrainedModel, folder: Path) -> None:
    """Let a model choose among the prompts of an archive. Raises InputError."""
    prompts = read(recovery.sizes, folder, _width(model))
    Dynamic(model, prompts, per_layer=INPUT not in recovery.options)


def read(sizes: Sequence[int], folder: Path, width: int) -> list[torch.Tensor]:
    """The prompts of these lengths in an archive's folder: float (length, width) each. Raises InputError."""
    return [_read(folder / _name(size), (size, width)) for size in sizes]


def _read(path: Path, shape: tuple[int, int]) -> torch.Tensor:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: no prompt can be read from it ({error}); delete the archive and run again") from None
    if list(tensors) != [TENSOR] or tensors[TENSOR].shape != shape:
        found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        raise InputError(
            f"{path}: expected one tensor {TENSOR!r} of shape {shape}, tokens by the width of the model's embedding; "
            f"found {found}; delete the archive and run again"
        )
    if not tensors[TENSOR].isfinite().all():
        raise InputError(f"{path}: holds numbers that are not finite; delete the archive and run again")
    return tensors[TENSOR]


def _width(model: PreTrainedModel) -> int:
    return model.get_input_embeddings().weight.shape[1]


def _name(size: int) -> str:
    return f"prompt-{size}.safetensors"
