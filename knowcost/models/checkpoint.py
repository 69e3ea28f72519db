"""Safetensors checkpoints read tensor by tensor, in blocks, without torch and in bounded memory.

The safetensors library's numpy side knows no bfloat16 and serialises whole files, so the few lines of the format
(8 bytes of header length, a JSON header, the data) are read here, and written in shard_files.py.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from knowcost.common.errors import InputError
from knowcost.models import layout
from knowcost.models.headers import read_config, read_header, shards

BLOCK = 1 << 18  # elements handled at a time: a block of float32 is 1 MiB and stays in the processor's cache

# safetensors' name of a type -> how numpy holds it. numpy has no bfloat16: its bits are carried as uint16.
NUMPY = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
FLOATS = ("F32", "F16", "BF16")


@dataclass(frozen=True)
class Tensor:
    """A tensor on its way from file to file.

    name; dtype: safetensors' name of the type; shape; blocks: a function that yields the values in row-major order as
    flat numpy arrays (bfloat16 as uint16 bits) and may be called again, so that a method may look twice without
    holding the tensor.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    blocks: Callable[[], Iterator[np.ndarray]]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        return self.size * np.dtype(NUMPY[self.dtype]).itemsize

    @property
    def module(self) -> str | None:
        """The name of the linear layer (or embedding) that this is the two-dimensional weight of, else None."""
        return self.name.removesuffix(".weight") if self.name.endswith(".weight") and len(self.shape) == 2 else None

    def rows(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, float32 array (rows, columns)) of a two-dimensional tensor, whole rows, block by block."""
        for first, values in layout.whole_rows(self.blocks(), self.shape[1]):
            yield first, as_float32(values, self.dtype)

    def whole(self) -> np.ndarray:
        """All values as one flat array."""
        return np.concatenate(list(self.blocks())) if self.size else np.empty(0, NUMPY[self.dtype])


def as_float32(block: np.ndarray, dtype: str) -> np.ndarray:
    """float32 values of a block of one of FLOATS; exact."""
    if dtype == "BF16":
        return (block.astype(np.uint32) << 16).view(np.float32)
    return block.astype(np.float32, copy=False)


def from_float32(block: np.ndarray, dtype: str) -> np.ndarray:
    """A float32 block in another of FLOATS, rounded to the nearest (bfloat16 as bits, ties to even)."""
    if dtype == "BF16":
        bits = block.view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return block.astype(NUMPY[dtype], copy=False)


def same_bytes(one: Tensor, other: Tensor) -> bool:
    """Whether two Tensors have the same type, shape and bits."""
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    return all(
        np.array_equal(a.view(f"u{a.itemsize}"), b.view(f"u{b.itemsize}"))
        for a, b in zip(one.blocks(), other.blocks(), strict=True)
    )


def from_array(name: str, dtype: str, array: np.ndarray) -> Tensor:
    """A Tensor of an array in memory."""
    flat = array.reshape(-1)
    return Tensor(name, dtype, tuple(array.shape), lambda: (flat[i : i + BLOCK] for i in range(0, flat.size, BLOCK)))


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts layer 2 before layer 10. The documented order of tensors, whatever the shards."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


class Checkpoint:
    """A folder with config.json and model.safetensors, or an index and its shards. Opens headers only.

    Every linear layer is a Tensor (out, in) of its own, however the files have it (layout.py).
    Attributes: folder, config (dict), shards {file name: [tensor names in the order of the data]}, tensors {name:
    Tensor}. Raises InputError when a file is missing, cut short or of a type that is not handled.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.config = read_config(self.folder)
        self.shards: dict[str, list[str]] = {}
        self.tensors: dict[str, Tensor] = {}
        for path in shards(self.folder):
            tensors = open_shard(path, self.model_type)
            if twice := sorted(tensors.keys() & self.tensors.keys()):
                raise InputError(f"{path}: tensor {twice[0]} is in another shard too; remove it from one of them")
            self.shards[path.name] = list(tensors)
            self.tensors |= tensors

    @property
    def model_type(self) -> str | None:
        return self.config.get("model_type")

    def file_of(self, name: str) -> Path:
        """The file that holds a tensor."""
        return self.folder / next(shard for shard, names in self.shards.items() if name in names)

    @property
    def names(self) -> list[str]:
        """All tensor names in the documented order (`natural`)."""
        return sorted(self.tensors, key=natural)

    @property
    def modules(self) -> list[str]:
        """Names of the two-dimensional weights, without ".weight", in the documented order."""
        return [name.removesuffix(".weight") for name in self.names if self.tensors[name].module]


def open_shard(path: str | Path, model_type: str | None = None) -> dict[str, Tensor]:
    """{name: Tensor} of one safetensors file, in the order of its data. Raises InputError for a type not handled.

    model_type: of the checkpoint that it belongs to, whose layers come as they are everywhere (layout.py); None for a
    file of the scratch folder, which holds them so.
    """
    header, start = read_header(path)
    header.pop("__metadata__", None)
    names = sorted(header, key=lambda name: header[name]["data_offsets"][0])
    tensors: dict[str, Tensor] = {}
    for name in names:
        if (dtype := header[name]["dtype"]) not in NUMPY:
            raise InputError(f"{path}: tensor {name} has type {dtype}, expected one of {', '.join(NUMPY)}")
        for piece in layout.pieces(model_type, name, header[name]):
            if piece.name in tensors:
                raise InputError(f"{path}: tensor {piece.name} is there twice; remove one of them")
            tensors[piece.name] = _tensor(path, dtype, piece, start)
    return tensors


def _tensor(path: str | Path, dtype: str, piece: layout.Piece, start: int) -> Tensor:
    first, last = piece.data_offsets

    def blocks() -> Iterator[np.ndarray]:
        item = np.dtype(NUMPY[dtype])
        with open(path, "rb") as f:
            f.seek(start + first)
            left = (last - first) // item.itemsize
            while left:
                block = np.fromfile(f, dtype=item, count=min(BLOCK, left))
                if not len(block):
                    raise InputError(f"{path}: cut short inside {piece.name}; fetch it again")
                left -= len(block)
                yield block

    return _as_linear(Tensor(piece.name, dtype, piece.shape, blocks), piece)


def _as_linear(tensor: Tensor, piece: layout.Piece) -> Tensor:
    """What a file holds of a piece as it is everywhere else: (out, in)."""
    if not piece.turned:
        return tensor
    across = layout.turned(tensor, piece.name)
    return replace(across, blocks=lambda: layout.in_blocks(across.blocks(), BLOCK))


def pieces(model_type: str | None, tensor: Tensor) -> list[Tensor]:
    """The Tensors that a tensor of a file is made of, as open_shard gives them, each read from all of it."""

    def part(piece: layout.Piece) -> Tensor:
        first, last = (offset // np.dtype(NUMPY[tensor.dtype]).itemsize for offset in piece.data_offsets)

        def blocks() -> Iterator[np.ndarray]:
            return layout.in_blocks(_between(tensor.blocks(), first, last), BLOCK)

        return _as_linear(Tensor(piece.name, tensor.dtype, piece.shape, blocks), piece)

    entry = {"shape": tensor.shape, "data_offsets": (0, tensor.nbytes)}
    return [part(piece) for piece in layout.pieces(model_type, tensor.name, entry)]


def _between(blocks: Iterable[np.ndarray], first: int, last: int) -> Iterator[np.ndarray]:
    """The values from place `first` to before `last` of flat blocks."""
    for block in blocks:
        if (part := block[max(first, 0) : max(last, 0)]).size:
            yield part
        first, last = first - block.size, last - block.size
