"""Dynamic int8 quantization of linear layers: the weights' side, which the archive holds.

As torch.ao.quantization.quantize_dynamic does on x86 (per tensor, symmetric): scale = max|w| / 127.5 in float32, at
least float32's epsilon, and q = clamp(rint(w * (1 / scale)), -128, 127) (torch/ao/quantization/observer.py,
MinMaxObserver; default_weight_observer). Activations are quantized when the model runs: knowcost/models/int8_linear.py.

A layer's `weight` becomes int8, and `weight_scale` (one float32) is stored beside it.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from knowcost.common.errors import BrokenPromise
from knowcost.compress.method import Archived, Compressor
from knowcost.compress.methods.magnitude import magnitude_bits
from knowcost.models.base import Base
from knowcost.models.checkpoint import NUMPY, Tensor, as_float32
from knowcost.models.formats import SCALE
from knowcost.models.headers import QUANTIZED
from knowcost.spec.variants import Step


class Int8(Compressor):
    name = "int8"
    label = "int8"
    what = "Computing a scope's layers in 8-bit integers"
    about = (
        "Computes layers in 8-bit integers: weights have one scale per tensor, and activations are scaled as they "
        "come (dynamic quantization). It looks at no data before the model runs."
    )
    levels: tuple[str, ...] = ()
    quantizes = True
    takes_head = True
    dynamic = True

    def compress(self, tensor: Tensor, prepared: Any) -> list[Tensor]:
        @functools.cache
        def scale() -> np.ndarray:
            return np.array([max(largest(tensor) / np.float32(127.5), np.finfo(np.float32).eps)], np.float32)

        def blocks() -> Iterator[np.ndarray]:
            inverse = np.float32(1) / scale()[0]
            for block in tensor.blocks():
                values = as_float32(block, tensor.dtype) * inverse
                yield np.clip(np.rint(values, out=values), -128, 127, out=values).astype(np.int8)

        return [
            Tensor(tensor.name, "I8", tensor.shape, blocks),
            Tensor(tensor.name + SCALE, "F32", (1,), lambda: iter([scale()])),
        ]

    def stored_as(self, step: Step, base: Base, names: list[str]) -> tuple[str, dict[str, Any]]:
        return QUANTIZED, {"quant_method": "knowcost_int8_dynamic", "load_with": "knowcost.load.load"}

    def verify(self, step: Step, before: Mapping[str, Tensor], archived: Archived, prepared: Any) -> None:
        """Every weight within half a step of its value, or exactly zero where an earlier step pruned it."""
        after = archived.tensors
        for name, tensor in before.items():
            if after[name].dtype != "I8":
                raise BrokenPromise(f"{step}: {name} is {after[name].dtype}, expected I8")
            scale = after[name + SCALE].whole()[0]
            for block, quantized in zip(tensor.blocks(), after[name].blocks(), strict=True):
                error = quantized * scale
                error -= as_float32(block, tensor.dtype)
                bad = (np.abs(error, out=error) > scale * np.float32(0.5001)) & (quantized != 0)
                if bad.any():
                    raise BrokenPromise(f"{step}: {name} is off by more than half a step in {bad.sum()} places")


def largest(tensor: Tensor) -> np.float32:
    """max|w| of a Tensor as float32 (0 when it is empty), found among the magnitude bits."""
    bits = max((int(magnitude_bits(b, tensor.dtype, tensor.dtype).max()) for b in tensor.blocks()), default=0)
    item = np.dtype(NUMPY[tensor.dtype])
    return as_float32(np.array([bits], f"u{item.itemsize}").view(item), tensor.dtype)[0]
