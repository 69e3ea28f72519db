"""Fetched models as compression sees them; whether a head is tied is asked of transformers."""

import pytest
import safetensors.torch
import torch
import transformers
from helpers import tiny

from knowcost.common import files, paths
from knowcost.common.errors import InputError
from knowcost.models.base import Base


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("spoil", [flip, lambda path: path.unlink()], ids=["flipped", "missing"])
def test_a_listed_file_that_is_not_what_was_fetched_is_named(tmp_path, name, spoil):
    tiny.fetched("llama", tmp_path)
    Base(tmp_path)
    spoil(tmp_path / name)
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        Base(tmp_path)


def both(folder, kind, equal, declared):
    """Whether transformers ties the head of a checkpoint that holds both matrices.

    equal: whether they are; declared: tie_word_embeddings of its config.json, None for none.
    """
    made = tiny.model(kind)
    made.save_pretrained(folder)
    state = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    embedding = next(name for name in state if name.endswith("embed_tokens.weight"))
    state["lm_head.weight"] = state[embedding].clone() if equal else torch.randn_like(state[embedding])
    safetensors.torch.save_file(state, folder / "model.safetensors", {"format": "pt"})
    config = files.read_json(folder / "config.json")
    config.pop("tie_word_embeddings", None)
    files.write_json(folder / "config.json", config | ({} if declared is None else {"tie_word_embeddings": declared}))
    tiny.save_tokenizer(folder)
    tiny.write_source(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    return model.get_output_embeddings().weight is model.get_input_embeddings().weight


@pytest.mark.parametrize("kind", ["llama", "opt"])
@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("declared", [True, False])
def test_a_head_is_tied_where_transformers_ties_it(tmp_path, kind, equal, declared):
    theirs = both(tmp_path, kind, equal, declared)
    base = Base(tmp_path)
    assert base.tied is theirs is (equal and declared)
    assert base.copies == set()  # the file holds both


def test_a_head_that_the_file_does_not_hold_is_tied(tmp_path):
    model = tiny.fetched("llama-tied", tmp_path)
    base = Base(tmp_path)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert base.tied and base.copies == {"lm_head.weight"}
    assert base.parameters == sum(p.numel() for p in model.parameters())  # torch counts a tied one once
    assert any("lm_head.weight" in names for names in base.shards.values())


def test_an_embedding_that_the_file_holds_as_the_head_takes_its_own_name(tmp_path):
    tiny.fetched("llama-tied", tmp_path)
    state = safetensors.torch.load_file(tmp_path / "model.safetensors")
    state["lm_head.weight"] = state.pop("model.embed_tokens.weight")
    safetensors.torch.save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    tiny.write_source(tmp_path)
    base = Base(tmp_path)
    assert base.embedding.name == "model.embed_tokens.weight" and base.tied
    assert base.copies == {"lm_head.weight"}
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        assert base.tensors[name].whole().tobytes() == state["lm_head.weight"].numpy().tobytes()
        assert base.tensors[name].name == base.fills[name] == name
    assert sorted(name for names in base.shards.values() for name in names) == sorted(base.tensors)


def test_a_source_json_that_does_not_say_what_the_tensors_are_is_refused(tmp_path):
    tiny.fetched("llama", tmp_path)
    source = files.read_json(tmp_path / paths.SOURCE)
    for names in (None, [], {**source["names"], "more": []}, dict(list(source["names"].items())[1:])):
        files.write_json(tmp_path / paths.SOURCE, source | {"names": names})
        with pytest.raises(InputError, match=r"source\.json"):
            Base(tmp_path)
