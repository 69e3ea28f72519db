"""Pickled weights: refused, or converted to what torch reads from them."""

import hashlib
import io
import json
import os
import pickle

import pytest
import torch
from helpers.fetching import REPO, SMALL, refused, row, write

# pickles


def tiny(kind):
    """A real model with random weights that transformers has to tie again on loading, and how to load it."""
    import transformers

    torch.manual_seed(0)
    if kind == "bert":
        config = transformers.BertConfig(
            vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12
        )
        model = transformers.BertForMaskedLM(config)
    else:
        config = transformers.T5Config(vocab_size=140, d_model=8, d_kv=4, d_ff=12, num_layers=1, num_heads=2)
        model = transformers.T5ForConditionalGeneration(config)
    return model.eval()


def pickled(state, **options):
    buffer = io.BytesIO()
    torch.save(state, buffer, **options)
    return buffer.getvalue()


def repository(model, tmp_path, **weights):
    model.config.save_pretrained(tmp_path / "config")
    return {**SMALL, "config.json": (tmp_path / "config/config.json").read_bytes(), **weights}


@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_pickle(server, get, tmp_path, kind):
    model = tiny(kind)
    data = pickled(model.state_dict())
    server.add(REPO, repository(model, tmp_path, **{"pytorch_model.bin": data}))
    family = "encoder" if kind == "bert" else "encoder_decoder"
    refused(get, row(family=family), "tiny", "pytorch_model.bin", "Add `pickle`", "allow column")
    assert not server.downloads("pytorch_model.bin")

    source = get(row(family=family, allow="pickle"))
    assert source["converted_from"] == {
        "pytorch_model.bin": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    }
    assert source["parameters"] == sum(p.numel() for p in model.parameters()) + (30 if kind == "bert" else 0)
    assert not (get.folder / "pytorch_model.bin").exists()
    again, report = type(model).from_pretrained(get.folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert all(torch.equal(p, model.state_dict()[name]) for name, p in again.state_dict().items())


def test_pickle_in_shards_untied_old_format(tmp_path, get):
    """An old-format pickle cannot be mapped; tensors that share memory though the config unties them are both kept."""
    model = tiny("bert")
    model.config.tie_word_embeddings = False
    state = model.state_dict()
    parts = [
        {name: tensor.bfloat16() for name, tensor in state.items() if "encoder" in name},
        {name: tensor for name, tensor in state.items() if "encoder" not in name},
    ]
    tied = [parts[1][f"{name}.weight"] for name in ("bert.embeddings.word_embeddings", "cls.predictions.decoder")]
    assert tied[0].data_ptr() == tied[1].data_ptr()
    parts[1]["turned"] = torch.arange(24.0).reshape(4, 6).t()  # not contiguous
    contents = {
        f"pytorch_model-{i}-of-2.bin": pickled(part, _use_new_zipfile_serialization=False)
        for i, part in enumerate(parts, 1)
    }
    origin = write(tmp_path / "origin", repository(model, tmp_path, **contents))
    source = get(row(origin, allow="pickle"))
    assert source["dtype"] == "bfloat16,float32"
    index = json.loads((get.folder / "model.safetensors.index.json").read_text())
    assert index["weight_map"].keys() == {*state, "turned"}
    from safetensors.torch import load_file

    stored = load_file(get.folder / "model-1-of-2.safetensors") | load_file(get.folder / "model-2-of-2.safetensors")
    assert all(torch.equal(stored[name], tensor) for part in parts for name, tensor in part.items())
    assert (origin / "pytorch_model-1-of-2.bin").exists()
    (origin / "pytorch_model-2-of-2.bin").unlink()
    (get.folder / "source.json").unlink()
    refused(get, row(origin, allow="pickle"), "lacks some of its shards")


ODD = {
    "float8": lambda t: t.to(torch.float8_e4m3fn),
    "sparse": lambda t: t.to_sparse(),
    "complex": lambda t: t.to(torch.complex64),
    "quantized": lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8),
}


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize("kind", ODD)
def test_a_tensor_that_is_no_array_of_floats_is_named(tmp_path, get, kind):
    model = tiny("bert")
    name = "bert.encoder.layer.0.output.dense.weight"
    state = model.state_dict()
    data = pickled(state | {name: ODD[kind](state[name])})
    origin = write(tmp_path / "origin", repository(model, tmp_path, **{"pytorch_model.bin": data}))
    refused(get, row(origin, allow="pickle"), "pytorch_model.bin", f"tensor {name} is torch.")


@pytest.mark.parametrize("kept", [0, 1, 100, 5000])
def test_a_pickle_that_was_cut_is_named(tmp_path, get, kept):
    model = tiny("bert")
    data = pickled(model.state_dict())
    origin = write(tmp_path / "origin", repository(model, tmp_path, **{"pytorch_model.bin": data[:kept]}))
    refused(get, row(origin, allow="pickle"), "pytorch_model.bin: refused, since it is damaged")


class Danger:
    def __reduce__(self):
        return os.mkdir, (self.path,)

    def __init__(self, path):
        self.path = path


@pytest.mark.parametrize("payload", ["code", "list", "damaged"])
def test_pickle_with_more_than_tensors(tmp_path, get, payload):
    trap = str(tmp_path / "executed")
    code = pickle.dumps(Danger(trap), protocol=2)
    data = {"code": code, "list": pickled([1, 2]), "damaged": b"PK\3\4 not really"}[payload]
    origin = write(tmp_path / "origin", {**SMALL, "pytorch_model.bin": data})
    refused(get, row(origin, allow="pickle"), "pytorch_model.bin", "safetensors")
    assert not os.path.exists(trap)
