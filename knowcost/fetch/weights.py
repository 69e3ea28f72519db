"""A checkpoint's tensors held against the model that its config.json describes, and their values."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import transformers

from knowcost.common.display import some
from knowcost.common.errors import InputError
from knowcost.common.log import Progress
from knowcost.models import checkpoint
from knowcost.models.blueprint import AUTO
from knowcost.models.checkpoint import FLOATS, Checkpoint, Tensor
from knowcost.models.names import Names, resolve, tied
from knowcost.spec import scopes
from knowcost.spec.architectures import architecture, family_of

log = logging.getLogger(__name__)


def fills(found: Checkpoint, model: transformers.PreTrainedModel) -> dict[str, list[str]]:
    """{tensor: the parameters that it fills} of a checkpoint and of the model that its config.json describes.

    A tensor that transformers ignores fills none. model: without weights. Raises InputError unless the tensors fill the
    model, each parameter once, in its shape and a type of floats. What transformers ignores is let in, but for tensors
    of a block, or of a module that the model has: those say that config.json describes another model.
    """
    names = resolve(model, found.tensors)
    wanted = model.state_dict()
    _refuse_joined(found)
    _refuse_missing(found, model, names)
    for parameter, own in names.sources.items():
        if len(own) > 1:
            raise InputError(
                f"{found.file_of(own[0])}: {' and '.join(own)} would both be {parameter}; remove "
                "the one that is not meant"
            )
        _check_tensor(found, found.tensors[own[0]], parameter, wanted[parameter])
    _refuse_strangers(found, model, names)
    _refuse_untied(found, model, names)
    if names.ignored:
        log.info("%s: transformers ignores %d tensors: %s", found.folder, len(names.ignored), ", ".join(names.ignored))
    filled: dict[str, list[str]] = {name: [] for name in found.names}
    for parameter, tensor in names.tensors.items():
        filled[tensor].append(parameter)
    return filled


def _refuse_joined(found: Checkpoint) -> None:
    """Raise InputError for a tensor with the layers of all experts, where the architecture's files have them apart."""
    for name, tensor in found.tensors.items():
        if len(tensor.shape) == 3 and re.search(r"experts\.[^.]+$", name):
            raise InputError(
                f"{found.file_of(name)}: tensor {name} holds the layers of all experts, as transformers has them in "
                f"memory, but files of {found.model_type!r} hold each by itself; load the file's tensors into a model "
                "of AutoModelForCausalLM.from_config with load_state_dict and save that with save_pretrained, which "
                "takes them apart"
            )


def _refuse_missing(found: Checkpoint, model: transformers.PreTrainedModel, names: Names) -> None:
    if not names.missing:
        return
    inside = [name for name in names.missing if name.startswith(f"{model.base_model_prefix}.")]
    family = family_of(found.model_type)
    if names.sources and not inside and family != "encoder_decoder":
        raise InputError(
            f"{found.folder}: no head for family {family!r}: {AUTO[family].__name__} needs {some(names.missing)}, "
            f"which the file lacks{_saved_as(found)}; choose the checkpoint that was saved with this head, or say "
            '"tie_word_embeddings": true in config.json if its head is its embedding'
        )
    raise InputError(
        f"{found.folder}: the weights do not fill the model that config.json describes, which also has "
        f"{some(names.missing)}{_saved_as(found)}; take config.json and weights from the same checkpoint"
    )


def _saved_as(found: Checkpoint) -> str:
    """The class that wrote a checkpoint, as config.json says it, in brackets: one with another head, or none."""
    classes = found.config.get("architectures")
    return f" (it was saved as {classes[0]})" if isinstance(classes, list) and classes else ""


def _check_tensor(found: Checkpoint, tensor: Tensor, parameter: str, wanted: torch.Tensor) -> None:
    if wanted.is_floating_point() and tensor.dtype == "F64":
        wrong = f"type F64, expected one of {', '.join(FLOATS)}; save the model in float32"
    elif wanted.is_floating_point() and tensor.dtype not in FLOATS:
        wrong = (
            f"type {tensor.dtype}, expected one of {', '.join(FLOATS)}: this model is quantized already; choose the "
            "one that it was made from"
        )
    elif tensor.shape != tuple(wanted.shape):
        wrong = (
            f"shape {list(tensor.shape)}, but config.json asks for {list(wanted.shape)} ({parameter}); take "
            "config.json and weights from the same checkpoint"
        )
    else:
        return
    raise InputError(f"{found.file_of(tensor.name)}: tensor {tensor.name} has {wrong}")


def _refuse_strangers(found: Checkpoint, model: transformers.PreTrainedModel, names: Names) -> None:
    """Raise InputError for an ignored tensor that says that config.json describes another model."""
    owners = {name for name, module in model.named_modules() if module._parameters}
    buffers = {buffer.rpartition(".")[2] for buffer, _ in model.named_buffers()}
    for name, target in names.ignored.items():
        if _known_to_be_ignored(model, buffers, target) or _is_mask(found.tensors[name]):
            continue
        parent = target.rpartition(".")[0]
        if (
            parent in owners
            or f"{model.base_model_prefix}.{parent}" in owners
            or scopes.in_block(found.model_type, name)
        ):
            raise InputError(
                f"{found.file_of(name)}: the model that config.json describes has no place for tensor {name} "
                "and would answer without it; take config.json and weights from the same checkpoint"
            )


def _known_to_be_ignored(model: transformers.PreTrainedModel, buffers: set[str], name: str) -> bool:
    """Whether transformers drops a tensor without a word: buffers of old versions, and what a class names.

    As PreTrainedModel._adjust_missing_and_unexpected_keys decides. buffers: the last parts of the names of the model's.
    """
    old = name.rpartition(".")[2]
    patterns = model._keys_to_ignore_on_load_unexpected or ()
    return (old in ("position_ids", "inv_freq") and old in buffers) or any(re.search(each, name) for each in patterns)


def _is_mask(tensor: Tensor) -> bool:
    """Whether a tensor is the causal mask, or what it filled in, that old versions of GPT-2's kind saved as buffers of
    their attention: published checkpoints of GPT-2, GPT-Neo, GPT-J and GPT-NeoX hold them."""
    owner, _, leaf = tensor.name.rpartition(".")
    if not re.search(r"\b(attn|attention)$", owner):
        return False
    triangle = len(tensor.shape) == 4 and tensor.shape[:2] == (1, 1) and tensor.shape[2] == tensor.shape[3]
    return (leaf == "bias" and triangle) or (leaf == "masked_bias" and tensor.size == 1)


def _refuse_untied(found: Checkpoint, model: transformers.PreTrainedModel, names: Names) -> None:
    """Raise InputError for tied parameters that are stored with different values, unless it is the head that differs.

    transformers unties them then. A head of its own is handled; a second input embedding is not.
    """
    final = architecture(found.model_type).final
    for group in tied(model):
        stored = [
            found.tensors[names.sources[parameter][0]]
            for parameter in group
            if parameter in names.sources and not scopes.matches(final, parameter.rpartition(".")[0])
        ]
        for other in stored[1:]:
            if not checkpoint.same_bytes(stored[0], other):
                raise InputError(
                    f"{found.file_of(other.name)}: {other.name} and {stored[0].name} differ, but are one embedding in "
                    "this architecture; remove the one that is not meant"
                )


def check_values(found: Checkpoint, fills: Mapping[str, list[str]]) -> None:
    """Raise InputError for NaN or infinity in a tensor of floats that fills a parameter. Reads all of them, in blocks.

    fills: {tensor: its parameters}, as the function of this name gives it.
    """
    progress = Progress(log)
    for shard, held in found.shards.items():
        for name in filter(fills.get, held):
            _check_finite(found.folder / shard, found.tensors[name])
            progress.say("%s: checking values", found.folder / shard)


def _check_finite(path: Path, tensor: Tensor) -> None:
    # NaN and infinity are the values whose exponent bits are all ones, whatever the type.
    kinds = {"F64": ("u8", 0x7FF << 52), "F32": ("u4", 0x7F800000), "F16": ("u2", 0x7C00), "BF16": ("u2", 0x7F80)}
    if tensor.dtype not in kinds:
        return
    kind, exponent = kinds[tensor.dtype]
    ones = np.array(exponent, kind)
    for block in tensor.blocks():
        if (block.view(kind) & ones == ones).any():
            raise InputError(f"{path}: tensor {tensor.name} holds NaN or infinity; choose a sound checkpoint")
