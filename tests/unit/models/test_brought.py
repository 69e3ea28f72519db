"""Versions that were compressed elsewhere, loaded: weights against gguf's own numbers, logits against our loader."""

import importlib.util
import types
from pathlib import Path

import pytest
import torch
import transformers
from helpers import elsewhere, tiny

from knowcost.common.errors import InputError
from knowcost.compress.archive import make as archive
from knowcost.compress.archive import rebuild
from knowcost.fetch.model import fetch_model
from knowcost.models import brought, gguf_files, load, load_brought


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fetched(source, name="version"):
    folder = Path(f"resources/models/{name}")
    row = {"name": name, "family": "decoder", "source": f"./{source}", "parent": "one"}
    fetch_model(row, folder, lock_path="lock.json")
    return folder


@pytest.mark.parametrize("kind", ["F16", "Q8_0", "Q4_0"])
def test_a_gguf_is_loaded_with_the_weights_that_it_stands_for(here, kind):
    model = elsewhere.llama()
    held = elsewhere.write_gguf(model, here / "file" / "a.gguf", kind)
    tiny.save_tokenizer(here / "file")
    folder = fetched("file")
    loaded, tokenizer = load.load(folder, "float32", "cpu")
    state = loaded.state_dict()
    assert state.keys() == held.keys()
    assert not [name for name, array in held.items() if not torch.equal(state[name], torch.from_numpy(array))]
    model.load_state_dict({name: torch.from_numpy(array) for name, array in held.items()})
    assert torch.equal(tiny.logits(loaded), tiny.logits(model))
    assert tokenizer.eos_token_id == 5 and brought.words(folder) == f"GGUF {kind}"


@pytest.mark.parametrize("slug", ["rtn-4bit@overall", "rtn-3bit-g32@overall"])
def test_a_packed_archive_of_ours_that_comes_back_answers_as_it_did(here, slug):
    elsewhere.llama(here / "one")
    tiny.write_source(here / "one")
    archive.make_archive("one", slug, archive.Inputs(here / "one"), here / slug)
    rebuild.export(here / slug, here / "one", here / "exported", ("one", slug))
    for name in ("manifest.json", "manifest.json.sha256"):
        (here / "exported" / name).unlink()
    ours, theirs = (load.load(folder, "float32", "cpu")[0] for folder in (here / slug, fetched("exported")))
    assert torch.equal(tiny.logits(ours), tiny.logits(theirs))


def test_activations_that_compressed_tensors_quantizes_stay_quantized(here):
    """To become floats once and for all is for weights alone."""
    said = {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": {"num_bits": 8}}}}
    (here / "config.json").write_text(transformers.PreTrainedConfig(quantization_config=said).to_json_string())
    assert load_brought._quantization(here) == said | {"dequantize": True}
    said["config_groups"]["group_0"]["input_activations"] = {"num_bits": 8}
    (here / "config.json").write_text(transformers.PreTrainedConfig(quantization_config=said).to_json_string())
    assert load_brought._quantization(here) == said


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"a": {"weights": {"num_bits": 8}}, "b": {"weights": {"num_bits": 4}}}, "compressed-tensors, 4 bit, 8 bit"),
        ([1], "compressed-tensors"),
        ({"a": 3, "b": {"weights": "four"}, "c": {"weights": {"num_bits": "4"}}}, "compressed-tensors"),
    ],
)
def test_bits_are_said_as_far_as_they_are_written_as_such(here, groups, words):
    said = {"quant_method": "compressed-tensors", "config_groups": groups}
    (here / "config.json").write_text(transformers.PreTrainedConfig(quantization_config=said).to_json_string())
    assert brought.words(here) == words


@pytest.mark.parametrize("options", [{"load_in_8bit": True}, {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}])
def test_bitsandbytes_computes_as_transformers_loads_it(here, options):
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    elsewhere.llama(here / "one")
    quantized = transformers.AutoModelForCausalLM.from_pretrained(
        here / "one", quantization_config=transformers.BitsAndBytesConfig(**options), device_map={"": "cpu"}
    )
    quantized.save_pretrained(here / "saved")
    tiny.save_tokenizer(here / "saved")
    folder = fetched("saved")
    loaded, _ = load.load(folder, "float32", "cpu")
    assert torch.equal(tiny.logits(loaded), tiny.logits(quantized))
    assert brought.words(folder) == f"bitsandbytes, {8 if 'load_in_8bit' in options else 4} bit"
    assert brought.held_gb(load.fetched.read_source(folder), "float32") < 4 * 89_408 / 1e9  # of its parameters, by hand


def test_a_version_without_some_of_its_weights_is_named(here):
    model = elsewhere.llama(here / "one")
    state = {name: weight for name, weight in model.state_dict().items() if "layers.1.mlp.up_proj" not in name}
    model.save_pretrained(here / "short", state_dict=state)
    tiny.save_tokenizer(here / "short")
    with pytest.raises(InputError, match=r"do not fill the model \(missing: model\.layers\.1\.mlp\.up_proj\.weight"):
        load.load(fetched("short"), "float32", "cpu")


def test_what_transformers_says_of_a_version_it_cannot_load_is_passed_on(here, monkeypatch):
    elsewhere.llama(here / "one")

    def fails(*args, **options):
        raise RuntimeError("no kernel\nfor this")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", fails)
    with pytest.raises(InputError, match=r"models/version: .*cannot load this .*\(RuntimeError: no kernel for this\)"):
        load.load(fetched("one"), "float32", "cpu")


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (
            "gptq",
            ["GPTQ takes the package gptqmodel", "not among the extras", "compressed-tensors' format or as"],
        ),
        ("awq", ["AWQ takes the package gptqmodel", "other versions of torch and transformers"]),
        ("bitsandbytes", ["pip install 'knowcost[bitsandbytes]'"]),
        ("compressed-tensors", ["pip install 'knowcost[compressed-tensors]'"]),
        ("gguf", ["pip install 'knowcost[gguf]'"]),
        ("hqq", ["quant_method 'hqq'", "compressed-tensors, bitsandbytes, gptq, awq"]),
        (None, ["quant_method None"]),
        (["gptq"], ["quant_method ['gptq']"]),
    ],
)
def test_a_package_that_is_missing_is_named_with_what_to_do(monkeypatch, method, words):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        brought.usable(method, Path("folder/config.json"))
    assert str(caught.value).startswith("folder/config.json: ")
    assert not [word for word in words if word not in str(caught.value)]


def test_a_quantization_config_that_is_no_object_is_refused(here):
    (here / "config.json").write_text('{"quantization_config": "bitsandbytes"}')
    with pytest.raises(InputError, match=r"config\.json: quantization_config has the quant_method None"):
        brought.format_of(here)


def test_a_package_that_is_there_is_taken(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: types.SimpleNamespace(name=name))
    assert brought.usable("awq", Path("config.json")).packed
    assert not brought.usable("compressed-tensors", Path("config.json")).packed


def test_what_a_gguf_leaves_out_of_its_parents_configuration_is_said(tmp_path):
    said = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64}  # fmt: skip
    parents = [elsewhere.llama(tmp_path / name, **keys) for name, keys in (("a", {}), ("b", {"rope_parameters": said}))]
    found = []
    for number, parent in enumerate(parents):
        path = tmp_path / f"{number}.gguf"
        elsewhere.write_gguf(parent, path)
        own = gguf_files.configuration(path).to_dict()
        found.append(brought.computes_otherwise(parent.config.to_dict(), own))
    assert found[0] == []  # the GGUF has 1e-06 as a float32
    (sentence,) = found[1]
    assert sentence.startswith("rope_parameters is {") and "'default'" in sentence and "'llama3'" in sentence
    ids = torch.arange(6, 46)[None]
    path.with_name("config.json").unlink(missing_ok=True)
    gguf = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="1.gguf", dtype=torch.float32)
    with torch.no_grad():  # it is not the rounding to float16 that they differ by
        assert (gguf(ids).logits - parents[1](ids).logits).abs().max() > 0.1


def test_what_a_gguf_holds_beyond_the_model_is_counted(here):
    parent = elsewhere.llama(here / "dense", attention_bias=True)
    elsewhere.write_gguf(parent, here / "with/a.gguf")
    elsewhere.write_gguf(elsewhere.llama(), here / "without/a.gguf")
    of_transformers = sum(weight.numel() for weight in elsewhere.llama().parameters())
    assert brought.left_out(here / "without", of_transformers) == brought.left_out(here / "dense", 1) == []
    (sentence,) = brought.left_out(here / "with", of_transformers)
    assert sentence.startswith("a.gguf holds 384 numbers for which")  # 2 x (64 + 2 x 32 + 64)
    own = gguf_files.configuration(here / "with/a.gguf").to_dict()
    assert brought.computes_otherwise(parent.config.to_dict(), own) == ["attention_bias is False, not True"]
