"""Pickled weights made safetensors, by a loader that refuses everything but tensors.

torch and transformers are imported where they are used: most models come as safetensors and are fetched without them.
"""

import logging
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost.common import files
from knowcost.common.errors import InputError, first_line
from knowcost.common.paths import INDEX, WEIGHTS
from knowcost.models import shard_files
from knowcost.models.checkpoint import Tensor
from knowcost.spec import scopes
from knowcost.spec.architectures import architecture

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


def convert(row: Mapping[str, str], folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Replace pickles in `folder` by safetensors, shard by shard. Returns {new name: {"sha256", "size"}}.

    A tensor that shares its memory with the input embedding is left out when the config ties them, as transformers
    itself does on saving; any other sharing is written out in full. Raises InputError on anything but tensors.
    """
    digests, shards = {}, {}
    for name in names:
        target = name.replace("pytorch_model", "model").replace(".bin", ".safetensors")
        log.info("%s: converting to %s", folder / name, target)
        tensors = _unpickle(row, folder / name)
        kept = _without_tied(folder, tensors)
        shards[target] = [_tensor(folder / name, each, tensor) for each, tensor in kept.items()]
        digests[target] = shard_files.write_shard(folder / target, shards[target])
        (folder / name).unlink()
    if WEIGHTS not in shards:
        files.write_json(folder / INDEX, shard_files.index(shards))
        digests[INDEX] = files.describe(folder / INDEX)
    return digests


def _unpickle(row: Mapping[str, str], path: Path) -> dict[str, "torch.Tensor"]:
    """{name: torch tensor} of a pickled state dict, mapped from the file where its format allows."""
    import torch

    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # pickle, zipfile and torch each raise their own
        raise InputError(
            f"{path}: refused, since it is damaged or holds more than tensors. Model {row['name']} needs a revision "
            f"with safetensors. ({first_line(error)})"
        ) from error
    held = tensors.items() if isinstance(tensors, dict) else [(None, None)]
    if not all(isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in held):
        raise InputError(f"{path}: expected a state dict, names to tensors; save the model as safetensors instead")
    for name, tensor in tensors.items():
        if tensor.layout is not torch.strided:
            raise InputError(f"{path}: tensor {name} is {tensor.layout}, expected plain arrays; save them as such")
    return tensors


def _without_tied(folder: Path, tensors: dict[str, "torch.Tensor"]) -> dict[str, "torch.Tensor"]:
    from knowcost.models.blueprint import configuration

    config = configuration(folder)
    # The default differs by architecture, and a config.json may leave it out: transformers knows.
    if not getattr(config, "tie_word_embeddings", False):
        return tensors
    embedding = architecture(config.model_type).embedding
    first: dict[tuple, str] = {}
    kept = {}
    for name, tensor in tensors.items():
        place = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tuple(tensor.shape), tensor.stride())
        owner = first.setdefault(place, name)
        if owner == name or not scopes.matches(embedding, owner.removesuffix(".weight")):
            kept[name] = tensor
        else:
            log.info("%s is tied to %s: left out", name, owner)
    return kept


def _tensor(path: Path, name: str, value: "torch.Tensor") -> Tensor:
    """A Tensor of a torch tensor. Raises InputError for a type that is not handled."""
    from knowcost.models.torch_tensors import from_torch

    try:
        return from_torch(name, value)
    except (TypeError, RuntimeError, StopIteration):
        raise InputError(
            f"{path}: tensor {name} is {value.dtype}, expected float32, float16 or bfloat16; choose "
            "the checkpoint that it was made from"
        ) from None
