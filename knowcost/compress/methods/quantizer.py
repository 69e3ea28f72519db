"""Weights of a few bits, as compressed-tensors stores them ("pack-quantized"), which transformers and vLLM load.

Instead of X.weight an archive holds X.weight_packed (int32: the codes of a row, each of so many bits, one after another
from the lowest bit up), X.weight_scale (rows, groups) in the type of the checkpoint, X.weight_zero_point (int32, codes
packed down the columns) and X.weight_shape. A weight is scale * (code - zero point). Written by
compress/solvers/packing.py, read here in numpy by the definition alone.
"""

from dataclasses import replace

import numpy as np

from knowcost.compress import patterns
from knowcost.compress.methods.layerwise import Layerwise
from knowcost.models import checkpoint
from knowcost.models.checkpoint import as_float32, from_array, from_float32
from knowcost.spec.levels import bits

FORMAT = "pack-quantized"
PACKED = "_packed"


class Quantizer(Layerwise):
    """A method whose result is a weight on a grid of a few bits. Weights that were pruned stay at zero."""

    levels = ("bits",)
    quantizes = True

    def check(self, step, tensors):
        level = bits(step.level)
        for name, tensor in tensors.items():
            patterns.check_quantization(tensor.shape[1], level.bits, level.group_size, f"{step}: {name}")

    def tensors(self, name, result, dtype):
        from knowcost.compress.solvers import packed_tensors
        from knowcost.models.torch_tensors import DTYPES

        arrays = packed_tensors(name, replace(result, scales=result.scales.to(DTYPES[dtype])))
        kinds = {"_packed": "I32", "_scale": dtype, "_zero_point": "I32", "_shape": "I64"}
        parts = {part: from_array(part, kinds[part.removeprefix(name)], array) for part, array in arrays.items()}
        return dequantized(name, parts, result.bits), list(parts.values())

    def quantization_config(self, step, names, modules):
        level = bits(step.level)
        weights = {"num_bits": level.bits, "type": "int", "symmetric": False, "dynamic": False}
        if level.group_size:
            weights |= {"strategy": "group", "group_size": level.group_size}
        else:
            weights |= {"strategy": "channel"}
        taken = {name.removesuffix(".weight") for name in names}
        return {
            "quant_method": "compressed-tensors",
            "format": FORMAT,
            "quantization_status": "compressed",
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
            "ignore": [module for module in modules if module not in taken],
        }

    def verify(self, step, before, archived, prepared):
        """The archive's codes stand for what the solver computed with, and what was pruned is still zero."""
        for name, tensor in before.items():
            after = archived.tensors[name]
            assert checkpoint.same_bytes(after, prepared[name].weight), f"{step}: {name} is not what was solved"
            if not prepared[name].pruned:
                continue
            back = sum(
                int(np.count_nonzero((as_float32(a, tensor.dtype) == 0) & (as_float32(b, after.dtype) != 0)))
                for a, b in zip(tensor.blocks(), after.blocks(), strict=True)
            )
            assert not back, f"{step}: {back:,} weights of {name} that were pruned are not zero"


def is_packed(config):
    """Whether a config.json is that of an archive with packed weights."""
    return config.get("quantization_config", {}).get("format") == FORMAT


def floats(archive):
    """{name: Tensor} of a checkpoint.Checkpoint, its packed weights as the floats they stand for."""
    tensors = dict(archive.tensors)
    if not is_packed(archive.config):
        return tensors
    count = archive.config["quantization_config"]["config_groups"]["group_0"]["weights"]["num_bits"]
    for weight in [name.removesuffix(PACKED) for name in archive.tensors if name.endswith(PACKED)]:
        parts = {part: tensors.pop(part) for part in list(tensors) if part.startswith(f"{weight}_")}
        tensors[weight] = dequantized(weight, parts, count)
    return tensors


def dequantized(name, parts, count):
    """The Tensor that the parts of one weight stand for; count: bits of a code."""
    scale = parts[f"{name}_scale"]
    rows, columns = map(int, parts[f"{name}_shape"].whole())

    def blocks():
        scales = as_float32(scale.whole(), scale.dtype).reshape(scale.shape)
        zeros = unpacked(parts[f"{name}_zero_point"].whole().reshape(-1, scale.shape[1]).T, rows, count).T
        packed = parts[name + PACKED].whole().reshape(rows, -1)
        values = np.empty((rows, columns), checkpoint.NUMPY[scale.dtype])
        width = columns // scale.shape[1]
        for first in range(0, rows, step := max(1, checkpoint.BLOCK // (8 * columns))):
            part = slice(first, first + step)
            codes = unpacked(packed[part], columns, count).astype(np.int16).reshape(-1, scale.shape[1], width)
            codes -= zeros[part, :, None]
            exact = codes * scales[part, :, None]
            values[part] = from_float32(exact.reshape(-1, columns).astype(np.float32), scale.dtype)
        yield from from_array(name, scale.dtype, values).blocks()

    return checkpoint.Tensor(name, scale.dtype, (rows, columns), blocks)


def unpacked(words, columns, count):
    """uint8 codes (rows, columns) of int32 words (rows, ...): code i of a row is its bits i * count and following."""
    bytes_ = np.ascontiguousarray(words).view(np.uint8)
    single = np.unpackbits(bytes_, axis=1, count=columns * count, bitorder="little").reshape(len(words), columns, count)
    return np.packbits(single, axis=2, bitorder="little")[:, :, 0]
