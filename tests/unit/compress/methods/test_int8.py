import numpy as np
import pytest
import torch

from knowcost.common.errors import BrokenPromise
from knowcost.compress.method import Archived
from knowcost.compress.methods.int8 import Int8
from knowcost.models import checkpoint
from knowcost.models.checkpoint import from_array
from knowcost.spec.variants import parse

STEP = parse("int8@overall").steps[0]


def torchs(weight):
    """The int8 weight and its scale, by torch.ao.quantization.quantize_dynamic."""
    linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
    linear.weight = torch.nn.Parameter(weight.float())
    quantized = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(linear), {torch.nn.Linear}, torch.qint8)
    return quantized[0].weight().int_repr(), quantized[0].weight().q_scale()


@pytest.mark.parametrize("size", [1e-9, 0.02, 30.0, 0.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_integers_and_scale_are_torch_s(size, dtype, monkeypatch):
    monkeypatch.setattr(checkpoint, "BLOCK", 50)
    torch.manual_seed(0)
    weight = (torch.randn(33, 17) * size).to(dtype)
    raw = weight.view(torch.uint16).numpy() if dtype == torch.bfloat16 else weight.numpy()
    code = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}[dtype]
    quantized, scale = Int8().compress(from_array("a.weight", code, raw), None)
    expected, expected_scale = torchs(weight)
    assert np.array_equal(quantized.whole().reshape(33, 17), expected.numpy())
    assert float(scale.whole()[0]) == expected_scale
    assert (quantized.name, scale.name, quantized.dtype) == ("a.weight", "a.weight_scale", "I8")


def test_an_archive_that_is_off_is_refused():
    tensor = from_array("a.weight", "F32", np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4))
    after = {made.name: made for made in Int8().compress(tensor, None)}
    Int8().verify(STEP, {"a.weight": tensor}, Archived(after, {}, True), None)
    wrong = after["a.weight"].whole().reshape(3, 4).copy()
    wrong[0, 0] += 1
    after["a.weight"] = from_array("a.weight", "I8", wrong)
    with pytest.raises(BrokenPromise, match="half a step in 1 places"):
        Int8().verify(STEP, {"a.weight": tensor}, Archived(after, {}, True), None)
    with pytest.raises(BrokenPromise, match="is F32, expected I8"):
        Int8().verify(STEP, {"a.weight": tensor}, Archived({"a.weight": tensor}, {}, True), None)
