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


def test_zero_rows_are_those_that_go_and_those_that_were_zero_before():
    """Of five rows the two with the smallest norm go; row 0 may have been zero before."""
    weight = torch.tensor([[5.0, 5], [4, 4], [1, 1], [3, 3], [2, 2]])
    step, method = parse("magnitude_structured-40@final").steps[0], MagnitudeStructured()
    before = {"w": from_array("w", "F32", weight.numpy())}
    prepared = method.prepare(step, before, None)
    assert prepared["w"].tolist() == [False, False, True, False, True]

    def check(zero_rows, base=before):
        made = weight.clone()
        made[zero_rows] = 0
        method.verify(step, base, Archived({"w": from_array("w", "F32", made.numpy())}, {}, False), prepared)

    check([2, 4])
    for wrong in ([2], [4], [2, 4, 0], [1, 3], [2, 3], range(5)):
        with pytest.raises(BrokenPromise, match=f"{len(wrong)} zero rows, expected 2"):
            check(list(wrong))
    zero_before = weight.clone()
    zero_before[0] = 0
    check([2, 4, 0], {"w": from_array("w", "F32", zero_before.numpy())})
