"""A quantized weight as compressed-tensors stores it ("pack-quantized"), which transformers and vLLM load.

The format as compressed-tensors 0.19.0 reads it (compressors/pack_quantized): codes of a row one after another from the
lowest bit of little-endian 32-bit words, without gaps, so that 3 bits cross words. Since 32 is a multiple of 2, 4 and
8, older versions read those alike; their 3 bits (ten to a word) are another format, and vLLM's kernels take 4 and 8.
A code is stored as it is (theirs plus 2^(bits - 1), counted from -2^(bits - 1), which is the same number).
"""

import numpy as np
import torch

from knowcost.compress.solvers.grids import Quantized


def packed_tensors(name: str, quantized: Quantized) -> dict[str, np.ndarray]:
    """{tensor name: array} that stand for a quantized weight in place of the weight `name` (X.weight).

    X.weight_packed: int32 (out, ceil(in * bits / 32)); X.weight_scale: as quantized.scales (out, groups), bfloat16 as
    uint16 bits; X.weight_shape: int64 (2,); and unless symmetric X.weight_zero_point: int32 (ceil(out * bits / 32),
    groups), packed down the columns.
    """
    arrays = {
        f"{name}_packed": pack(quantized.q, quantized.bits).numpy(),
        f"{name}_scale": _numpy(quantized.scales),
        f"{name}_shape": np.array(quantized.q.shape, np.int64),
    }
    if not quantized.symmetric:
        arrays[f"{name}_zero_point"] = pack(quantized.zeros.T, quantized.bits).T.contiguous().numpy()
    return arrays


def pack(codes: torch.Tensor, bits: int) -> torch.Tensor:
    """int32 (rows, ceil(columns * bits / 32)) on the CPU, of codes uint8 (rows, columns) below 2^bits."""
    rows, columns = codes.shape
    words = -(-columns * bits // 32)
    padded = torch.zeros(rows, -(-columns // 32) * 32, dtype=torch.uint8)
    padded[:, :columns] = codes
    lanes = padded.view(-1, 32).T  # 32 codes make `bits` words
    packed = torch.zeros(bits, lanes.shape[1], dtype=torch.int32)
    for i, lane in enumerate(lanes):
        word, shift = divmod(i * bits, 32)
        lane = lane.to(torch.int32)
        packed[word] |= lane << shift
        if shift + bits > 32:
            packed[word + 1] |= lane >> (32 - shift)
    return packed.T.reshape(rows, -1)[:, :words].contiguous()


def _numpy(values: torch.Tensor) -> np.ndarray:
    values = values.cpu()
    return values.view(torch.uint16).numpy() if values.dtype == torch.bfloat16 else values.numpy()
