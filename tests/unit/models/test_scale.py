"""Work that grows with the number of tensors, not with its square."""

import json

import numpy as np
import torch
import transformers
from helpers import tiny
from helpers.counting import growth

from knowcost.compress.archive import make as archive
from knowcost.fetch import weights
from knowcost.fetch.config import described_model
from knowcost.models import formats, load, shard_files
from knowcost.models.checkpoint import Checkpoint, from_array

PACKED_CONFIG = {
    "model_type": "bert",
    "quantization_config": {
        "format": "pack-quantized",
        "config_groups": {"group_0": {"weights": {"num_bits": 4}}},
    },
}


def deep(folder, layers, extra=()):
    """A fetched BERT of so many tiny layers, with more tensors."""
    config = transformers.BertConfig(**tiny.WIDE | {"num_hidden_layers": layers})
    made = transformers.BertForMaskedLM(config)
    made.save_pretrained(folder, state_dict=made.state_dict() | dict(extra))
    tiny.save_tokenizer(folder)
    return folder


def test_packed_weights_are_found_by_their_names(tmp_path):
    def prepared(count):
        folder = tmp_path / str(count)
        parts = {
            "_packed": ("I32", np.zeros((2, 1), np.int32)),
            "_scale": ("F32", np.ones((2, 1), np.float32)),
            "_zero_point": ("I32", np.zeros((1, 1), np.int32)),
            "_shape": ("I64", np.array([2, 8])),
        }
        tensors = [from_array(f"{i}.weight{part}", *made) for i in range(count) for part, made in parts.items()]
        shard_files.write_shard(folder / "model.safetensors", tensors)
        (folder / "config.json").write_text(json.dumps(PACKED_CONFIG))
        opened = Checkpoint(folder)
        assert list(formats.floats(opened)) == [f"{i}.weight" for i in range(count)]
        return lambda: formats.floats(opened)

    assert growth(prepared, 10) < 2.5


def test_a_sound_checkpoint_is_held_against_its_model_without_searching_it(tmp_path, monkeypatch):
    """Each tensor that transformers ignores is looked up among the buffers, which are listed once."""

    def prepared(count):
        ignored = {f"bert.pooler.{i}.weight": torch.zeros(1) for i in range(count)}
        folder = deep(tmp_path / str(count), count, ignored)
        opened, model = Checkpoint(folder), described_model(folder)
        assert sum(not parameters for parameters in weights.fills(opened, model).values()) == count
        return lambda: weights.fills(opened, model)

    monkeypatch.setattr(Checkpoint, "file_of", None)  # goes through the names of all shards: only for a message
    assert growth(prepared, 4) < 2.5


def test_an_int8_archive_is_loaded(tmp_path, monkeypatch):
    # its threads are waited for in more or fewer calls, as they are slow or quick
    monkeypatch.setenv("HF_DEACTIVATE_ASYNC_LOAD", "1")

    def prepared(layers):
        folder = deep(tmp_path / f"model-{layers}", layers)
        tiny.write_source(folder)
        archive.make_archive("m", "int8@overall", archive.Inputs(folder), tmp_path / str(layers))
        return lambda: load.load(tmp_path / str(layers), device="cpu")

    assert growth(prepared, 2) < 2.5


def test_a_scratch_folder_takes_many_files(tmp_path):
    """No look at all files that are there, as atomic writing takes one, whenever another is written."""

    def prepared(count):
        tensor = from_array("w", "F32", np.zeros(1, np.float32))
        paths = [tmp_path / str(count) / f"{i}.safetensors" for i in range(count)]
        return lambda: [shard_files.stored(path, [tensor]) for path in paths]

    assert growth(prepared, 100) < 2.5
