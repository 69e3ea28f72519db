"""What the tests of fetching share: the contents of small repositories, and rows that ask for them."""

import json

import numpy as np
import pytest
import safetensors.numpy

from knowcost.common.errors import InputError

REPO = "org/tiny"
RAMP = {
    "bert.embeddings.word_embeddings.weight": np.arange(12, dtype=np.float32).reshape(4, 3),
    "bert.encoder.layer.0.intermediate.dense.weight": -np.ones((2, 3), np.float16),
    "bert.embeddings.position_ids": np.arange(5),
}
SMALL = {
    "config.json": json.dumps({"model_type": "bert", "tie_word_embeddings": True}).encode(),
    "vocab.txt": b"[PAD]\n[MASK]\na\nb\n",
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
