"""What tensors take in the best format that somebody can load really, and what they take once they are loaded.

A weight of a linear layer, n values of b bytes, can be held

    dense              n * b
    bitmask            n / 8 rounded up, a bit for each value, and the values that are not zero
    2:4                n / 2 * b, and 4 bits for each group of four: which two of it are kept
    int8               n, and its scale
    int8 with bitmask  n / 8 rounded up, the integers that are not zero, and its scale
    packed             its codes of a few bits, scales, zero points and shape, as an archive has them

and takes the smallest that can hold it exactly; every other tensor is dense. Half-sparse float16 with a bitmask is 9
bits a weight, which is more than the 8 of int8. A value is zero for the bitmask where all its bits are: -0.0 is stored.
Nothing is subtracted for codes that happen to stand for zero: no format leaves them out.

Loaded means with kernels that exist: a bitmask is dense again then. 2:4 stays as it is, in types of 16 and 8 bits,
which are those that GPUs multiply; and so do packed weights and int8.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from knowcost.models import checkpoint
from knowcost.models.checkpoint import Tensor
from knowcost.models.counted import GROUP, KEPT, Counts, counted
from knowcost.models.formats import PACKED, PARTS, SCALE

DENSE, BITMASK, HALF, INT8, INT8_BITMASK, PACKED_BITS = "dense", "bitmask", "2:4", "int8", "int8 with bitmask", "packed"
STAYS = (DENSE, HALF, INT8, PACKED_BITS)  # as small in memory as on disk


@dataclass(frozen=True)
class Footprint:
    """Bytes of tensors. formats: {format: bytes} of the smallest that can hold each; loaded: once they are loaded;
    format: the one that holds most of the bytes of the tensors that were asked for."""

    formats: dict[str, int]
    loaded: int
    format: str

    @property
    def real(self) -> int:
        """Bytes of all tensors in the smallest formats."""
        return sum(self.formats.values())

    def as_manifest(self) -> dict[str, Any]:
        """What a manifest says of it under `bytes`."""
        return {"real": self.real, "loaded": self.loaded, "formats": self.formats, "format": self.format}


def footprint(
    tensors: Mapping[str, Tensor], touched: Collection[str] = (), counts: Mapping[str, Counts] | None = None
) -> Footprint:
    """The Footprint of a checkpoint's Tensors by name, as files hold them.

    touched: the names of the weights that steps acted on, whose format it names; none: all. counts: of weights whose
    values were counted already; others are looked at.
    """
    formats: Counter[str] = Counter()
    of_touched: Counter[str] = Counter()
    loaded = 0
    for name, sizes in _sizes(tensors, counts or {}):
        best = min(sizes, key=lambda each: (sizes[each], each not in STAYS))  # of equals the one that stays small
        formats[best] += sizes[best]
        loaded += min(size for each, size in sizes.items() if each in STAYS)
        of_touched[best] += sizes[best] if name in touched else 0
    most = of_touched if of_touched.total() else formats
    return Footprint(dict(sorted(formats.items())), loaded, max(sorted(most), key=most.__getitem__, default=DENSE))


def with_adapter(size: Mapping[str, Any], adapter: int) -> dict[str, Any]:
    """What a manifest says under `bytes` of what a recovery stands on and its adapter of so many bytes, which is dense;
    the format is that of what it stands on."""
    formats = size["formats"] | {DENSE: size["formats"].get(DENSE, 0) + adapter}
    counted = {name: size[name] + adapter for name in ("real", "loaded")}
    return counted | {"formats": formats, "format": size["format"]}


def masked_size(tensor: Tensor, kept: int) -> int:
    """Bytes of a Tensor with a bitmask, of which so many values are stored."""
    return math.ceil(tensor.size / 8) + kept * _width(tensor)


def _sizes(tensors: Mapping[str, Tensor], counts: Mapping[str, Counts]) -> Iterator[tuple[str, dict[str, int]]]:
    """(name of a weight or other tensor, {format that can hold it: bytes}), its parts and its scale among them."""
    packed = {name.removesuffix(PACKED) for name in tensors if name.endswith(PACKED)}
    beside = {weight + part for weight in packed for part in PARTS}
    for weight in packed:
        yield weight, {PACKED_BITS: sum(tensors[weight + part].nbytes for part in PARTS)}
    for name, tensor in tensors.items():
        if name in beside or (name.endswith(SCALE) and name.removesuffix(SCALE) in tensors):
            continue
        scale = tensors.get(name + SCALE)
        dense, masked = (INT8, INT8_BITMASK) if scale else (DENSE, BITMASK)
        sizes = {dense: tensor.nbytes}
        if tensor.module:
            sizes |= _sparse(tensor, masked, counts.get(name) or counted(tensor))
        yield name, {each: size + (scale.nbytes if scale else 0) for each, size in sizes.items()}


def _sparse(tensor: Tensor, masked: str, counts: Counts) -> dict[str, int]:
    """{format that leaves zeros out and can hold a weight: bytes}; masked: what it is called with a bitmask."""
    size = masked_size(tensor, counts.stored)
    if size >= tensor.nbytes:
        return {}
    half = {HALF: masked_size(tensor, tensor.size * KEPT // GROUP)}  # whose metadata take what a bitmask takes
    return {masked: size} | (half if counts.half else {})


def _width(tensor: Tensor) -> int:
    """Bytes of a value."""
    return np.dtype(checkpoint.NUMPY[tensor.dtype]).itemsize
