"""Methods on a layer whose weight lies as (inputs, outputs), a Conv1D: the same as on an nn.Linear of its transpose."""

import pytest
import torch
import transformers
from helpers import layers, tiny
from helpers.calibrated import calibrated

from knowcost.compress import solvers
from knowcost.compress.archive import make as archive
from knowcost.compress.archive.make import Inputs
from knowcost.models.load import load
from knowcost.spec.levels import pattern

LAYER = "transformer.h.0.attn.c_attn"
ROUNDED = {"bits": 4, "group_size": 8}
SOLVED = {
    "magnitude_layer-50": lambda weight, seen: solvers.magnitude_layer(weight, pattern(50)),
    "magnitude_layer-2of4": lambda weight, seen: solvers.magnitude_layer(weight, pattern("2of4")),
    "wanda-50": lambda weight, seen: solvers.wanda(weight, seen, pattern(50)),
    "wanda-2of4": lambda weight, seen: solvers.wanda(weight, seen, pattern("2of4")),
    "sparsegpt-50": lambda weight, seen: solvers.sparsegpt(weight, seen, pattern(50)),
    "sparsegpt-2of4": lambda weight, seen: solvers.sparsegpt(weight, seen, pattern("2of4")),
    "gptq-4bit-g8": lambda weight, seen: solvers.gptq(weight, seen, **ROUNDED).dequantized(),
    "rtn-4bit-g8": lambda weight, seen: solvers.round_to_nearest(weight, symmetric=False, **ROUNDED).dequantized(),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """(folder of a GPT-2 with its windows, the Linear of its first layer, the statistics of what that reads)."""
    folder = tmp_path_factory.mktemp("gpt2")
    made = tiny.fetched("gpt2", folder / "model")
    ids = calibrated(folder / "windows.parquet", model=folder / "model")
    inputs, module = [], made.get_submodule(LAYER)
    assert isinstance(module, transformers.pytorch_utils.Conv1D)
    module.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    with torch.no_grad():
        made(input_ids=ids)
    linear = torch.nn.Linear(*module.weight.shape)
    linear.weight = torch.nn.Parameter(module.weight.detach().T.contiguous())
    return folder, linear, layers.seen(inputs[0])


@pytest.fixture
def made_of(model, tmp_path):
    """A function of a slug: the first layer's weight in the archive, as transformers holds it, (inputs, outputs)."""

    def made(slug):
        folder, _, _ = model
        given = Inputs(folder / "model", calibration=folder / "windows.parquet")
        archive.make_archive("m", f"{slug}@attention", given, tmp_path / "out")
        return load(tmp_path / "out", device="cpu")[0].get_submodule(LAYER).weight.detach()

    return made


@pytest.mark.parametrize("slug", SOLVED)
def test_a_conv1d_is_solved_as_the_linear_layer_of_its_transpose(model, made_of, slug):
    _, linear, seen = model
    expected = SOLVED[slug](linear.weight.detach(), seen)
    weight = made_of(slug)
    assert weight.shape == (16, 48)
    torch.testing.assert_close(weight.T, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(weight.T == 0, expected == 0)


@pytest.mark.parametrize("slug", ["magnitude_layer-2of4", "wanda-2of4", "sparsegpt-2of4"])
def test_groups_are_of_neighbouring_inputs(made_of, slug):
    weight = made_of(slug)
    assert ((weight.reshape(4, 4, 48) != 0).sum(dim=1) == 2).all()


def test_wanda_compares_the_inputs_of_each_output(made_of):
    assert ((made_of("wanda-50") == 0).sum(dim=0) == 8).all()
