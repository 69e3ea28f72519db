"""Weights as archives hold them, read back: packed ones of a few bits, and the names of int8's."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from knowcost.models import checkpoint
from knowcost.models.checkpoint import as_float32, from_array, from_float32

FORMAT = "pack-quantized"
PACKED = "_packed"
SCALE = "_scale"  # behind the name of an int8 weight
PARTS = (PACKED, "_scale", "_zero_point", "_shape")  # behind a weight's name: what an archive holds in its place


def is_packed(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is that of an archive with packed weights."""
    return (config.get("quantization_config") or {}).get("format") == FORMAT


def floats(archive: checkpoint.Checkpoint) -> dict[str, checkpoint.Tensor]:
    """{name: Tensor} of a checkpoint.Checkpoint, its packed weights as the floats they stand for."""
    return floats_of(archive.tensors, archive.config)


def floats_of(stored: Mapping[str, checkpoint.Tensor], config: Mapping[str, Any]) -> dict[str, checkpoint.Tensor]:
    """The same of a checkpoint's Tensors and its config.json."""
    tensors = dict(stored)
    if not is_packed(config):
        return tensors
    count = config["quantization_config"]["config_groups"]["group_0"]["weights"]["num_bits"]
    for weight in [name.removesuffix(PACKED) for name in stored if name.endswith(PACKED)]:
        parts = {weight + part: tensors.pop(weight + part) for part in PARTS}
        tensors[weight] = dequantized(weight, parts, count)
    return tensors


def dequantized(name: str, parts: Mapping[str, checkpoint.Tensor], count: int) -> checkpoint.Tensor:
    """The Tensor that the parts of one weight stand for; count: bits of a code."""
    scale = parts[f"{name}_scale"]
    rows, columns = map(int, parts[f"{name}_shape"].whole())

    def blocks() -> Iterator[np.ndarray]:
        scales = as_float32(scale.whole(), scale.dtype).reshape(scale.shape)
        zeros = unpacked(parts[f"{name}_zero_point"].whole().reshape(-1, scale.shape[1]).T, rows, count).T
        packed = parts[name + PACKED].whole().reshape(rows, -1)
        values: np.ndarray = np.empty((rows, columns), checkpoint.NUMPY[scale.dtype])
        width = columns // scale.shape[1]
        for first in range(0, rows, step := max(1, checkpoint.BLOCK // (8 * columns))):
            part = slice(first, first + step)
            codes = unpacked(packed[part], columns, count).astype(np.int16).reshape(-1, scale.shape[1], width)
            codes -= zeros[part, :, None]
            exact = codes * scales[part, :, None]
            values[part] = from_float32(exact.reshape(-1, columns).astype(np.float32), scale.dtype)
        yield from from_array(name, scale.dtype, values).blocks()

    return checkpoint.Tensor(name, scale.dtype, (rows, columns), blocks)


def unpacked(words: np.ndarray, columns: int, count: int) -> np.ndarray:
    """uint8 codes (rows, columns) of int32 words (rows, ...): code i of a row is its bits i * count and following."""
    bytes_ = np.ascontiguousarray(words).view(np.uint8)
    if 8 % count == 0:  # no code lies across two bytes
        codes = (bytes_[:, :, None] >> np.arange(0, 8, count, dtype=np.uint8)) & np.uint8(2**count - 1)
        return codes.reshape(len(words), -1)[:, :columns]
    single = np.unpackbits(bytes_, axis=1, count=columns * count, bitorder="little").reshape(len(words), columns, count)
    return np.packbits(single, axis=2, bitorder="little")[:, :, 0]
