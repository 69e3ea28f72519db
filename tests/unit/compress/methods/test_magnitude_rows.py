import pytest
import torch
from torch.nn.utils import prune

from knowcost.common.errors import BrokenPromise
from knowcost.compress.method import Archived
from knowcost.compress.methods.magnitude_rows import MagnitudeStructured
from knowcost.models import checkpoint
from knowcost.models.checkpoint import from_array
from knowcost.spec.variants import parse


@pytest.mark.parametrize("level", [20, 40])
@pytest.mark.parametrize("dtype", ["F32", "F16"])
def test_the_rows_that_go_are_torch_s(level, dtype, monkeypatch):
    monkeypatch.setattr(checkpoint, "BLOCK", 60)
    torch.manual_seed(0)
    weight = torch.randn(101, 16).to(torch.float32 if dtype == "F32" else torch.float16)
    tensor = from_array("lm_head.weight", dtype, weight.numpy())
    step, method = parse(f"magnitude_structured-{level}@final").steps[0], MagnitudeStructured()
    prepared = method.prepare(step, {tensor.name: tensor}, None)
    (made,) = method.compress(tensor, prepared)
    linear = torch.nn.Linear(16, 101, bias=False)
    linear.weight = torch.nn.Parameter(weight.float())
    prune.ln_structured(linear, "weight", amount=level / 100, n=1, dim=0)
    assert torch.equal(torch.from_numpy(made.whole().reshape(101, 16)).float(), linear.weight.detach())
    method.verify(step, {tensor.name: tensor}, Archived({tensor.name: made}, {}, False), prepared)
    with pytest.raises(BrokenPromise, match="zero rows"):
        method.verify(step, {tensor.name: tensor}, Archived({tensor.name: tensor}, {}, False), prepared)
