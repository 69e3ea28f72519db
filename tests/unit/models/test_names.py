"""Names of tensors resolved as transformers' own loading resolves them."""

import pytest
import torch
import transformers
from helpers import tiny
from safetensors.torch import load_file, save_file

from knowcost.models import blueprint
from knowcost.models.checkpoint import Checkpoint
from knowcost.models.experts import separate
from knowcost.models.names import resolve
from knowcost.models.torch_tensors import to_torch


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


def saved(folder, kind, change):
    """A checkpoint in `folder`: what save_pretrained writes of a random model, its tensors changed."""
    tiny.model(kind).save_pretrained(folder)
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})


def renamed(old, new):
    return lambda state: {name.replace(old, new): tensor for name, tensor in state.items()}


def as_openai_published_it(state):
    """Without the prefix, with the buffers of old versions."""
    state = {name.removeprefix("transformer."): tensor for name, tensor in state.items()}
    return state | {"h.1.attn.bias": torch.ones(1, 1, 64, 64), "h.1.attn.masked_bias": torch.tensor(-1e4)}


def as_eleuther_published_it(state):
    buffers = {
        "bias": torch.ones(1, 1, 64, 64),
        "masked_bias": torch.tensor(-1e4),
        "rotary_emb.inv_freq": torch.ones(1),
    }
    return state | {f"gpt_neox.layers.0.attention.{name}": tensor for name, tensor in buffers.items()}


def with_all_four_embeddings(state):
    shared = state["model.shared.weight"]
    names = ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight")
    return state | {name: shared.clone() for name in names}


def under_the_decoder_s_embedding(state):
    return renamed("model.shared.weight", "model.decoder.embed_tokens.weight")(state)


def without_final_bias(state):
    return {name: tensor for name, tensor in state.items() if name != "final_logits_bias"}


def without_an_expert(state):
    return {name: tensor for name, tensor in state.items() if ".experts.3." not in name}


FILES = [(kind, as_it_is) for kind in ("gpt2", "gpt_neox", "mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "gpt_oss")]
FILES += [(kind, as_it_is) for kind in ("bart", "mbart", "pegasus", "m2m_100")]
FILES += [("gpt2", as_openai_published_it), ("gpt_neox", as_eleuther_published_it)]
FILES += [("gpt_neox", renamed("embed_out", "lm_head")), ("mixtral", renamed("block_sparse_moe", "mlp"))]
FILES += [(kind, with_all_four_embeddings) for kind in ("bart", "mbart", "pegasus", "m2m_100")]
FILES += [("bart", under_the_decoder_s_embedding), ("pegasus", without_final_bias)]


@pytest.mark.parametrize(("kind", "change"), FILES, ids=lambda value: getattr(value, "__name__", value))
def test_files_are_read_as_transformers_reads_them(tmp_path, kind, change):
    """Experts apart and Conv1D turned: every parameter of the model without weights gets what from_pretrained loads."""
    saved(tmp_path, kind, change)
    tensors = Checkpoint(tmp_path).tensors
    model = blueprint.empty(blueprint.configuration(tmp_path))
    names = resolve(model, tensors)
    loaded, info = blueprint.model_class(model.config).from_pretrained(tmp_path, output_loading_info=True)
    assert (names.missing, info["missing_keys"]) == ([], set())
    assert set(info["unexpected_keys"]) <= set(names.ignored.values())
    values = separate(loaded).state_dict()
    assert values.keys() - names.tensors.keys() <= {"final_logits_bias"}  # which starts as zeros
    for parameter, tensor in names.tensors.items():
        assert torch.equal(values[parameter], to_torch(tensors[tensor])), parameter


def test_an_expert_that_a_file_lacks_is_missing(tmp_path):
    saved(tmp_path, "mixtral", without_an_expert)
    names = resolve(blueprint.empty(blueprint.configuration(tmp_path)), Checkpoint(tmp_path).tensors)
    assert sorted(names.missing) == [
        f"model.layers.{layer}.mlp.experts.3.{name}.weight" for layer in (0, 1) for name in ("w1", "w2", "w3")
    ]
