"""Dynamic int8 quantization of linear layers: the weights' side, which the archive holds.

As torch.ao.quantization.quantize_dynamic does on x86 (per tensor, symmetric): scale = max|w| / 127.5 in float32, at
least float32's epsilon, and q = clamp(rint(w * (1 / scale)), -128, 127) (torch/ao/quantization/observer.py,
MinMaxObserver; default_weight_observer). Activations are quantized when the model runs: knowcost/dynamic_int8.py.

A layer's `weight` becomes int8, and `weight_scale` (one float32) is stored beside it.
"""

import numpy as np

from knowcost.checkpoint import QUANTIZED, as_float32, from_array
from knowcost.compress.base import Compressor

SCALE = "_scale"


class Int8(Compressor):
    name = "int8"
    levels = ()
    quantizes = True
    takes_head = True
    prefix = QUANTIZED

    def compress(self, tensor, prepared):
        largest = max((float(np.abs(as_float32(b, tensor.dtype)).max()) for b in tensor.blocks()), default=0.0)
        scale = max(np.float32(largest) / np.float32(127.5), np.finfo(np.float32).eps)
        inverse = np.float32(1) / scale

        def blocks():
            for block in tensor.blocks():
                values = np.rint(as_float32(block, tensor.dtype) * inverse)
                yield np.clip(values, -128, 127).astype(np.int8)

        return [
            type(tensor)(tensor.name, "I8", tensor.shape, blocks),
            from_array(tensor.name + SCALE, "F32", np.array([scale], np.float32)),
        ]

    def quantization_config(self, step, names, modules):
        return {"quant_method": "knowcost_int8_dynamic", "load_with": "knowcost.load.load"}

    def verify(self, step, before, archived, prepared):
        """Every weight within half a step of its value, or exactly zero where an earlier step pruned it."""
        after = archived.tensors
        for name, tensor in before.items():
            assert after[name].dtype == "I8", f"{step}: {name} is {after[name].dtype}, expected I8"
            scale = float(after[name + SCALE].whole()[0])
            for block, quantized in zip(tensor.blocks(), after[name].blocks(), strict=True):
                error = np.abs(quantized * np.float64(scale) - as_float32(block, tensor.dtype))
                bad = (error > scale * (0.5 + 1e-5)) & (quantized != 0)
                assert not bad.any(), f"{step}: {name} is off by more than half a step in {bad.sum()} places"
