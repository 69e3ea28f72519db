"""Our solvers against values that the authors' code computed (benchmarks/golden.py; the commits are in the file)."""

import json
from pathlib import Path

import pytest
import torch

from knowcost.compress.solvers import InputStatistics, gptq, magnitude_layer, sparsegpt, sweep, wanda
from knowcost.spec.levels import Pattern

GOLDEN = json.loads((Path(__file__).parent / "golden_solvers.json").read_text())
DENSE = torch.tensor(GOLDEN["weight"])
METHODS = {"wanda": wanda, "sparsegpt": sparsegpt, "gptq": gptq}


def statistics(hessian):
    made = InputStatistics(DENSE.shape[1], "cpu", hessian)
    for sample in torch.tensor(GOLDEN["inputs"]):
        made.add(sample[None])
    return made


def solve(method, weight, setting):
    setting = dict(setting)
    if method == "gptq":
        return gptq(weight, statistics(True), **setting).dequantized()
    blocksize = {"blocksize": setting.pop("blocksize")} if "blocksize" in setting else {}
    if method == "magnitude":
        return magnitude_layer(weight, Pattern(**setting))
    return METHODS[method](weight, statistics(method == "sparsegpt"), Pattern(**setting), **blocksize)


@pytest.mark.parametrize("near", [32, 5])
@pytest.mark.parametrize("case", GOLDEN["results"][:-1], ids=lambda case: f"{case['method']} {case['setting']}")
def test_a_layer_comes_out_as_from_the_authors_code(case, near, monkeypatch):
    monkeypatch.setattr(sweep, "NEAR", near)
    expected, found = torch.tensor(case["weight"]), solve(case["method"], DENSE, case["setting"])
    assert torch.equal(found == 0, expected == 0)
    assert torch.allclose(found, expected, atol=1e-5), (found - expected).abs().max()


def test_a_pruned_layer_is_quantized_as_in_their_joint_step():
    pruned, joint = (torch.tensor(case["weight"]) for case in GOLDEN["results"][-2:])
    found = gptq(pruned, statistics(True), bits=4, keep_zeros=True).dequantized()
    assert torch.allclose(found, joint, atol=1e-5)
    assert not found[pruned == 0].any()
    free = gptq(pruned, statistics(True), bits=4).dequantized()
    assert free[pruned == 0].any()
