"""Models whose linear layers were taken apart: the same answers, by layers that can be met one by one."""

import copy

import pytest
import torch
import transformers
from helpers import tiny

from knowcost.common.errors import InputError
from knowcost.models import blueprint
from knowcost.models.experts import separate

KINDS = ["mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "gpt_oss", "gpt2"]
# Sums over an expert's inputs are taken in another order than by transformers' grouped kernel: a few units in the last
# place of float32, of logits of about ten.
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_answers_the_same_with_its_layers_apart(kind):
    whole = tiny.model(kind)
    expected = tiny.logits(whole)
    apart = separate(copy.deepcopy(whole))
    assert expected.std() > 0.5
    torch.testing.assert_close(tiny.logits(apart), expected, **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_every_matrix_but_embeddings_and_routers_is_a_linear_layer(kind):
    apart = separate(tiny.model(kind))
    linear = {f"{name}.weight" for name in tiny.linears(apart)}
    others = {name for name, each in apart.named_parameters() if each.dim() > 1} - linear
    kinds = ("embed_tokens.weight", "wte.weight", "wpe.weight", "mlp.gate.weight", "mlp.router.weight")
    assert all(name.endswith(kinds) for name in others)


@pytest.mark.parametrize(
    ("kind", "names"),
    [("mixtral", ("w1", "w3", "w2")), ("qwen3_moe", ("gate_proj", "up_proj", "down_proj")),
     ("gpt_oss", ("gate_up_proj", "down_proj"))],
)  # fmt: skip
def test_layers_have_their_names_in_files_and_their_experts_values(kind, names):
    """The values: slices of transformers' parameters, by its documentation of them."""
    whole = tiny.model(kind)
    fused = whole.model.layers[1].mlp.experts
    into, down = fused.gate_up_proj.detach().clone(), fused.down_proj.detach().clone()
    expert = separate(whole).get_submodule("model.layers.1.mlp.experts.3")
    found = {name: module.weight for name, module in expert.named_children()}
    assert tuple(found) == names
    if kind == "gpt_oss":
        assert torch.equal(found["gate_up_proj"], into[3].T) and torch.equal(found["down_proj"], down[3].T)
    else:
        first, second, last = names
        assert torch.equal(found[first], into[3, : len(into[3]) // 2])
        assert torch.equal(found[second], into[3, len(into[3]) // 2 :])
        assert torch.equal(found[last], down[3])


def test_an_expert_sees_its_own_tokens_only():
    apart = separate(tiny.model("mixtral"))
    seen, given = [], []
    moe = apart.model.layers[0].mlp
    moe.experts.register_forward_pre_hook(lambda _, args: given.append(args))
    moe.experts[2].w1.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    tiny.logits(apart)
    [(states, chosen, _)] = given
    [tokens] = seen
    assert torch.equal(tokens, states[(chosen == 2).any(dim=1)]) and len(tokens) < len(states)


def test_the_model_without_weights_has_its_layers_apart_too():
    config = tiny.model("gpt_oss").config
    made = blueprint.empty(config)
    layer = made.get_submodule("model.layers.0.mlp.experts.0.down_proj")
    assert isinstance(layer, torch.nn.Linear) and layer.weight.shape == (16, 24) and layer.weight.is_meta
    assert layer.bias.shape == (16,)


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_it_can_be_tried_without_values(kind):
    """As the door tries whether the shapes that config.json gives go together."""
    made = blueprint.empty(tiny.model(kind).config)
    assert made(input_ids=torch.zeros(1, 3, dtype=torch.long, device="meta")).logits.shape == (1, 3, 120)


def test_experts_of_an_unknown_build_are_refused():
    whole = tiny.model("olmoe")
    whole.model.layers[0].mlp.experts.has_gate = False
    with pytest.raises(InputError, match=r"model\.layers\.0\.mlp\.experts: OlmoeExperts are experts without a gate"):
        separate(whole)


def test_a_model_of_linear_layers_stays_as_it_is():
    whole = tiny.model("llama")
    modules = list(whole.modules())
    assert list(separate(whole).modules()) == modules and isinstance(whole, transformers.LlamaForCausalLM)
