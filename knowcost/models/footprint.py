"""What a checkpoint takes in the best format that somebody can load: the one place where bytes are counted.

Tensor by tensor, the smallest of those that can hold it:

    dense      every value
    bitmask    a bit per weight, and the values that are not zero (`archive: sparse`)
    2:4        as GPUs hold it: two values of every four, and 4 bits that say which; the bytes of a bitmask, but it
               stays so small while the model answers, in types of 16 and 8 bits
    packed     codes of a few bits in words of 32, scales, zero points and shape, as archives hold them
    int8       a byte per weight, and scales; "int8 with bitmask" where it was pruned before

Half the weights of a float16 layer are 9 bits a weight with a bitmask: more than int8's 8.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from knowcost.models import formats
from knowcost.models.checkpoint import NUMPY, Tensor

DENSE, BITMASK, TWO_OF_FOUR, PACKED, INT8 = FORMATS = ("dense", "bitmask", "2:4", "packed", "int8")
SPARSE_INT8 = "int8 with bitmask"


@dataclass(frozen=True)
class Size:
    """Of one tensor: its format, the bytes that it takes in a file, and while the model answers."""

    format: str
    stored: int
    loaded: int


@dataclass(frozen=True)
class Touched:
    """What is known of the weights that steps acted on, by the names of their layers' weights. pruned_2of4: those whose
    values are at most two of every four."""

    names: Collection[str] = ()
    pruned_2of4: Collection[str] = ()


def footprint(tensors: Mapping[str, Tensor], filled: Mapping[str, int], touched: Touched) -> dict[str, Any]:
    """{"real", "loaded", "formats", "format"} of a checkpoint's tensors as its files hold them.

    filled: {name: how many of its values are not zero, bit by bit} of the weights of linear layers that are not packed;
    others are dense. real, loaded: bytes in files and while the model answers; formats: {format: bytes}, which add up
    to real; format: that of most bytes of what was touched, dense where nothing was.
    """
    packed = {weight_of(name) for name in tensors if name.endswith(formats.PACKED)}
    sizes = {
        name: _size(_as_it_is(name, tensor, packed), tensor, filled.get(name), name in touched.pruned_2of4)
        for name, tensor in tensors.items()
    }
    by_format, of_touched = dict.fromkeys((*FORMATS, SPARSE_INT8), 0), dict.fromkeys((*FORMATS, SPARSE_INT8), 0)
    for name, size in sizes.items():
        by_format[size.format] += size.stored
        if weight_of(name) in touched.names:
            of_touched[size.format] += size.stored
    return {
        "real": sum(size.stored for size in sizes.values()),
        "loaded": sum(size.loaded for size in sizes.values()),
        "formats": {name: count for name, count in by_format.items() if count},
        "format": max(of_touched, key=lambda name: of_touched[name]),
    }


def as_it_is(stored: int, named: str) -> dict[str, Any]:
    """As footprint, of what was compressed elsewhere: the bytes of its tensors as they came, in a format named so."""
    return {"real": stored, "loaded": stored, "formats": {named: stored}, "format": named}


def with_adapter(size: Mapping[str, Any], adapter: int) -> dict[str, Any]:
    """As footprint, of what a recovery stands on and its adapter of so many bytes beside it."""
    counted = {name: size[name] + adapter for name in ("real", "loaded")}
    formats_ = {**size["formats"], DENSE: size["formats"].get(DENSE, 0) + adapter}
    return counted | {"formats": formats_, "format": size["format"]}


def weight_of(name: str) -> str:
    """The weight that a tensor of an archive is, or is a part of."""
    for part in (*formats.PARTS, formats.SCALE):
        if name.endswith(part):
            return name.removesuffix(part)
    return name


def bitmask_bytes(size: int, filled: int, itemsize: int) -> int:
    """Bytes of `size` values of which `filled` are not zero: a bit for each, and those that are not."""
    return -(-size // 8) + filled * itemsize


def count_filled(tensor: Tensor) -> int:
    """How many values of a Tensor have any bit set: -0.0 has one, so that what a bitmask leaves out is exactly zero."""
    return sum(int(np.count_nonzero(block.view(f"u{block.itemsize}"))) for block in tensor.blocks())


def _size(as_it_is: str, tensor: Tensor, filled: int | None, pruned_2of4: bool) -> Size:
    dense = Size(as_it_is, tensor.nbytes, tensor.nbytes)
    if filled is None:
        return dense
    itemsize = np.dtype(NUMPY[tensor.dtype]).itemsize
    stored = bitmask_bytes(tensor.size, filled, itemsize)
    if stored >= dense.stored:
        return dense
    kernel = bitmask_bytes(tensor.size, tensor.size // 2, itemsize) if pruned_2of4 and itemsize <= 2 else dense.loaded
    if as_it_is == INT8:
        return Size(SPARSE_INT8, stored, kernel)
    return Size(TWO_OF_FOUR if pruned_2of4 else BITMASK, stored, kernel)


def _as_it_is(name: str, tensor: Tensor, packed: Collection[str]) -> str:
    """How a tensor is stored whose zeros do not count."""
    if weight_of(name) in packed:
        return PACKED
    return INT8 if tensor.dtype == "I8" or name != weight_of(name) else DENSE
