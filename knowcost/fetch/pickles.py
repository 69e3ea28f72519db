"""Pickled weights made safetensors, by a loader that refuses everything but tensors.

torch and transformers are imported where they are used: most models come as safetensors and are fetched without them.
"""

import logging
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from knowcost.common import files
from knowcost.common.errors import InputError
from knowcost.common.paths import INDEX, WEIGHTS
from knowcost.models import checkpoint
from knowcost.models.checkpoint import NUMPY
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
        shards[target] = [checkpoint.from_array(n, *_array(t)) for n, t in _without_tied(folder, tensors).items()]
        digests[target] = checkpoint.write_shard(folder / target, shards[target])
        (folder / name).unlink()
    if WEIGHTS not in shards:
        checkpoint.write_index(folder / INDEX, shards)
        digests[INDEX] = {"sha256": files.sha256(folder / INDEX), "size": (folder / INDEX).stat().st_size}
    return digests


def _unpickle(row: Mapping[str, str], path: Path) -> dict[str, "torch.Tensor"]:
    """{name: torch tensor} of a pickled state dict, mapped from the file where its format allows."""
    import torch

    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # pickle, zipfile and torch each raise their own
        raise InputError(
            f"{path}: refused, since it is damaged or holds more than tensors. Model {row['name']} needs a revision "
            f"with safetensors. ({str(error).strip().splitlines()[0]})"
        ) from error
    if not isinstance(tensors, dict) or not all(isinstance(t, torch.Tensor) for t in tensors.values()):
        raise InputError(f"{path}: expected a state dict, names to tensors; save the model as safetensors instead")
    return tensors


def _without_tied(folder: Path, tensors: dict[str, "torch.Tensor"]) -> dict[str, "torch.Tensor"]:
    import transformers

    config = files.read_json(folder / "config.json")
    # The default differs by architecture, and a config.json may leave it out: transformers knows.
    if not getattr(transformers.AutoConfig.from_pretrained(folder), "tie_word_embeddings", False):
        return tensors
    embedding = architecture(config["model_type"]).embedding
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


def _array(tensor: "torch.Tensor") -> tuple[str, np.ndarray]:
    """(safetensors' name of the type, numpy array) of a torch tensor; bfloat16 as uint16 bits."""
    import torch

    tensor = tensor.contiguous()
    if tensor.dtype == torch.bfloat16:
        return "BF16", tensor.view(torch.int16).numpy().view(np.uint16)
    array = tensor.numpy()
    return next(name for name, kind in NUMPY.items() if array.dtype == kind and name != "BF16"), array
