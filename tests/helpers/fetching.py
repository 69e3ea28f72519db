"""What the tests of fetching share: the contents of small repositories, and rows that ask for them."""

import io
import json
import tarfile
import zipfile

import numpy as np
import pytest
import safetensors.numpy
import torch
import transformers

from knowcost.common.errors import InputError

REPO = "org/tiny"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *["paris", "is", "in", "france", "."]]
CONFIG = transformers.BertConfig(
    vocab_size=len(WORDS), hidden_size=4, num_hidden_layers=1, num_attention_heads=2, intermediate_size=6,
    max_position_embeddings=16,
)  # fmt: skip
TIED = ("cls.predictions.decoder.weight", "cls.predictions.decoder.bias")


def _weights():
    """A BERT of one layer, {name: numpy array}: half of it in float16, with a buffer of old versions."""
    torch.manual_seed(0)
    state = transformers.BertForMaskedLM(CONFIG).state_dict()
    arrays = {name: tensor.numpy() for name, tensor in state.items() if name not in TIED}
    halved = "bert.encoder.layer.0.intermediate.dense.weight"
    return {**arrays, halved: arrays[halved].astype(np.float16), "bert.embeddings.position_ids": np.arange(16)}


RAMP = _weights()
PARAMETERS = sum(p.numel() for p in transformers.BertForMaskedLM(CONFIG).parameters())  # torch counts a tied one once
SMALL = {
    "config.json": json.dumps(CONFIG.to_dict() | {"tie_word_embeddings": True}).encode(),
    "vocab.txt": "".join(f"{word}\n" for word in WORDS).encode(),
    "tokenizer_config.json": b"{}",
}


def checkpoint(tensors=RAMP, **small):
    return {**SMALL, **small, "model.safetensors": safetensors.numpy.save(dict(tensors), {"format": "pt"})}


def sharded():
    """Two shards and their index."""
    names = list(RAMP)
    parts = {
        "model-00001-of-00002.safetensors": {names[0]: RAMP[names[0]]},
        "model-00002-of-00002.safetensors": {name: RAMP[name] for name in names[1:]},
    }
    index = {"metadata": {}, "weight_map": {name: shard for shard, part in parts.items() for name in part}}
    shards = {shard: safetensors.numpy.save(part) for shard, part in parts.items()}
    return {**SMALL, **shards, "model.safetensors.index.json": json.dumps(index).encode()}


def row(source=REPO, **columns):
    return {"name": "tiny", "family": "encoder", "source": str(source), "revision": "", "allow": "", **columns}


def write(folder, contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return folder


def refused(get, row, *words):
    """Fetching must fail, with all these words, and leave no source.json."""
    with pytest.raises(InputError) as caught:
        get(row)
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"
    assert not (get.folder / "source.json").exists()


def probe(source, **columns):
    return {"name": "probe", "source": str(source), "revision": "", "sha256": "", **columns}


def zipped(contents):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as z:
        for name, data in contents.items():
            z.writestr(name, data)
    return buffer.getvalue()


def tarred(contents):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as t:
        for name, content in contents.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            t.addfile(about, io.BytesIO(content))
    return buffer.getvalue()
