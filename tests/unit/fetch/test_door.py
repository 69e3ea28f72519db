"""What people bring: let in where transformers reads it rightly, else refused by file, key or tensor."""

import json

import pytest
import torch
from helpers import tiny
from helpers.fetching import refused, row
from safetensors.torch import load_file, save_file

from knowcost.models.load import load
from knowcost.spec.architectures import family_of

LAYER = "model.layers.0.self_attn.q_proj.weight"


def brought(kind, tmp_path, tensors=None, **keys):
    """The row of a tiny model in a folder of its own; its tensors changed by a function, its config.json by keys."""
    origin = tmp_path / "origin"
    tiny.fetched(kind, origin)
    (origin / "source.json").unlink()
    state = load_file(origin / "model.safetensors")
    save_file((tensors or dict)(state), origin / "model.safetensors", {"format": "pt"})
    configure(origin, **keys)
    return row(origin, family=family_of(kind.removesuffix("-tied")))


def configure(folder, **keys):
    config = json.loads((folder / "config.json").read_text()) | keys
    kept = {key: value for key, value in config.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(kept))


def without(*names):
    return lambda state: {name: t for name, t in state.items() if not name.startswith(names)}


def renamed(old, new):
    return lambda state: {new if name == old else name: t for name, t in state.items()}


def retyped(dtype, *names):
    return lambda state: {name: t.to(dtype) if name in names or not names else t for name, t in state.items()}


def longer(*names):
    """Matrices of one row more."""
    return lambda state: {name: torch.cat([t, t[:1]]) if name in names else t for name, t in state.items()}


def plus(**tensors):
    return lambda state: state | {name.replace("__", "."): t for name, t in tensors.items()}


def two_embeddings(state):
    state = renamed("shared.weight", "encoder.embed_tokens.weight")(state)
    return state | {"decoder.embed_tokens.weight": torch.ones(120, 16)}


def bitsandbytes(state):
    """As save_pretrained stores a model that was loaded in 8 bit: integers, and a scale for each row."""
    return state | {LAYER: state[LAYER].mul(99).char(), LAYER.replace("weight", "SCB"): torch.ones(16)}


def compressed_tensors(state):
    return state | {LAYER: state[LAYER].mul(99).char(), f"{LAYER}_scale": torch.ones(1)}


QUANTIZED = {"quant_method": "bitsandbytes", "load_in_8bit": True}
CASES = {
    "bitsandbytes": ("llama", bitsandbytes, {"quantization_config": QUANTIZED}, ["config.json", "quantization_config"]),
    "bitsandbytes without its note": ("llama", bitsandbytes, {}, [LAYER, "I8", "quantized already"]),
    "compressed-tensors": ("llama", compressed_tensors, {"quantization_config": {"quant_method": "compressed-tensors"}},
                           ["config.json", "quantization_config"]),
    "compressed-tensors without its note": ("llama", compressed_tensors, {}, [LAYER, "I8", "quantized already"]),
    "a scale beside a weight": ("llama", lambda state: state | {f"{LAYER}_scale": torch.ones(1)}, {},
                                ["no place", f"{LAYER}_scale"]),
    "integers": ("llama", retyped(torch.int8, LAYER), {}, [LAYER, "I8", "quantized already"]),
    "float64": ("llama", retyped(torch.float64), {}, ["F64", "float32"]),
    "float8": ("llama", retyped(torch.float8_e4m3fn, LAYER), {}, [LAYER, "F8_E4M3"]),
    "no head": ("bert", without("cls."), {}, ["no head", "encoder", "cls.predictions"]),
    "no decoder head": ("llama", without("lm_head"), {}, ["no head", "decoder", "lm_head.weight"]),
    "a missing layer": ("llama", without("model.layers.1."), {}, ["model.layers.1.self_attn.q_proj.weight", "5 more"]),
    "one row too many": ("llama", longer("model.embed_tokens.weight", "lm_head.weight"), {},
                         ["lm_head.weight", "[121, 16]", "[120, 16]"]),
    "a layer too many": ("llama", dict, {"num_hidden_layers": 1}, ["no place for tensor model.layers.1."]),
    "a bias that config lacks": ("llama", plus(model__layers__0__self_attn__q_proj__bias=torch.ones(16)), {},
                                 ["no place", "q_proj.bias"]),
    "a norm's bias": ("llama", plus(model__norm__bias=torch.ones(16)), {}, ["no place", "model.norm.bias"]),
    "two of one": ("bert", plus(bert__embeddings__LayerNorm__gamma=torch.ones(16)), {},
                   ["LayerNorm.gamma", "LayerNorm.weight", "both"]),
    "two embeddings": ("t5", plus(decoder__embed_tokens__weight=torch.ones(120, 16)), {},
                       ["decoder.embed_tokens.weight", "shared.weight", "differ"]),
    "two embeddings and no shared one": ("t5", two_embeddings, {}, ["decoder.embed", "encoder.embed", "differ"]),
    "a float where a whole number is expected": ("llama", dict, {"max_position_embeddings": 2048.0},
                                                 ["config.json", "max_position_embeddings", "2048.0", "expected int"]),
    "an unknown activation": ("llama", dict, {"hidden_act": "SiLU"}, ["config.json", "hidden_act", "'SiLU'", "'silu'"]),
    "heads that do not divide": ("llama", dict, {"num_attention_heads": 3}, ["config.json", "(16)", "heads (3)"]),
    "a negative vocabulary": ("bert", dict, {"vocab_size": -3}, ["config.json", "vocab_size", "-3"]),
    "layers of no width": ("llama", dict, {"intermediate_size": 0},
                           ["config.json", "layers.0.mlp.gate_proj.weight", "[0, 16]", "correct the key"]),
    "a null size": ("llama", dict, {"intermediate_size": None}, ["config.json", "intermediate_size", "None"]),
    "padding beyond the vocabulary": ("llama", dict, {"pad_token_id": 120}, ["config.json", "pad_token_id", "120"]),
    "a million layers": ("llama", dict, {"num_hidden_layers": 10**6}, ["num_hidden_layers", "1,000,000", "1,000"]),
    "a start beyond the vocabulary": ("t5", dict, {"decoder_start_token_id": 121},
                                      ["config.json", "token 121", "decoder_start_token_id", "120"]),
    "two starts": ("t5", dict, {"decoder_start_token_id": [1]}, ["config.json", "token [1]", "decoder_start_token_id"]),
    "a billion groups": ("albert", dict, {"num_hidden_groups": 10**9}, ["config.json", "num_hidden_groups", "1,000"]),
    "an unknown architecture": ("llama", dict, {"model_type": "persimmon"},
                                ["'persimmon' is not known", "`knowcost propose ", "architectures.yaml"]),
    "text and images": ("llama", dict, {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"},
                                        "vision_config": {"hidden_size": 16}},
                        ["config.json", "gemma3_text", "vision_config", "The text part of a larger model"]),
    "experts in four bits": ("gpt_oss", dict, {"quantization_config": {"quant_method": "mxfp4"}},
                             ["config.json", "quantization_config", "mxfp4", "bfloat16", "config/README.md, gpt-oss"]),
    "code of its own": ("llama", dict, {"auto_map": {"AutoModelForCausalLM": "modeling_x.X"}},
                        ["config.json", "auto_map", "`remote_code`"]),
    "no blocks": ("llama", without("model.layers."), {"num_hidden_layers": 0},
                  ["config.json", "LlamaForCausalLM without layers.#", "`blocks` of 'llama'", "`knowcost propose "]),
    "a head over labels": ("bert", without("cls."), {"architectures": ["BertForSequenceClassification"]},
                           ["no head", "cls.predictions", "saved as BertForSequenceClassification"]),
    "no head at all": ("llama", without("lm_head"), {"architectures": ["LlamaModel"]},
                       ["no head", "lm_head.weight", "saved as LlamaModel"]),
    "an encoder alone": ("t5", without("decoder", "lm_head"), {"architectures": ["T5EncoderModel"]},
                         ["decoder.block.0", "saved as T5EncoderModel"]),
    "no number": ("llama", dict, {"rms_norm_eps": float("nan")}, ["config.json", "rms_norm_eps is nan"]),
    "labels that are none": ("bert", dict, {"id2label": 3}, ["config.json", "id2label", "3"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refused_by_name(tmp_path, get, case):
    kind, tensors, keys, words = CASES[case]
    file = "config.json" if keys else "model.safetensors" if "head" not in case and "missing" not in case else "model"
    refused(get, brought(kind, tmp_path, tensors, **keys), str(tmp_path / "origin"), file, *words)


def logits(folder):
    return tiny.logits(load(folder)[0])


def plain(folder, kind):
    """The logits that transformers computes."""
    auto = tiny.AUTO[family_of(kind.removesuffix("-tied"))]
    return tiny.logits(auto.from_pretrained(folder, dtype=torch.float32).eval())


WELCOME = {
    "other heads and poolers": ("bert", plus(bert__pooler__dense__weight=torch.ones(16, 16),
                                             cls__seq_relationship__weight=torch.ones(2, 16),
                                             classifier__bias=torch.ones(2))),
    "another classifier": ("llama", plus(score__weight=torch.ones(2, 16))),
    "buffers of old versions": ("llama", plus(model__layers__0__self_attn__rotary_emb__inv_freq=torch.ones(4))),
    "a bias table that T5 ignores": ("t5", plus(
        decoder__block__0__layer__1__EncDecAttention__relative_attention_bias__weight=torch.ones(32, 2))),
    "half precision": ("llama", retyped(torch.float16)),
    "one matrix in bfloat16": ("llama", retyped(torch.bfloat16, LAYER)),
    "an embedding under a tied name": ("t5-tied", renamed("shared.weight", "decoder.embed_tokens.weight")),
    "an embedding under its head's name": ("llama-tied", renamed("model.embed_tokens.weight", "lm_head.weight")),
}  # fmt: skip


@pytest.mark.parametrize("case", WELCOME)
def test_let_in_and_computed_as_transformers_computes_it(tmp_path, get, case):
    kind, tensors = WELCOME[case]
    about = brought(kind, tmp_path, tensors)
    source = get(about)
    assert torch.equal(logits(get.folder), plain(tmp_path / "origin", kind))
    named = [parameter for parameters in source["names"].values() for parameter in parameters]
    assert sorted(named) == sorted(tiny.model(kind).state_dict())


def test_a_stale_index_beside_whole_weights_is_not_read(tmp_path, get):
    about = brought("llama", tmp_path)
    index = {"weight_map": {"model.norm.weight": "model-00001-of-00009.safetensors"}}
    (tmp_path / "origin/model.safetensors.index.json").write_text(json.dumps(index))
    assert get(about)["parameters"] == sum(p.numel() for p in tiny.model("llama").parameters())


def in_two_shards(origin, stem, common=0):
    """Store the weights in two shards; returns the names of the tensors, of which `common` are in both."""
    state = load_file(origin / "model.safetensors")
    (origin / "model.safetensors").unlink()
    names = sorted(state)
    parts = {f"{stem}-00001-of-00002.safetensors": names[:9], f"{stem}-00002-of-00002.safetensors": names[9 - common :]}
    for shard, held in parts.items():
        save_file({name: state[name] for name in held}, origin / shard, {"format": "pt"})
    weight_map = {name: shard for shard, held in parts.items() for name in held}
    (origin / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return names


@pytest.mark.parametrize("where", ["/abs/x.safetensors", "../x.safetensors", "inside/x.safetensors", "x.bin", 3])
def test_an_index_leads_nowhere_but_to_files_beside_it(tmp_path, get, where):
    about = brought("llama", tmp_path)
    (name, *_) = in_two_shards(tmp_path / "origin", "model")
    path = tmp_path / "origin/model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"][name] = where
    path.write_text(json.dumps(index))
    refused(get, about, "model.safetensors.index.json", name, "the name of a .safetensors file beside it")


def test_a_tensor_in_two_shards_is_refused(tmp_path, get):
    about = brought("llama", tmp_path)
    names = in_two_shards(tmp_path / "origin", "model", common=1)
    refused(get, about, "model-00002-of-00002.safetensors", names[8], "another shard")


def test_shards_may_have_another_name(tmp_path, get):
    about = brought("llama", tmp_path)
    in_two_shards(tmp_path / "origin", "pytorch_model")
    get(about)
    assert torch.equal(logits(get.folder), plain(tmp_path / "origin", "llama"))


def test_a_pointer_of_git_lfs_is_named(tmp_path, get):
    about = brought("llama", tmp_path)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"
    (tmp_path / "origin/flax_model.msgpack").write_text(pointer)  # nothing that is read
    get(about)
    (get.folder / "source.json").unlink()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "x.model", "model.safetensors"):
        path = tmp_path / "origin" / name
        kept = path.read_bytes() if path.exists() else None
        path.write_text(pointer)
        refused(get, about, str(path), "Git LFS", "git lfs pull")
        path.unlink() if kept is None else path.write_bytes(kept)


def test_a_generation_config_that_transformers_does_not_take_is_named(tmp_path, get):
    about = brought("opt", tmp_path)
    path = tmp_path / "origin/generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token_id": "16"}))
    refused(get, about, "generation_config.json", "remove the file")


NEUTRAL = {"return_dict": False, "output_hidden_states": True, "output_attentions": True, "use_cache": None,
           "torchscript": True, "torch_dtype": "float16", "dtype": "float99", "attn_implementation": "nope",
           "_attn_implementation": "flash_attention_2", "gradient_checkpointing": "yes",
           "num_labels": 10**9}  # fmt: skip


@pytest.mark.parametrize("kind", ["bert", "t5", "llama", "opt"])
def test_what_a_forward_pass_returns_or_keeps_is_no_matter_of_the_file(tmp_path, get, kind):
    about = brought(kind, tmp_path)
    get(about)
    expected = logits(get.folder)
    for key, value in NEUTRAL.items():
        (get.folder / "source.json").unlink()
        configure(tmp_path / "origin", **(dict.fromkeys(NEUTRAL, ...) | {key: value}))
        get(about)
        assert torch.equal(logits(get.folder), expected), key
