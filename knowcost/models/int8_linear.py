"""Dynamic int8 linear layers that compute, bit for bit, what torch.ao.quantization.quantize_dynamic does on x86.

The published study used torch's engine, which runs on a CPU only. This module is plain torch: the same integers on any
device. Sources: ATen/native/quantized/cpu/QuantUtils.h (ChooseQuantizationParams), qlinear_dynamic.cpp (7-bit
activations, per tensor over the whole input) and FBGEMM's Quantize and ReQuantizeForFloat (fused multiply-add).
"""

import torch
from torch import nn

LEVELS = 127  # activations are quantized to 0..127: fbgemm's kernels reduce the range to 7 bits
MIDDLE = 128  # of what uint8 holds: less that, it is int8
CACHED = 1 << 15  # numbers that are worked on at a time on a CPU
SMALLEST = 6.1e-5  # below this FBGEMM widens the range, or the reciprocal of the scale loses too many bits


class DynamicInt8Linear(nn.Module):
    """y = x W^T + b with int8 weights and activations quantized on the fly.

    weight: int8 (out, in); weight_scale: float32 (1,); bias: float32 (out,) or None. forward takes float32 (..., in)
    and returns float32 (..., out). The activations' scale is one for the whole input, as in torch: a result depends on
    what else is in the batch. With `per_sentence` the input's first dimension is the sentence and each has a scale of
    its own; whoever asks must then batch sentences of one length, or padding would count. (OPT flattens its input to
    its feed-forward layers, and a mixture of experts that of its experts, which then have a scale per token.)
    """

    per_sentence = False  # see `set_activations`

    def __init__(self, weight: torch.Tensor, weight_scale: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("weight", weight.contiguous())
        self.register_buffer("weight_scale", weight_scale.reshape(1).float())
        self.register_buffer("bias", None if bias is None else bias.detach().float())
        self.register_buffer("weight_sums", weight.sum(dim=1, dtype=torch.int64).to(torch.int32))
        self.out_features, self.in_features = weight.shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(-1, self.in_features)
        if not len(rows):
            return x.new_zeros(*x.shape[:-1], self.out_features)
        groups = rows.reshape(x.shape[0] if self.per_sentence else 1, -1)
        scale, zero_point = (
            each.repeat_interleave(len(rows) // len(groups))[:, None] for each in quantization_parameters(groups)
        )
        inverse = 1 / scale
        q = torch.empty_like(rows, dtype=torch.int8)
        for part in _parts(rows):
            q[part] = _quantized(rows[part], inverse[part], zero_point[part])
        sums = int_matmul(q, self.weight)
        out = torch.empty_like(sums, dtype=torch.float32)
        zero_point, multiplier = zero_point.to(torch.int32) - MIDDLE, scale * self.weight_scale
        for part in _parts(sums):
            exact = (sums[part] - zero_point[part] * self.weight_sums).float()
            out[part] = fused_multiply_add(exact, multiplier[part], self.bias)
        return out.reshape(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def fused_multiply_add(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor | None) -> torch.Tensor:
    """a * b + c in float32 (c may be None), rounded once.

    In float64 the product of two float32 is exact, and so is all but the last bit of the sum.
    """
    product = a.double() * b.double()
    return (product if c is None else product.add_(c.double())).float()


def _quantized(x: torch.Tensor, inverse: torch.Tensor, zero_point: torch.Tensor) -> torch.Tensor:
    """int8: torch's codes, which are uint8, less MIDDLE.

    They go to 127, and to 128 where both ends of the range lie in the middle between two codes.
    """
    q = torch.round(fused_multiply_add(x, inverse, zero_point))
    return q.clamp_(0, 255).sub_(MIDDLE).to(torch.int8)


def _parts(matrix: torch.Tensor) -> list[slice]:
    """Slices of a matrix's rows. On a CPU each fits the cache, which makes what is done to it several times faster."""
    size = max(1, CACHED // matrix.shape[1]) if matrix.device.type == "cpu" else len(matrix)
    return [slice(start, start + size) for start in range(0, len(matrix), size)]


def set_activations(model: nn.Module, granularity: str) -> None:
    """Let a model's int8 layers quantize activations per "batch", as torch does, or per "sentence"."""
    for module in model.modules():
        if isinstance(module, DynamicInt8Linear):
            module.per_sentence = granularity == "sentence"


def quantization_parameters(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(scale float32, zero point float32) of each row of x, each of shape (rows,), on x's device."""
    low, high = torch.aminmax(x, dim=1)
    low, high = low.clamp(max=0).double(), high.clamp(min=0).double()
    scale = (high - low) / LEVELS
    scale = torch.where((scale.float() == 0) | torch.isinf(1 / scale.float()), 0.1, scale)
    # FBGEMM's cut-off for tiny ranges: widen them to SMALLEST * LEVELS, keeping their proportions.
    small = scale < SMALLEST
    grow = SMALLEST / scale
    width = torch.full_like(scale, SMALLEST * LEVELS).float().double()
    wide_low = torch.where(low == 0, low, torch.where(high == 0, -width, (low.float() * grow.float()).double()))
    wide_high = torch.where(low == 0, width, torch.where(high == 0, high, (high.float() * grow.float()).double()))
    low, high = torch.where(small, wide_low, low), torch.where(small, wide_high, high)
    scale = torch.where(small, SMALLEST, scale)
    from_low, from_high = -low / scale, LEVELS - high / scale
    nearer_low = (low / scale).abs() < LEVELS + (high / scale).abs()
    zero_point = torch.round(torch.where(nearer_low, from_low, from_high)).clamp(0, LEVELS)
    return scale.float(), zero_point.float()


def int_matmul(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """int8 (m, k) times int8 (n, k) transposed, exactly, as int32 (m, n), on any device.

    CUDA's kernel wants more than 16 rows and sizes that are multiples of 8: zeros are added and cut off again.
    """
    m, n, k = len(a), len(b), a.shape[1]
    if a.device.type != "cuda":
        # torch 2.13's CPU kernel misreads a transposed matrix of one row.
        return torch._int_mm(a, b.t()) if k > 1 else a.int() * b.t().int()
    a = nn.functional.pad(a, (0, -k % 8, 0, max(0, 17 - m)))
    b = nn.functional.pad(b, (0, -k % 8, 0, -n % 8))
    return torch._int_mm(a, b.t())[:m, :n]


def torch_engine(weight: torch.Tensor, weight_scale: torch.Tensor, bias: torch.Tensor | None = None) -> nn.Module:
    """torch's own dynamic Linear with the same weights (CPU only, deprecated in torch but present in 2.13).

    weight: int8 (out, in); weight_scale: float32 (1,). Returns torch.ao.nn.quantized.dynamic.Linear.
    """
    from torch.ao.nn.quantized.dynamic import Linear

    layer = Linear(weight.shape[1], weight.shape[0], dtype=torch.qint8)
    quantized = torch._make_per_tensor_quantized_tensor(weight, float(weight_scale), 0)
    layer.set_weight_bias(quantized, None if bias is None else bias.detach().float())
    return layer


ENGINES = {"knowcost": DynamicInt8Linear, "torch": torch_engine}
