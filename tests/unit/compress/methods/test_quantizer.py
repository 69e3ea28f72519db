"""What archives of a few bits say of themselves, as compressed-tensors documents it, and what they must hold."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from knowcost.common.errors import BrokenPromise, InputError
from knowcost.compress import registry
from knowcost.compress.method import Archived
from knowcost.compress.methods.layerwise import Solved
from knowcost.compress.solvers import round_to_nearest
from knowcost.models.checkpoint import from_array
from knowcost.models.formats import dequantized
from knowcost.models.torch_tensors import from_torch, to_torch
from knowcost.spec.variants import parse


def taken(slug):
    (step,) = parse(slug).steps
    return registry.METHODS[step.method], step


def base_of(architecture, modules):
    """As much of a base.Base as a config.json is made of; modules: {name in the file: name in the model}."""
    fills = {f"{path}.weight": f"{name}.weight" for name, path in modules.items()}
    return SimpleNamespace(model_type=architecture, modules=list(modules), fills=fills)


@pytest.mark.parametrize(
    ("slug", "weights"),
    [
        ("rtn-4bit@overall", {"num_bits": 4, "strategy": "channel"}),
        ("gptq-3bit-g8@overall", {"num_bits": 3, "strategy": "group", "group_size": 8}),
    ],
)
def test_config_json_says_how_to_read_it(slug, weights):
    method, step = taken(slug)
    names = ["layers.0.q.weight", "layers.0.k.weight"]
    base = base_of("llama", {name: name for name in ("layers.0.q", "layers.0.k", "embed", "lm_head")})
    assert method.stored_as(step, base, names) == (
        "",
        {
            "quant_method": "compressed-tensors",
            "format": "pack-quantized",
            "quantization_status": "compressed",
            "config_groups": {
                "group_0": {
                    "targets": ["Linear"],
                    "weights": {"type": "int", "symmetric": False, "dynamic": False} | weights,
                }
            },
            "ignore": ["embed", "lm_head"],
        },
    )


@pytest.mark.parametrize(
    ("architecture", "names", "claimed"),
    [
        ("gpt2", ["h.0.attn.c_attn", "h.0.mlp.c_fc"], False),
        ("gpt2", ["lm_head"], True),
        ("mixtral", ["layers.0.block_sparse_moe.experts.0.w1"], False),
        ("mixtral", ["layers.0.self_attn.q_proj"], False),  # transformers puts its experts together as it reads them
        ("gpt_oss", ["layers.0.mlp.experts.0.down_proj"], False),
        ("gpt_oss", ["layers.0.self_attn.q_proj"], True),  # whose experts are together in files
        ("gpt_neox", ["layers.0.attention.dense"], True),
    ],
)
def test_the_format_is_claimed_where_transformers_reads_it(architecture, names, claimed):
    """As tests/unit/compress/archive/test_layouts.py finds by loading each."""
    method, step = taken("rtn-4bit@overall")
    experts = {"mixtral": ["layers.0.block_sparse_moe.experts.0.w1"], "gpt_oss": ["layers.0.mlp.experts.0.down_proj"]}
    base = base_of(architecture, {name: name for name in [*names, *experts.get(architecture, []), "lm_head"]})
    prefix, said = method.stored_as(step, base, [f"{name}.weight" for name in names])
    assert (prefix, said["quant_method"]) == (("", "compressed-tensors") if claimed else ("packed.", "knowcost_packed"))
    assert ("load_with" in said) is not claimed


def test_layers_are_left_out_under_their_names_in_files_and_in_the_model():
    """As of an OPT that was saved without its prefix: readers go by the modules of the model."""
    method, step = taken("rtn-4bit@attention")
    names = ["decoder.layers.0.self_attn.q_proj", "decoder.layers.0.fc1"]
    base = base_of("opt", {name: f"model.{name}" for name in names} | {"lm_head": "lm_head"})
    _, said = method.stored_as(step, base, [f"{names[0]}.weight"])
    assert said["ignore"] == ["decoder.layers.0.fc1", "lm_head", "model.decoder.layers.0.fc1"]


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("group_size", [None, 8])
def test_the_parts_of_a_weight_stand_for_it(dtype, group_size):
    weight = torch.randn(5, 16, generator=torch.Generator().manual_seed(0))
    result = round_to_nearest(weight, bits=4, group_size=group_size, symmetric=False)
    method, _ = taken("rtn-4bit@overall")
    made, parts = method.tensors("w", result, dtype)
    groups = 16 // (group_size or 16)
    assert {part.name: (part.dtype, part.shape) for part in parts} == {
        "w_packed": ("I32", (5, 2)),
        "w_scale": (dtype, (5, groups)),
        "w_zero_point": ("I32", (1, groups)),
        "w_shape": ("I64", (2,)),
    }
    kind = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[dtype]
    scales = result.scales.to(kind).float().repeat_interleave(16 // groups, 1)
    zeros = result.zeros.float().repeat_interleave(16 // groups, 1)
    expected = ((result.q.float() - zeros) * scales).to(kind)
    assert (made.name, made.dtype, made.shape) == ("w", dtype, (5, 16))
    assert torch.equal(to_torch(made), expected)
    assert torch.equal(to_torch(dequantized("w", {part.name: part for part in parts}, 4)), expected)


def test_a_width_that_groups_do_not_divide_is_refused_before_any_work():
    method, step = taken("gptq-4bit-g8@overall")
    method.check(step, {"w": from_array("w", "F32", np.zeros((2, 16), np.float32))})
    with pytest.raises(InputError, match=r"gptq-4bit-g8@overall: v.* groups of 8"):
        method.check(step, {"v": from_array("v", "F32", np.zeros((2, 12), np.float32))})


def verify(before, solved, held, pruned):
    method, step = taken("rtn-4bit@overall")
    tensors = {
        name: from_torch("w", torch.tensor(value)) for name, value in (("b", before), ("s", solved), ("h", held))
    }
    method.verify(
        step, {"w": tensors["b"]}, Archived({"w": tensors["h"]}, {}, True), {"w": Solved(tensors["s"], [], pruned)}
    )


def test_an_archive_holds_what_was_solved_and_keeps_what_was_pruned():
    before, solved = [[0.0, -0.0, 2.0, 3.0]], [[0.0, 0.0, 2.5, 0.0]]
    verify(before, solved, solved, pruned=True)
    verify(before, [[1.0, 2, 3, 4]], [[1.0, 2, 3, 4]], pruned=False)  # zeros by chance need not stay
    with pytest.raises(BrokenPromise, match="2 weights of w that were pruned are not zero"):
        verify(before, [[1.0, 2, 3, 4]], [[1.0, 2, 3, 4]], pruned=True)
    for pruned in (True, False):
        with pytest.raises(BrokenPromise, match="w is not what was solved"):
            verify(before, solved, [[0.0, 0.0, 2.5, 1.0]], pruned)
