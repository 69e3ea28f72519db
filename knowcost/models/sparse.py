"""Checkpoints whose zeros take a bit each: a format of our own, since no library has one that it loads.

A folder in it has the files of a plain checkpoint, bit for bit but for these: config.json names the format in its
`quantization_config`, so that transformers refuses it, and a weight file or index F is called `sparse.F`. Of a matrix W
that gets smaller so, a weight file holds

    W_bitmask         uint8, n / 8 rounded up: bit i % 8 of byte i // 8 says whether value i is stored
    W_bitmask_values  the values that are stored, in their order and type: those with a bit that is not zero
    W_bitmask_shape   int64: the shape of W

and every other tensor as it is. `expand` makes the plain checkpoint again, the same bytes.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from knowcost.common import files
from knowcost.common.errors import InputError
from knowcost.common.files import Entries
from knowcost.common.paths import INDEX, MANIFEST
from knowcost.models import checkpoint, layout
from knowcost.models.checkpoint import BLOCK, FLOATS, NUMPY, Tensor, from_array
from knowcost.models.counted import bits_of, counted
from knowcost.models.footprint import masked_size
from knowcost.models.headers import read_config
from knowcost.models.shard_files import write_shard

METHOD = "knowcost_bitmask"  # as config.json calls the format
QUANTIZATION = "quantization_config"
CONFIG = "config.json"
SHARD = ".safetensors"
PREFIX = "sparse."
MASKED = (*FLOATS, "I8")  # types of what may be held so: codes of a few bits stay packed
MASK = "_bitmask"
VALUES, SHAPE = f"{MASK}_values", f"{MASK}_shape"


def is_sparse(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is that of a checkpoint in this format."""
    said = config.get(QUANTIZATION)
    return isinstance(said, Mapping) and said.get("quant_method") == METHOD


def store(full: Path, names: Iterable[str], out: Path) -> Entries:
    """Write the plain checkpoint in folder `full` into `out` in this format. names: its files. Returns what was
    written."""
    written: Entries = {}
    for name in names:
        if name.endswith(SHARD):
            tensors = checkpoint.open_shard(full / name).values()
            masked = [part for tensor in tensors for part in _with_bitmask(tensor)]
            written[PREFIX + name] = write_shard(out / (PREFIX + name), masked)
            continue
        target = out / (PREFIX + name if name.endswith(INDEX) else name)
        if name == CONFIG:
            files.write_json(target, _wrapped(read_config(full)))
        else:
            files.copy(full / name, target)
        written[target.name] = files.describe(target)
    return written


def expand(folder: Path, names: Iterable[str], out: Path) -> Entries:
    """Write the plain checkpoint that `folder` holds in this format into `out`. names: the files of `folder`. Returns
    {weight file: {"sha256", "size"}}. Raises InputError for a file that is not in the format."""
    written: Entries = {}
    for name in names:
        plain = name.removeprefix(PREFIX)
        if name == CONFIG:
            files.write_json(out / name, _unwrapped(read_config(folder)))
        elif name.startswith(PREFIX) and name.endswith(SHARD):
            written[plain] = write_shard(out / plain, _without_bitmasks(folder / name))
        else:
            files.copy(folder / name, out / plain)
    return written


def open_shard(path: Path, model_type: str | None) -> dict[str, Tensor]:
    """{name: Tensor} of a weight file in this format, as checkpoint.open_shard gives them of the plain one."""
    whole = _without_bitmasks(path)
    return {part.name: part for tensor in whole for part in checkpoint.pieces(model_type, tensor)}


def _wrapped(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config.json that names this format; what it said of quantization stands within."""
    plain = config.get(QUANTIZATION)
    return {**config, QUANTIZATION: {"quant_method": METHOD, "load_with": "knowcost.load.load", "plain": plain}}


def _unwrapped(config: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value.get("plain") if name == QUANTIZATION else value for name, value in config.items()}
    return {name: value for name, value in plain.items() if name != QUANTIZATION or value is not None}


def _with_bitmask(tensor: Tensor) -> list[Tensor]:
    """What holds a tensor of a file: itself, or three where it gets smaller."""
    if len(tensor.shape) < 2 or tensor.dtype not in MASKED:
        return [tensor]
    kept = counted(tensor).stored
    if masked_size(tensor, kept) >= tensor.nbytes:
        return [tensor]

    def blocks() -> Iterator[np.ndarray]:
        return layout.in_blocks(tensor.blocks(), BLOCK)  # whole bytes of the mask

    def masks() -> Iterator[np.ndarray]:
        return (np.packbits(bits_of(block) != 0, bitorder="little") for block in blocks())

    def values() -> Iterator[np.ndarray]:
        return (part for block in blocks() if (part := block[bits_of(block) != 0]).size)

    return [
        Tensor(tensor.name + MASK, "U8", (math.ceil(tensor.size / 8),), masks),
        Tensor(tensor.name + VALUES, tensor.dtype, (kept,), values),
        from_array(tensor.name + SHAPE, "I64", np.array(tensor.shape, np.int64)),
    ]


def _without_bitmasks(path: Path) -> list[Tensor]:
    """The tensors of a weight file in this format, in the order that they have in the plain one."""
    tensors = checkpoint.open_shard(path)
    whole = []
    for name, tensor in tensors.items():
        weight = name.removesuffix(VALUES)
        if name.endswith((MASK, SHAPE)):
            if name.removesuffix(MASK).removesuffix(SHAPE) + VALUES not in tensors:
                raise _damaged(path, name, "has no values beside it")
        elif weight == name:
            whole.append(tensor)
        else:
            whole.append(_filled(path, weight, tensors))
    return whole


def _filled(path: Path, name: str, tensors: Mapping[str, Tensor]) -> Tensor:
    """The matrix of this name out of its bitmask, values and shape."""
    mask, values, shape = (tensors.get(name + part) for part in (MASK, VALUES, SHAPE))
    if mask is None or values is None or shape is None or (mask.dtype, shape.dtype) != ("U8", "I64"):
        raise _damaged(path, name, "lacks its bitmask or its shape, or has them in another type")
    sides = tuple(map(int, shape.whole()))
    size = math.prod(sides)
    if min(sides, default=0) < 0 or mask.size != math.ceil(size / 8) or values.dtype not in MASKED:
        raise _damaged(
            path, name, f"has a bitmask of {mask.size:,} bytes and {values.dtype} values for a shape {sides}"
        )

    def blocks() -> Iterator[np.ndarray]:
        rest: np.ndarray = np.empty(0, NUMPY[values.dtype])
        source, left = values.blocks(), size
        for bits in layout.in_blocks(mask.blocks(), BLOCK // 8):
            chosen = np.unpackbits(bits, bitorder="little").astype(bool)
            if chosen[left:].any():
                raise _damaged(path, name, "has more bits than values")
            block: np.ndarray = np.zeros(min(BLOCK, left), NUMPY[values.dtype])
            count = np.count_nonzero(chosen)
            while rest.size < count and (more := next(source, None)) is not None:
                rest = np.concatenate([rest, more])
            if rest.size < count:
                raise _damaged(path, name, "has fewer values than its bitmask says")
            block[chosen[: block.size]], rest, left = rest[:count], rest[count:], left - block.size
            yield block
        if rest.size or next(source, None) is not None:
            raise _damaged(path, name, "has more values than its bitmask says")

    return Tensor(name, values.dtype, sides, blocks)


def _damaged(path: Path, name: str, what: str) -> InputError:
    return InputError(
        f"{path}: {name} {what}; delete {path.with_name(MANIFEST)} and run Snakemake again to make it anew"
    )
