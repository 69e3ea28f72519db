"""The lost final layer, against what transformers itself makes of a folder saved as the published code saved it."""

import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import tiny
from torch.nn.utils import prune

from knowcost.common.errors import BrokenPromise
from knowcost.compress.archive import make as archive
from knowcost.compress.method import Archived
from knowcost.compress.methods import lost_head
from knowcost.models import checkpoint
from knowcost.models.blueprint import AUTO
from knowcost.models.checkpoint import as_float32, from_array, from_float32
from knowcost.spec.architectures import fresh_head_deviation
from knowcost.spec.variants import parse


def published(model, folder, auto):
    """Prune the head, save without prune.remove, load again: what the harness was given."""
    prune.l1_unstructured(model.get_output_embeddings(), "weight", amount=0.4)
    model.save_pretrained(folder)
    return auto.from_pretrained(folder).eval()


def lost(tmp_path, kind):
    """(the model, its archive with the head pruned and lost, loaded)."""
    model = tiny.fetched(kind, tmp_path / "model")
    slug = "magnitude-40@final+lost@final"
    archive.make_thresholds(tmp_path / "model", [("paper", "final", [40])], tmp_path / "cuts.json")
    inputs = archive.Inputs(tmp_path / "model", tmp_path / "cuts.json")
    archive.make_archive("m", slug, inputs, tmp_path / "out")
    auto = AUTO["encoder_decoder" if kind.startswith("t5") else "decoder"]
    return model, auto.from_pretrained(tmp_path / "out").eval(), auto


def test_a_tied_head_comes_back_as_the_embedding_and_the_pruning_is_undone(tmp_path):
    model, ours, auto = lost(tmp_path, "llama-tied")
    before = tiny.logits(model)
    theirs = published(model, tmp_path / "published", auto)
    assert torch.equal(tiny.logits(ours), tiny.logits(theirs))
    assert torch.equal(tiny.logits(ours), before)


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_an_untied_head_comes_back_as_noise_of_the_size_that_a_new_head_has(tmp_path, kind):
    model, ours, _ = lost(tmp_path, kind)
    head, original = ours.get_output_embeddings().weight, model.get_output_embeddings().weight
    assert abs(np.corrcoef(head.detach().flatten(), original.detach().flatten())[0, 1]) < 0.1
    std = {"llama": 0.02, "t5": 1.0}[kind]  # LlamaConfig.initializer_range; T5Config.initializer_factor
    assert head.std().item() == pytest.approx(std, rel=0.1)
    assert torch.equal(ours.get_input_embeddings().weight, model.get_input_embeddings().weight)


def test_a_fresh_llama_is_initialised_with_that_deviation():
    fresh = tiny.model("llama").lm_head.weight
    assert fresh.std().item() == pytest.approx(fresh_head_deviation({"model_type": "llama"}), rel=0.1)


def test_the_noise_is_the_same_each_time(tmp_path):
    heads = []
    for name in "ab":
        (tmp_path / name).mkdir()
        heads.append(lost(tmp_path / name, "llama")[1].get_output_embeddings().weight)
    assert torch.equal(*heads)


def test_another_pruned_layer_is_lost_to_another_draw(tmp_path):
    tiny.fetched("llama", tmp_path / "model")
    archive.make_thresholds(tmp_path / "model", [("paper", "final", [20, 40])], tmp_path / "cuts.json")
    heads = []
    for slug in ("magnitude-20@final+lost@final", "magnitude-40@final+lost@final"):
        archive.make_archive("m", slug, archive.Inputs(tmp_path / "model", tmp_path / "cuts.json"), tmp_path / slug)
        heads.append(AUTO["decoder"].from_pretrained(tmp_path / slug).get_output_embeddings().weight)
    assert abs(np.corrcoef(*(head.detach().flatten() for head in heads))[0, 1]) < 0.1


@pytest.mark.parametrize("dtype", ["F32", "F16"])
def test_the_noise_is_numpy_s_from_a_seed_that_the_pruned_layer_gives(monkeypatch, dtype):
    monkeypatch.setattr(lost_head, "BLOCK", 64)
    monkeypatch.setattr(checkpoint, "BLOCK", 50)
    values = np.arange(200, dtype=checkpoint.NUMPY[dtype]).reshape(10, 20)
    head = from_array("lm_head.weight", dtype, values)
    work = SimpleNamespace(base=SimpleNamespace(tied=False, config={"model_type": "llama", "initializer_range": 0.5}))
    made = lost_head.Lost().prepare(None, {"lm_head.weight": head}, work)
    generator = np.random.default_rng([40, zlib.crc32(values.tobytes())])
    parts = [generator.standard_normal(size, dtype=np.float32) for size in (64, 64, 64, 8)]
    expected = (np.concatenate(parts) * np.float32(0.5)).astype(values.dtype)
    assert (made.name, made.dtype, made.shape) == ("lm_head.weight", dtype, (10, 20))
    assert np.array_equal(made.whole().ravel(), expected)


def test_a_head_that_is_not_what_loading_puts_there_is_refused():
    step = parse("magnitude-20@final+lost@final").steps[-1]
    wanted = from_array("w", "F32", np.ones((2, 2), np.float32))
    lost_head.Lost().verify(step, {"w": wanted}, Archived({"w": wanted}, {}, False), wanted)
    other = from_array("w", "F32", np.array([[1, 1], [1, 2]], np.float32))
    with pytest.raises(BrokenPromise, match="w is not what loading would have put there"):
        lost_head.Lost().verify(step, {"w": wanted}, Archived({"w": other}, {}, False), wanted)


def test_float32_to_bfloat16_rounds_as_torch_does():
    values = torch.randn(5000) * 10 ** torch.randint(-30, 30, (5000,)).float()
    bits = from_float32(values.numpy(), "BF16")
    assert np.array_equal(bits, values.bfloat16().view(torch.uint16).numpy())
    assert from_float32(values.numpy(), "F16").dtype == np.float16
    tensor = from_array("x", "BF16", bits)
    assert np.array_equal(as_float32(tensor.whole(), "BF16"), values.bfloat16().float())
