"""A checkpoint held against the model that its config.json describes. Expected values are transformers' own."""

import contextlib
import json
import struct
import tracemalloc

import numpy as np
import pytest
import torch
import transformers
from helpers import tiny
from helpers.fetching import SMALL, checkpoint, write
from safetensors.torch import load_file, save_file

from knowcost.common.errors import InputError
from knowcost.fetch import weights
from knowcost.models import blueprint
from knowcost.models.checkpoint import Checkpoint


def bf16(value):
    """A shard with one bfloat16 tensor, written by hand."""
    data = np.array([0x3F80, value, 0x3F80], "<u2").tobytes()
    header = json.dumps({"w": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
def test_nan_and_infinity(tmp_path, kind, value):
    largest = np.full(9, np.finfo(kind).max, kind)
    fills = {"fine": ["a"], "bad.weight": ["b"]}
    weights.check_values(Checkpoint(write(tmp_path, checkpoint({"fine": largest}))), fills)
    bad = largest.copy()
    bad[7] = value
    write(tmp_path, checkpoint({"fine": largest, "bad.weight": bad}))
    with pytest.raises(InputError, match=r"model\.safetensors: tensor bad\.weight holds NaN"):
        weights.check_values(Checkpoint(tmp_path), fills)
    weights.check_values(Checkpoint(tmp_path), fills | {"bad.weight": []})  # transformers ignores it


@pytest.mark.parametrize(("bits", "finite"), [(0x7F7F, True), (0xFF7F, True), (0x7F80, False), (0xFFC0, False)])
def test_nan_in_bfloat16(tmp_path, bits, finite):
    folder = write(tmp_path, {**SMALL, "model.safetensors": bf16(bits)})
    with contextlib.nullcontext() if finite else pytest.raises(InputError, match="tensor w holds NaN"):
        weights.check_values(Checkpoint(folder), {"w": ["w"]})


def test_check_is_bounded_in_memory(tmp_path):
    folder = write(tmp_path / "m", SMALL)
    size = 160 << 20
    header = json.dumps({"w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    with open(folder / "model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header)
        f.truncate(8 + len(header) + size)  # zeros that take no disk
    tracemalloc.start()
    weights.check_values(Checkpoint(folder), {"w": ["w"]})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


def test_experts_that_a_file_holds_together_are_refused_with_what_to_do(tmp_path):
    made = tiny.model("qwen3_moe")
    made.save_pretrained(tmp_path, save_original_format=False)
    model = blueprint.empty(blueprint.configuration(tmp_path))
    found = r"model\.safetensors: tensor model\.layers\.0\.mlp\.experts\.\w+_proj holds the layers of all experts"
    with pytest.raises(InputError, match=f"{found}.*from_config with load_state_dict .* save_pretrained"):
        weights.fills(Checkpoint(tmp_path), model)
    other = transformers.AutoModelForCausalLM.from_config(made.config)
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    other.save_pretrained(tmp_path)
    assert weights.fills(Checkpoint(tmp_path), model).keys() == Checkpoint(tmp_path).tensors.keys()


@pytest.mark.parametrize(
    ("kind", "attention"),
    [("gpt2", "transformer.h.1.attn"), ("gpt_neo", "transformer.h.1.attn.attention"), ("gptj", "transformer.h.1.attn"),
     ("gpt_neox", "gpt_neox.layers.1.attention")],
)  # fmt: skip
def test_masks_that_old_versions_saved_fill_nothing(tmp_path, kind, attention):
    """As published checkpoints hold them; transformers leaves them out too, and answers the same."""
    made = tiny.model(kind)
    made.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    masks = {"bias": torch.ones(1, 1, 64, 64, dtype=torch.uint8).tril(), "masked_bias": torch.tensor(-1e9)}
    masks = {f"{attention}.{name}": mask for name, mask in masks.items()}
    weights_of = load_file(path)
    save_file(weights_of | masks, path, {"format": "pt"})
    model = blueprint.empty(blueprint.configuration(tmp_path))
    filled = weights.fills(Checkpoint(tmp_path), model)
    assert {name for name, parameters in filled.items() if not parameters} == masks.keys()
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert torch.equal(tiny.logits(again), tiny.logits(made))


@pytest.mark.parametrize("shape", [(16,), (1, 1, 4, 5), (2, 1, 4, 4)])
def test_a_bias_of_another_shape_is_no_mask(tmp_path, shape):
    tiny.model("gptj").save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    save_file(load_file(path) | {"transformer.h.1.attn.bias": torch.ones(shape)}, path, {"format": "pt"})
    with pytest.raises(InputError, match=r"has no place for tensor transformer\.h\.1\.attn\.bias"):
        weights.fills(Checkpoint(tmp_path), blueprint.empty(blueprint.configuration(tmp_path)))
