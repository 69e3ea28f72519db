"""Names of tensors resolved as transformers' own loading resolves them."""

import pytest
import torch
import transformers
from helpers import tiny

from knowcost.models import blueprint
from knowcost.models.names import resolve


def changed(kind, change):
    """(model without weights, the state dict of a random one as a file would hold it, changed)."""
    made = tiny.model(kind)
    tied = made.all_tied_weights_keys
    state = {name: tensor for name, tensor in made.state_dict().items() if name not in tied or kind == "t5"}
    return blueprint.empty(made.config), change(state)


def as_it_is(state):
    return state


def without_prefix(state):
    return {name.split(".", 1)[1] if name.split(".")[0] in ("bert", "model") else name: t for name, t in state.items()}


def with_old_names(state):
    return {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): t
            for name, t in state.items()}  # fmt: skip


def under(name):
    """The embedding stored under another of its tied names."""
    return lambda state: {name if key in ("shared.weight", "model.embed_tokens.weight") else key: t
                          for key, t in state.items() if key not in (name, "encoder.embed_tokens.weight")
                          or key == "shared.weight"}  # fmt: skip


def with_others(state):
    return state | {"classifier.weight": torch.ones(2, 2), "bert.embeddings.position_ids": torch.arange(3)}


def lacking(state):
    return {name: t for name, t in state.items() if "layer.1" not in name and "layers.1" not in name}


CASES = [(kind, as_it_is) for kind in tiny.MODELS]
CASES += [("bert", without_prefix), ("llama", without_prefix), ("bert", with_old_names), ("albert", with_old_names)]
CASES += [("t5-tied", under("decoder.embed_tokens.weight")), ("llama-tied", under("lm_head.weight"))]
CASES += [("bert", with_others), ("bert", lacking), ("llama-tied", lacking), ("opt", lacking)]


@pytest.mark.parametrize(("kind", "change"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_a_checkpoint_is_read_as_transformers_reads_it(kind, change):
    """Missing and ignored are what from_pretrained reports; each parameter's tensor is the one whose values it gets."""
    model, state = changed(kind, change)
    names = resolve(model, state)
    transformers.utils.logging.set_verbosity_error()
    loaded, info = type(model).from_pretrained(None, config=model.config, state_dict=state, output_loading_info=True)
    assert set(names.missing) == set(info["missing_keys"])
    assert set(info["unexpected_keys"]) <= set(names.ignored.values())  # it keeps silent about old buffers
    assert {name for name in names.ignored if "position_ids" not in name} <= {*info["unexpected_keys"]}
    values = dict(loaded.named_parameters(remove_duplicate=False))
    assert names.tensors.keys() | set(names.missing) == values.keys()
    for parameter, tensor in names.tensors.items():
        assert torch.equal(values[parameter], state[tensor]), parameter


def test_two_tensors_of_one_parameter_are_both_named():
    model, state = changed("bert", as_it_is)
    name = "bert.embeddings.LayerNorm.weight"
    names = resolve(model, [*state, name.replace("weight", "gamma")])
    assert sorted(names.sources[name]) == [name.replace("weight", "gamma"), name]
