"""What is let in: a model's folder checked before anything is made of it."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from knowcost.common import files
from knowcost.common.errors import InputError
from knowcost.common.log import Progress
from knowcost.common.paths import INDEX
from knowcost.fetch.rows import allowed
from knowcost.models.checkpoint import Checkpoint, Tensor
from knowcost.spec.architectures import family_of

log = logging.getLogger(__name__)

_TOKENIZERS = ({"tokenizer.json"}, {"vocab.txt"}, {"spiece.model"}, {"tokenizer.model"}, {"vocab.json", "merges.txt"})
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def check_small(row: Mapping[str, str], folder: Path) -> str:
    """Refuse, before any weights come, a model that needs remote code, is of another family or has no tokenizer.

    Returns its architecture (config.json's model_type).
    """
    config = _read(folder / "config.json")
    for name in ("config.json", "tokenizer_config.json"):
        if (folder / name).exists() and "auto_map" in _read(folder / name) and "remote_code" not in allowed(row):
            raise InputError(
                f"{folder / name}: model {row['name']} runs code of its own (auto_map). Read that code, then add "
                "`remote_code` to the row's allow column, or choose another model."
            )
    architecture = config.get("model_type")
    if not architecture:
        raise InputError(f"{folder / 'config.json'}: no model_type; model {row['name']} needs a transformers config")
    try:
        family = family_of(architecture)
    except InputError as error:
        raise InputError(f"model {row['name']}: {error}") from None
    if family != row["family"]:
        raise InputError(
            f"model {row['name']}: the family column says {row['family']!r}, but architecture {architecture!r} "
            f"({folder / 'config.json'}) is of family {family!r}; correct the family column or the source"
        )
    if not any(all((folder / name).exists() for name in names) for names in _TOKENIZERS):
        wanted = ", ".join(" + ".join(sorted(names)) for names in _TOKENIZERS)
        raise InputError(f"{folder}: model {row['name']}: {row['source']} has no tokenizer; expected one of: {wanted}")
    return architecture


def _read(path: Path) -> dict[str, Any]:
    try:
        value = files.read_json(path)
    except FileNotFoundError:
        raise InputError(f"{path}: missing; the source column must name a transformers checkpoint") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); fetch it again or repair the source") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object; fetch it again or repair the source")
    return value


def check_model(row: Mapping[str, str], folder: str | Path) -> dict[str, Any]:
    """Check a model's folder: family, tokenizer, every shard whole, every tensor there, no NaN or infinity.

    Returns {"architecture": model_type, "dtype": stored types of the floating-point tensors, comma-separated,
    "parameters": their elements, a tied tensor counted as often as it is stored}. Reads all weights, in blocks. Raises
    InputError.
    """
    folder = Path(folder)
    architecture = check_small(row, folder)
    checkpoint = Checkpoint(folder)
    if (folder / INDEX).exists():
        for name, shard in _read(folder / INDEX)["weight_map"].items():
            if name not in checkpoint.shards.get(shard, ()):
                raise InputError(f"{folder / shard}: no tensor {name}, though {INDEX} lists it; fetch the model again")
    progress = Progress(log)
    for shard, names in checkpoint.shards.items():
        for name in names:
            _check_values(folder / shard, checkpoint.tensors[name])
            progress.say("%s: checking values", folder / shard)
    floats = [tensor for tensor in checkpoint.tensors.values() if tensor.dtype in _DTYPES]
    return {
        "architecture": architecture,
        "dtype": ",".join(sorted({_DTYPES[tensor.dtype] for tensor in floats})),
        "parameters": sum(tensor.size for tensor in floats),
    }


def _check_values(path: Path, tensor: Tensor) -> None:
    # NaN and infinity are the values whose exponent bits are all ones, whatever the type.
    kinds = {"F64": ("u8", 0x7FF << 52), "F32": ("u4", 0x7F800000), "F16": ("u2", 0x7C00), "BF16": ("u2", 0x7F80)}
    if tensor.dtype not in kinds:
        return
    kind, exponent = kinds[tensor.dtype]
    ones = np.array(exponent, kind)
    for block in tensor.blocks():
        if (block.view(kind) & ones == ones).any():
            raise InputError(f"{path}: tensor {tensor.name} holds NaN or infinity; choose a sound checkpoint")
