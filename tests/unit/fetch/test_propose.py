"""`knowcost propose`: the block it prints for an architecture of the table, had the table none, is the table's."""

import json

import pytest
from helpers import tiny
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from knowcost.__main__ import main
from knowcost.fetch import propose
from knowcost.spec import architectures
from knowcost.spec.scopes import matches

KINDS = list(architectures.architectures())


def described(folder, **config):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def forgotten(monkeypatch):
    """Takes an architecture out of the table; returns the block that it had."""
    table = dict(architectures.architectures())

    def forget(model_type):
        left = {name: block for name, block in table.items() if name != model_type}
        for module in (architectures, propose):
            monkeypatch.setattr(module, "architectures", lambda: left)
        return table[model_type]

    return forget


def matrices(folder):
    """Names in a checkpoint of its matrices, as safetensors reads them; of stacked experts one name each."""
    with safe_open(folder / "model.safetensors", "np") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    flat = [
        name.removesuffix(".weight") for name, shape in shapes.items() if len(shape) == 2 and name[-7:] == ".weight"
    ]
    stacked = [name.rpartition(".") for name, shape in shapes.items() if len(shape) == 3 and "experts" in name]
    return [*flat, *(f"{owner}.0.{leaf}" for owner, _, leaf in stacked)]


def says(block, name):
    """The keys of a block whose patterns match a name, and the scopes that they give under the canonical grouping."""
    found = {key for key in ("final", "embedding") if matches(getattr(block, key), name)}
    for key in ("other", "transposed"):
        found |= {key} if any(matches(pattern, name) for pattern in getattr(block, key)) else set()
    for pattern, tags in block.layers.items():
        if matches(pattern, name):
            found |= {"layers", *(tags if isinstance(tags, list) else tags["canonical"])}
    return found


def added(text, model_type):
    """The Architecture that a printed block is, put at the end of the table."""
    table = architectures.TABLE.read_text() + "\n" + text.replace(f"\n{model_type}:", "\nnew:")
    return architectures.read(table)["new"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_architecture_that_is_forgotten_is_proposed_as_it_was(tmp_path, forgotten, kind):
    # Not published_space, which no class or name shows, nor what T5 reads tie_word_embeddings for; the paper's own
    # grouping neither, but for BERT's and RoBERTa's it is the canonical one.
    model = tiny.model(kind)
    model.save_pretrained(tmp_path)
    expected = forgotten(model.config.model_type)
    block = added(propose.proposal(tmp_path).text(), model.config.model_type)

    names = matrices(tmp_path)
    assert {name: says(block, name) for name in names} == {name: says(expected, name) for name in names}
    assert all(says(block, name) for name in names)
    modules = [name for name, _ in model.named_modules()]
    for key in ("blocks", "stacked"):
        found, wanted = (
            [[n for n in modules + names if matches(p, n)] for p in getattr(each, key)] for each in (block, expected)
        )
        assert found == wanted, key
    for key in ("family", "padding_positions", "fresh_head", *["keeps_tie_key"] * (kind != "t5")):
        assert getattr(block, key) == getattr(expected, key), key
    assert _ends(block.final_bias, expected.final_bias)


def _ends(one, other):
    return (one is None) == (other is None) and (one or "").endswith(other or "")


# What people would write for architectures that the table lacks, by transformers' modeling files.
UNKNOWN = {
    "persimmon": """persimmon:
  family: decoder
  blocks: ["layers.#"]
  embedding: embed_tokens
  final: lm_head
  fresh_head: {key: initializer_range, default: 0.02}
  layers:
    "layers.#.self_attn.{query_key_value,dense}": [attention]
    "layers.#.mlp.{dense_h_to_4h,dense_4h_to_h}": [feed_forward]""",
    "olmo3": "olmo3:\n  like: llama",
    "megatron-bert": "megatron-bert:\n  like: ernie",
    "biogpt": """biogpt:
  family: decoder
  blocks: ["layers.#"]
  embedding: embed_tokens
  final: output_projection
  fresh_head: {key: initializer_range, default: 0.02}
  layers:
    "layers.#.self_attn.{k_proj,v_proj,q_proj,out_proj}": [attention]
    "layers.#.{fc1,fc2}": [feed_forward]
  other: ["embed_positions"]""",
    "longformer": """longformer:
  family: encoder
  blocks: ["encoder.layer.#"]
  embedding: embeddings.word_embeddings
  final: lm_head.decoder
  final_bias: lm_head.bias
  padding_positions: true
  layers:
    "layer.#.attention.self.{query,key,value,query_global,key_global,value_global}": [attention]
    "layer.#.attention.output.dense": [attention]
    "layer.#.{intermediate,output}.dense": [feed_forward]
    "lm_head.dense": []
  other: ["embeddings.{token_type_embeddings,position_embeddings}", "pooler.dense"]""",
}


@pytest.mark.parametrize("model_type", UNKNOWN)
def test_a_new_architecture_is_written_as_people_write_it(tmp_path, capsys, model_type):
    described(tmp_path, model_type=model_type, num_hidden_layers=2)
    assert main(["propose", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "".join(line for line in printed.splitlines(True) if line[0] != "#") == UNKNOWN[model_type] + "\n"
    assert str(architectures.TABLE) in printed.splitlines()[1]


def test_parts_of_a_block_that_are_neither_are_named(tmp_path):
    found = propose.proposal(described(tmp_path, model_type="jamba", num_hidden_layers=8, num_experts=4))
    assert "layers.#.mamba.{in_proj,x_proj,dt_proj,out_proj}" in found.block.other
    assert "# Neither attention nor feed-forward by class or name" in found.text()


def test_what_only_the_files_hold_is_claimed_too(tmp_path):
    tiny.fetched("qwen2", tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    save_file(state | {"value_head.weight": state["lm_head.weight"].clone()}, tmp_path / "model.safetensors")
    assert propose.proposal(tmp_path).block.other == ["value_head"]


def test_its_own_code_is_not_run_where_transformers_has_the_class(tmp_path):
    text = propose.proposal(described(tmp_path, model_type="olmo3", auto_map={"AutoConfig": "evil.Config"})).text()
    assert "# Its own code (auto_map) was not run" in text and "  like: llama" in text


REFUSED = {
    "no attention": ({"model_type": "mamba", "num_hidden_layers": 2}, ["no block can be proposed", "MambaForCausalLM"]),
    "lists of parts": (
        {"model_type": "xlm", "n_layers": 1, "emb_dim": 16, "n_heads": 2, "max_position_embeddings": 9},
        ["no block can be proposed", "no list of modules"],
    ),
    "convolutions": (
        {"model_type": "squeezebert", "num_hidden_layers": 1},
        ["is attention", "layers.#.attention.query"],
    ),
    "a head that is a step on the way": (
        {"model_type": "deberta-v2", "legacy": False, "num_hidden_layers": 1},
        ["no final layer of its own", "lm_predictions.lm_head.dense gives 1,536 numbers", "128,100 tokens"],
    ),
    "other files": ({"model_type": "nomic_bert", "num_hidden_layers": 1}, ["attn.Wqkv in the place of", "q_proj"]),
    "no head": ({"model_type": "clip_text_model"}, ["AutoModelForMaskedLM or AutoModelForCausalLM", "clip_text_model"]),
    "speech": ({"model_type": "whisper"}, ["AutoModelForSeq2SeqLM", "whisper"]),
    "images": ({"model_type": "gemma3"}, ["gemma3_text", "vision_config", "text part", "config/README.md"]),
    "remote code": ({"model_type": "internlm", "auto_map": {}}, ["'internlm'", "code of its own (auto_map)", "-hf"]),
    "no type": ({"hidden_size": 3}, ["model_type is None"]),
    "a type that is none": ({"model_type": ["llama"]}, ["model_type is ['llama']"]),
    "a key that is wrong": (
        {"model_type": "olmo3", "hidden_act": "x", "num_hidden_layers": 1},
        ["cannot build", "'x'"],
    ),
    "too deep": ({"model_type": "olmo3", "num_hidden_layers": 10**7}, ["num_hidden_layers", "1,000"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_where_nothing_can_be_proposed_it_is_said_what_is_missing(tmp_path, capsys, case):
    config, words = REFUSED[case]
    described(tmp_path, **config)
    assert main(["propose", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(f"knowcost: {tmp_path}/config.json: ")
    assert [word for word in words if word not in said.err] == []
