"""Versions that were compressed elsewhere, at the door."""

import importlib.util
import json
import os
import shutil

import pytest
import transformers
from helpers import elsewhere, tiny
from helpers.fetching import refused

from knowcost.common.errors import InputError
from knowcost.fetch import brought, rows
from knowcost.models import tokenizers
from knowcost.plan import sizes


def row(source, **columns):
    return {"name": "tiny", "family": "decoder", "source": str(source), "parent": "one", **columns}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a dense Llama (dense/), and as GGUF with its tokenizer inside (a.gguf) and beside (beside/)."""
    folder = tmp_path_factory.mktemp("made")
    model = elsewhere.llama(folder / "dense", vocab_size=300, eos_token_id=0)
    for path in (folder / "dense").glob("tokenizer*"):
        path.unlink()
    inside = elsewhere.bpe(folder / "dense")
    elsewhere.write_gguf(model, folder / "a.gguf", "Q8_0", inside)
    elsewhere.write_gguf(model, folder / "beside/a.gguf", "Q8_0")
    for path in (folder / "dense").glob("tokenizer*"):
        shutil.copy(path, folder / "beside")
    return folder


def quantized(folder, made, **said):
    """A checkpoint whose config.json says that it is quantized."""
    shutil.copytree(made / "dense", folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": said}))
    return folder


def test_a_gguf_alone_is_linked_and_described(made, get):
    source = get(row(made / "a.gguf"))
    assert list(source["files"]) == ["a.gguf"] and os.readlink(get.folder / "a.gguf") == str(made / "a.gguf")
    dense = transformers.AutoModelForCausalLM.from_pretrained(made / "dense")
    matrices = sum(p.numel() for p in dense.parameters() if p.dim() == 2)
    vectors = sum(p.numel() for p in dense.parameters() if p.dim() == 1)
    assert (
        source["weight_bytes"] == matrices * 34 // 32 + 4 * vectors
    )  # Q8_0: 32 bytes and a scale of two for 32 weights
    about = {"format": "GGUF Q8_0", "parent": "one", "packed": False, "parameters": matrices + vectors}
    assert {name: source[name] for name in about} == about
    tokenizer = tokenizers.read_tokenizer(get.folder)
    theirs = transformers.AutoTokenizer.from_pretrained(made / "dense")
    text = "the capital, Größe 東京"
    assert tokenizer(text)["input_ids"] == theirs(text)["input_ids"]


def test_a_folder_s_own_tokenizer_goes_before_the_one_in_its_gguf(made, get):
    source = get(row(made / "beside"))
    assert set(source["files"]) == {"a.gguf", "tokenizer.json", "tokenizer_config.json"}
    assert len(tokenizers.read_tokenizer(get.folder)) == 292


def test_memory_is_asked_for_by_what_was_fetched(made, get, monkeypatch, tmp_path):
    source = get(row(made / "a.gguf"))
    monkeypatch.setattr(sizes.paths, "model_source", lambda name: str(get.folder / "source.json"))
    size = sizes.size(row(made / "a.gguf"))
    assert size == sizes.Size(source["parameters"], (made / "a.gguf").stat().st_size / 1e9, packed=False)


def test_the_door_for_dense_models_names_the_column(made, get, tmp_path):
    packed = quantized(tmp_path / "q", made, quant_method="gptq", bits=4)
    refused(get, row(packed, parent=""), "quantized already", "column `parent`")
    (tmp_path / "g").mkdir()
    shutil.copy(made / "a.gguf", tmp_path / "g")
    refused(get, row(tmp_path / "g", parent=""), "but only: a.gguf", "column `parent`")


def test_what_cannot_be_loaded_is_refused_before_it_is_fetched(made, get, tmp_path, monkeypatch):
    for method in ("gptq", "hqq"):
        refused(
            get, row(quantized(tmp_path / method, made, quant_method=method, bits=4)), str(tmp_path / method), method
        )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refused(get, row(made / "a.gguf"), "pip install 'knowcost[gguf]'")


def test_another_family_s_version_is_refused(made, get):
    for source in ("a.gguf", "dense"):
        refused(get, row(made / source, family="encoder"), "'encoder'", "'llama'", "of family 'decoder'")


def test_pickles_are_refused_whatever_the_row_allows(made, get, tmp_path):
    shutil.copytree(made / "dense", tmp_path / "p", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "p/pytorch_model.bin").write_bytes(b"x")
    refused(get, row(tmp_path / "p", allow="pickle"), "not read from pickles", "pytorch_model.bin")


def test_a_gguf_that_is_not_there_is_named(made, get):
    refused(get, row(made / "b.gguf"), f"there is no file {made}/b.gguf", "source column")
    refused(get, row(made / "nowhere/b.gguf"), f"there is no folder {made}/nowhere")


def test_one_of_several_ggufs_must_be_named(made, get, tmp_path):
    for name in ("b.Q4_K_M.gguf", "a.Q8_0.gguf"):
        shutil.copy(made / "a.gguf", tmp_path / name)
    refused(get, row(tmp_path), "has several GGUFs (a.Q8_0.gguf, b.Q4_K_M.gguf)", f"{tmp_path}/a.Q8_0.gguf")
    assert list(get(row(tmp_path / "b.Q4_K_M.gguf"))["files"]) == ["b.Q4_K_M.gguf"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda data: b"GGML" + data[4:], ["begins with b'GGML'"]),
        (lambda data: b"", ["begins with b''"]),
        (lambda data: data[: len(data) // 2], ["a.gguf", "fetch it again"]),
        (lambda data: data[:100], ["a.gguf", "fetch it again"]),
        (lambda data: data.replace(b"llama", b"drama"), ["does not read this GGUF", "drama"]),
    ],
    ids=["magic", "empty", "half", "header", "architecture"],
)
def test_a_gguf_that_is_not_whole_is_named(made, get, tmp_path, spoil, words):
    (tmp_path / "a.gguf").write_bytes(spoil((made / "a.gguf").read_bytes()))
    refused(get, row(tmp_path / "a.gguf"), str(tmp_path / "tiny" / "a.gguf") if words[0] == "a.gguf" else "", *words)


def test_a_gguf_without_a_tokenizer_wants_one_beside_it(made, get):
    refused(get, row(made / "beside/a.gguf"), "holds no tokenizer", "name the folder in the source column")


def test_a_shard_that_is_missing_is_named(made, get, tmp_path):
    folder = tmp_path / "sharded"
    transformers.AutoModelForCausalLM.from_pretrained(made / "dense").save_pretrained(folder, max_shard_size="100KB")
    tiny.save_tokenizer(folder)
    gone = sorted(folder.glob("*.safetensors"))[1]
    gone.unlink()
    refused(get, row(folder), gone.name, "missing, though the index lists it")


def test_a_gguf_on_the_hub_is_named_behind_its_repository(made, get, server):
    server.add("org/tiny", {"a.gguf": (made / "a.gguf").read_bytes(), "b.gguf": b"another", "config.json": b"{}"})
    source = get(row("org/tiny/a.gguf"))
    assert list(source["files"]) == ["a.gguf"] and source["source"] == "org/tiny/a.gguf"
    assert (get.folder / "a.gguf").read_bytes() == (made / "a.gguf").read_bytes()


def test_where_a_source_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.gguf").mkdir()
    assert rows.place("org/name/a.gguf") == ("org/name", "a.gguf")
    assert rows.place("/a.gguf") == ("/", "a.gguf")
    assert rows.place("folder.gguf") == ("folder.gguf", None)
    assert rows.is_local("./a.gguf") and not rows.is_local("org/name/a.gguf")


def test_planning_looks_without_torch_at_what_is_here(made, tmp_path):
    brought.glance(row(made / "a.gguf"), made)
    brought.glance(row(made / "beside"), made / "beside")
    with pytest.raises(InputError, match="GPTQ takes the package"):
        folder = quantized(tmp_path / "q", made, quant_method="gptq")
        brought.glance(row(folder), folder)


def test_a_dense_model_that_was_fetched_before_there_were_parents_is_not_fetched_again():
    dense = {"name": "a", "family": "decoder", "source": "./a"}
    assert rows.columns(dense) == rows.columns(dense | {"parent": ""})
    assert rows.columns(dense).keys() == {"name", "family", "source", "revision", "allow"}
    assert rows.columns(dense | {"parent": "b"})["parent"] == "b"


def test_a_key_that_transformers_does_not_take_is_named(made, get, tmp_path):
    shutil.copytree(made / "dense", tmp_path / "wrong")
    path = tmp_path / "wrong/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hidden_act": "x"}))
    refused(get, row(path.parent), f"{get.folder}/config.json: hidden_act is 'x'", "does not take", "correct it")
