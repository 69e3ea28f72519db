"""Between checkpoint.Tensor and torch."""

import numpy as np
import torch

from knowcost.models.checkpoint import NUMPY, Tensor, from_array

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def to_torch(tensor: Tensor, dtype: torch.dtype | None = None, device: str | torch.device = "cpu") -> torch.Tensor:
    """A checkpoint.Tensor as a torch tensor of its shape; dtype: to convert to, by default its own."""
    return values_of(tensor.whole(), tensor.dtype).reshape(tensor.shape).to(device, dtype)


def values_of(block: np.ndarray, dtype: str) -> torch.Tensor:
    """A block of a checkpoint.Tensor of this type as a torch tensor, which shares its memory."""
    values = torch.from_numpy(block)
    return values.view(torch.int16).view(torch.bfloat16) if dtype == "BF16" else values


def from_torch(name: str, value: torch.Tensor, dtype: str | None = None) -> Tensor:
    """A Tensor in memory of a torch tensor; dtype: safetensors' name of the type to round floats to, else its own."""
    value = value.detach().to("cpu", DTYPES.get(dtype or "")).contiguous()
    kind = _NAMES.get(value.dtype)
    if kind == "BF16":
        return from_array(name, kind, value.view(torch.int16).numpy().view(np.uint16))
    array = value.numpy()
    return from_array(name, kind or next(k for k, t in NUMPY.items() if t == array.dtype and k != "BF16"), array)
