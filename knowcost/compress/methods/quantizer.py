"""Weights of a few bits, as compressed-tensors stores them ("pack-quantized"), which transformers and vLLM load.

Instead of X.weight an archive holds X.weight_packed (int32: the codes of a row, each of so many bits, one after another
from the lowest bit up), X.weight_scale (rows, groups) in the type of the checkpoint, X.weight_zero_point (int32, codes
packed down the columns) and X.weight_shape. A weight is scale * (code - zero point). Written by
compress/solvers/packing.py; models/formats.py reads it back in numpy, by the definition alone.

transformers 5 has a place for these parts where a layer is an nn.Linear, not in a Conv1D or in parameters that hold the
weights of many experts. Archives of those do not claim the format: knowcost.load reads them, and plain transformers
finds no weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from knowcost.common.errors import BrokenPromise
from knowcost.compress import patterns
from knowcost.compress.method import Archived
from knowcost.compress.methods.layerwise import Layerwise, Solved
from knowcost.models import checkpoint, layout
from knowcost.models.base import Base
from knowcost.models.checkpoint import Tensor, as_float32, from_array
from knowcost.models.formats import FORMAT, dequantized
from knowcost.models.headers import PACKED
from knowcost.spec.levels import Bits, bits
from knowcost.spec.variants import Step

if TYPE_CHECKING:
    from knowcost.compress.solvers import Quantized

KINDS = {"_packed": "I32", "_zero_point": "I32", "_shape": "I64"}  # scales have the checkpoint's own type


class Quantizer(Layerwise):
    """A method whose result is a weight on a grid of a few bits. Weights that were pruned stay at zero."""

    levels: tuple[str, ...] = ("bits",)
    quantizes = True

    def check(self, step: Step, tensors: Mapping[str, Tensor]) -> None:
        level = bits_of(step)
        for name, tensor in tensors.items():
            patterns.check_quantization(tensor.shape[1], level.bits, level.group_size, f"{step}: {name}")

    def tensors(self, name: str, result: Quantized, dtype: str) -> tuple[Tensor, list[Tensor]]:
        from knowcost.compress.solvers import packed_tensors
        from knowcost.models.torch_tensors import DTYPES

        arrays = packed_tensors(name, replace(result, scales=result.scales.to(DTYPES[dtype])))
        parts = {
            part: from_array(part, KINDS.get(part.removeprefix(name), dtype), array) for part, array in arrays.items()
        }
        return dequantized(name, parts, result.bits), list(parts.values())

    def parts(self, step: Step, tensor: Tensor) -> list[tuple[str, str, tuple[int, ...]]]:
        level = bits_of(step)
        rows, columns = tensor.shape
        groups = columns // level.group_size if level.group_size else 1
        words, down = (-(-count * level.bits // 32) for count in (columns, rows))
        shapes = {"_packed": (rows, words), "_scale": (rows, groups), "_shape": (2,), "_zero_point": (down, groups)}
        return [(tensor.name + part, KINDS.get(part, tensor.dtype), shape) for part, shape in shapes.items()]

    def stored_as(self, step: Step, base: Base, names: list[str]) -> tuple[str, dict[str, Any]]:
        level = bits_of(step)
        weights: dict[str, Any] = {"num_bits": level.bits, "type": "int", "symmetric": False, "dynamic": False}
        if level.group_size:
            weights |= {"strategy": "group", "group_size": level.group_size}
        else:
            weights |= {"strategy": "channel"}
        taken = {name.removesuffix(".weight") for name in names}
        claimed = layout.is_read_as_linear(base.model_type, taken, base.modules)
        said = {
            "quant_method": "compressed-tensors" if claimed else "knowcost_packed",
            "format": FORMAT,
            "quantization_status": "compressed",
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
            "ignore": _left_out(base, names),
        }
        return ("", said) if claimed else (PACKED, said | {"load_with": "knowcost.load.load"})

    def verify(
        self, step: Step, before: Mapping[str, Tensor], archived: Archived, prepared: Mapping[str, Solved]
    ) -> None:
        """The archive's codes stand for what the solver computed with, and what was pruned is still zero."""
        for name, tensor in before.items():
            after = archived.tensors[name]
            if not checkpoint.same_bytes(after, prepared[name].weight):
                raise BrokenPromise(f"{step}: {name} is not what was solved")
            if not prepared[name].pruned:
                continue
            back = sum(
                int(np.count_nonzero((as_float32(a, tensor.dtype) == 0) & (as_float32(b, after.dtype) != 0)))
                for a, b in zip(tensor.blocks(), after.blocks(), strict=True)
            )
            if back:
                raise BrokenPromise(f"{step}: {back:,} weights of {name} that were pruned are not zero")


def _left_out(base: Base, names: Iterable[str]) -> list[str]:
    """The layers that keep their weights, under the names that they have in files and, where these are others, in the
    model: readers look for the latter, and would expect packed weights of a layer that they do not find here."""
    kept = dict.fromkeys(name for module in base.modules if (name := f"{module}.weight") not in names)
    in_model = [parameter for parameter, name in base.fills.items() if name in kept]
    return [name.removesuffix(".weight") for name in dict.fromkeys([*kept, *in_model])]


def bits_of(step: Step) -> Bits:
    """How many bits a quantizer's step leaves, and how they are grouped."""
    if not isinstance(step.level, str):
        raise ValueError(f"{step}: not a number of bits")
    return bits(step.level)
