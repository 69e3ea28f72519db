"""What lies otherwise in files: turned and cut on reading, put back on writing, bit for bit."""

import tracemalloc

import numpy as np
import pytest
import torch
from helpers import tiny
from safetensors.torch import load_file, save_file
from transformers.pytorch_utils import Conv1D

from knowcost.common.errors import BrokenPromise
from knowcost.models import checkpoint, layout, shard_files
from knowcost.models.blueprint import AUTO
from knowcost.models.checkpoint import Checkpoint
from knowcost.models.torch_tensors import to_torch
from knowcost.spec import scopes
from knowcost.spec.architectures import architectures

KINDS = ["bert", "t5", "llama", *tiny.FURTHER]


@pytest.fixture(params=["gpt2", "gpt_oss"])
def saved(request, tmp_path):
    """(folder of a checkpoint in bfloat16, {name: tensor} of its file)."""
    tiny.model(request.param).bfloat16().save_pretrained(tmp_path)
    return tmp_path, load_file(tmp_path / "model.safetensors")


@pytest.mark.parametrize("stripe", [layout.STRIPE, 200])
def test_folding_undoes_unfolding(saved, tmp_path, monkeypatch, stripe):
    monkeypatch.setattr(layout, "STRIPE", stripe)  # a matrix at once, and in several turns of whole columns
    monkeypatch.setattr(checkpoint, "BLOCK", 61)
    folder, stored = saved
    found = Checkpoint(folder)
    shard_files.write_shard(tmp_path / "again", layout.folded(found.model_type, found.tensors.values()))
    again = load_file(tmp_path / "again")
    assert again.keys() == stored.keys()
    assert all(torch.equal(again[name], tensor) for name, tensor in stored.items())


def test_a_layer_is_outputs_by_inputs(saved, monkeypatch):
    monkeypatch.setattr(checkpoint, "BLOCK", 7)
    folder, stored = saved
    tensors = Checkpoint(folder).tensors
    if "transformer.wte.weight" in stored:
        pairs = {"transformer.h.1.attn.c_attn.weight": stored["transformer.h.1.attn.c_attn.weight"].T,
                 "transformer.wpe.weight": stored["transformer.wpe.weight"]}  # fmt: skip
        assert tensors["transformer.h.1.attn.c_attn.weight"].shape == (48, 16)
    else:
        owner = "model.layers.1.mlp.experts"
        pairs = {f"{owner}.3.gate_up_proj.weight": stored[f"{owner}.gate_up_proj"][3].T,
                 f"{owner}.3.gate_up_proj.bias": stored[f"{owner}.gate_up_proj_bias"][3],
                 f"{owner}.0.down_proj.weight": stored[f"{owner}.down_proj"][0].T}  # fmt: skip
        assert f"{owner}.down_proj" not in tensors and f"{owner}.4.down_proj.weight" not in tensors
    for name, expected in pairs.items():
        assert torch.equal(to_torch(tensors[name]), expected), name
        sizes = [block.size for block in tensors[name].blocks()]
        assert set(sizes[:-1]) == {7} and sum(sizes) == expected.numel()
        rows = np.concatenate([part for _, part in tensors[name].rows()]) if expected.dim() == 2 else None
        assert rows is None or np.array_equal(rows, expected.float().numpy())


def test_a_stack_that_lacks_an_expert_is_no_stack(tmp_path):
    tiny.model("gpt_oss").save_pretrained(tmp_path)
    tensors = Checkpoint(tmp_path).tensors
    del tensors["model.layers.0.mlp.experts.1.down_proj.weight"]
    with pytest.raises(BrokenPromise, match=r"model\.layers\.0\.mlp\.experts\.down_proj: its experts are not all"):
        layout.folded("gpt_oss", tensors.values())


def test_other_architectures_lie_as_they_are(tmp_path):
    save_file({"h.0.attn.c_attn.weight": torch.arange(6.0).reshape(2, 3)}, tmp_path / "one.safetensors")
    [(name, tensor)] = checkpoint.open_shard(tmp_path / "one.safetensors", "llama").items()
    assert (name, tensor.shape) == ("h.0.attn.c_attn.weight", (2, 3))
    assert layout.folded("llama", [tensor])[0] is tensor


@pytest.mark.parametrize("kind", KINDS)
def test_transposed_names_the_layers_that_transformers_builds_transposed(kind):
    made = tiny.model(kind)
    block = architectures()[made.config.model_type]
    assert type(made) in AUTO[block.family]._model_mapping.values()
    names = {name for name, module in made.named_modules() if isinstance(module, Conv1D)}
    claimed = {n for n, _ in made.named_modules() if any(scopes.matches(p, n) for p in block.transposed)}
    assert claimed == names


@pytest.mark.parametrize("kind", KINDS)
def test_stacked_names_the_tensors_that_files_hold_stacked(kind, tmp_path):
    made = tiny.model(kind)
    made.save_pretrained(tmp_path)
    patterns = architectures()[made.config.model_type].stacked
    stored = load_file(tmp_path / "model.safetensors")
    stacked = {name for name, tensor in stored.items() if tensor.dim() == 3 and "experts" in name}
    assert {name for name in stored if any(scopes.matches(p, name) for p in patterns)} == stacked
    assert bool(stacked) == (kind == "gpt_oss")


def test_turning_a_matrix_holds_one_stripe_of_it(monkeypatch):
    monkeypatch.setattr(layout, "STRIPE", 1 << 16)
    rows, columns = 1000, 3000
    row = np.arange(columns, dtype=np.float32)
    matrix = checkpoint.Tensor("w", "F32", (rows, columns), lambda: (row + i for i in range(rows)))
    tracemalloc.start()
    across = layout.turned(matrix, "w")
    first = next(across.blocks())
    total = sum(int(block.size) for block in across.blocks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (across.shape, total) == ((columns, rows), rows * columns)
    assert first[:3].tolist() == [0, 1, 2] and first[rows : rows + 2].tolist() == [1, 2]
    assert peak < 4 * 4 * layout.STRIPE < 4 * rows * columns / 2
