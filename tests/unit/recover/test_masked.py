"""Sparsity-keeping LoRA: what pruning removed stays removed."""

import json

import pytest
import torch
from helpers import recovered, recovering, tiny

from knowcost.common.errors import BrokenPromise, InputError
from knowcost.recover import masked
from knowcost.recover.methods.mask_lora import MaskLoRA
from knowcost.spec.recoveries import parse

PRUNED = "magnitude-50@overall"


def test_the_update_counts_where_a_weight_is():
    weight = torch.tensor([[1.0, 0.0, 2.0], [0.0, -1.0, 0.5]])
    a, b = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[10.0], [100.0]])
    wanted = torch.tensor([[21.0, 0.0, 62.0], [0.0, 399.0, 600.5]])  # by hand: w + 2 b a
    assert torch.equal(masked.updated(weight, a, b), wanted)
    assert torch.equal(masked.updated(weight.T, a, b, turned=True), wanted.T)


def test_what_would_become_zero_by_chance_does_not():
    weight = torch.tensor([[1.0, 0.0]], dtype=torch.bfloat16)
    found = masked.merged("layer", weight, torch.tensor([[1.0, 1.0]]), torch.tensor([[-0.5]]))
    assert (found != 0).tolist() == [[True, False]]
    assert float(found[0, 0]) < 1e-30


def test_a_zero_that_is_filled_is_an_exception(monkeypatch):
    monkeypatch.setattr(masked, "updated", lambda weight, a, b, turned: weight + 1)
    with pytest.raises(BrokenPromise, match="layer: the merged weight is not zero where the pruned one is"):
        masked.merged("layer", torch.tensor([[1.0, 0.0]]), torch.ones(1, 2), torch.ones(1, 1))


def test_a_layer_of_which_nothing_is_left_is_named_before_training(tmp_path):
    work = recovering.work(tmp_path, "llama", "mask_lora-r2")
    work.model.get_submodule("model.layers.1.self_attn.v_proj").weight.data.zero_()
    work.texts.unlink()
    with pytest.raises(InputError, match=r"mask_lora-r2.* no weight of model\.layers\.1\.self_attn\.v_proj, and 1 of"):
        recovering.make(work)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_trained_beside_and_merged_it_is_the_same_model(kind, tmp_path, monkeypatch):
    """The model while it is trained, its update in a parametrization, and the merged one: the same logits; every zero
    and no other weight of the archive is zero."""
    monkeypatch.chdir(tmp_path)
    recovered.study(kind, PRUNED)
    trained, before = [], masked.training.train

    def train(model, work, out):
        about = before(model, work, out)
        trained.append(tiny.logits(model.eval()))
        return about

    monkeypatch.setattr(masked.training, "train", train)
    folder = recovered.recover(f"{PRUNED}^mask_lora-r2")
    assert {path.name for path in folder.iterdir() if not path.name.startswith((".", "manifest"))} >= {
        "masked_lora.json",
        "masked_lora.safetensors",
    }
    assert not (folder / "adapter_config.json").exists()
    model, pruned = recovered.loaded(PRUNED), recovered.loaded(PRUNED)
    MaskLoRA().apply(parse("mask_lora-r2"), model, folder)
    assert (tiny.logits(model) - tiny.logits(pruned)).abs().max() > 1e-3
    torch.testing.assert_close(tiny.logits(model), trained[0], atol=1e-5, rtol=1e-5)
    zeros = 0
    for one, other in zip(model.parameters(), pruned.parameters(), strict=True):
        assert torch.equal(one == 0, other == 0)
        zeros += int((one == 0).sum())
    assert zeros > 1000
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["parameters"]["cached"] == 0
    assert manifest["settings"]["learning_rate"] == 0.01


@pytest.mark.parametrize("slug", ["rtn-4bit@overall^mask_lora-r2", "dense^mask_lora-r2"])
def test_it_is_for_what_was_pruned_and_nothing_else(slug, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recovered.study("llama", "rtn-4bit@overall")
    with pytest.raises(InputError, match="mask_lora"):
        recovered.recover(slug)
