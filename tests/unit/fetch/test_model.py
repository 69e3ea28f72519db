"""Fetching local folders, and the checks of every fetched model."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from helpers.fetching import PARAMETERS, REPO, checkpoint, refused, row, sharded, write

from knowcost.common.errors import InputError
from knowcost.fetch.model import fetch_model
from knowcost.models.checkpoint import Checkpoint

# local folders, and what is let in


def test_local_folder(tmp_path, get):
    origin = write(tmp_path / "origin", {**sharded(), "notes.txt": b"n"})
    source = get(row(origin))
    assert (source["commit"], source["requested_revision"], source["parameters"]) == (None, None, PARAMETERS)
    assert source["files"].keys() == sharded().keys()
    assert not (get.folder / "config.json").is_symlink()
    shard = get.folder / "model-00001-of-00002.safetensors"
    assert os.readlink(shard) == str(origin / shard.name)
    assert source["files"][shard.name]["sha256"] == hashlib.sha256(sharded()[shard.name]).hexdigest()


def test_a_run_that_is_moved_takes_its_links_along_and_a_dangling_one_is_named(tmp_path, get, monkeypatch):
    project = tmp_path / "project"
    write(project / "checkpoints", sharded())
    monkeypatch.chdir(project)
    folder = Path("resources/models/tiny")
    fetch_model(row("checkpoints"), folder, lock_path="lock.json")
    monkeypatch.chdir(tmp_path)
    moved = project.rename(tmp_path / "moved") / folder
    before = Checkpoint(moved)
    shard = moved / "model-00002-of-00002.safetensors"
    assert os.readlink(shard) == f"../../../checkpoints/{shard.name}" and before.tensors
    assert hashlib.sha256(shard.read_bytes()).digest() == hashlib.sha256(sharded()[shard.name]).digest()
    shard.resolve().unlink()
    with pytest.raises(InputError, match=rf"{shard}: a link to \.\./\.\..*which is not there; .*delete {moved}/source"):
        Checkpoint(moved)


def test_a_link_out_of_the_run_is_absolute_also_from_shared_resources(tmp_path, get, monkeypatch):
    """`resources` is a link to a folder that other runs use too: the way from there is not the way from here."""
    write(tmp_path / "project/checkpoints", checkpoint())
    (tmp_path / "shared").mkdir()
    (tmp_path / "project/resources").symlink_to(tmp_path / "shared")
    monkeypatch.chdir(tmp_path / "project")
    folder = Path("resources/models/tiny")
    fetch_model(row("checkpoints"), folder, lock_path="lock.json")
    assert os.readlink(folder / "model.safetensors") == str(tmp_path / "project/checkpoints/model.safetensors")


def test_local_folder_missing_or_in_the_way(tmp_path, get):
    refused(get, row(tmp_path / "none"), "tiny", str(tmp_path / "none"), "source column")
    write(get.folder, checkpoint())
    refused(get, row(get.folder), "fetched copy")
    assert (get.folder / "model.safetensors").exists()


def test_real_model(shared, get):
    """MiniLM's parameters as safetensors itself counts them."""
    from safetensors import safe_open

    origin = shared / "models/minilm-lama"
    with safe_open(origin / "model.safetensors", "numpy") as f:
        slices = [f.get_slice(name) for name in f.keys()]  # noqa: SIM118 (not a dict)
    sizes = [int(np.prod(s.get_shape())) for s in slices if s.get_dtype() == "F16"]
    source = get(row(origin))
    assert (source["architecture"], source["dtype"], source["parameters"]) == ("bert", "float16", sum(sizes))


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_remote_code(server, get, name):
    contents = checkpoint()
    contents[name] = json.dumps({**json.loads(contents[name]), "auto_map": {"AutoModel": "mine.Model"}}).encode()
    server.add(REPO, {**contents, "mine.py": b"Model = 1"})
    refused(get, row(), name, "tiny", "auto_map", "`remote_code`", "allow column")
    assert not server.downloads("model.safetensors"), "the weights came before the refusal"
    assert "mine.py" in get(row(allow="remote_code"))["files"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"family": "decoder"}, ["tiny", "'decoder'", "'bert'", "'encoder'", "family column"]),
        ({"config.json": b'{"model_type": "mamba9"}'}, ["tiny", "mamba9"]),
        ({"config.json": b"{}"}, ["config.json", "model_type"]),
        ({"config.json": b"<html>"}, ["config.json", "not JSON"]),
        ({"config.json": None}, ["config.json", "missing"]),
        ({"vocab.txt": None}, ["tiny", "no tokenizer", "tokenizer.json", "merges.txt + vocab.json"]),
        ({"model.safetensors": None}, ["tiny", "neither model.safetensors nor", "vocab.txt"]),
    ],
)
def test_contradictions(tmp_path, get, change, words):
    contents = checkpoint()
    contents |= {name: data for name, data in change.items() if "." in name}
    columns = {key: value for key, value in change.items() if "." not in key}
    origin = write(tmp_path / "origin", {name: data for name, data in contents.items() if data is not None})
    refused(get, row(origin, **columns), *words)


def test_truncated_shard(tmp_path, get):
    contents = sharded()
    shard, data = "model-00002-of-00002.safetensors", contents["model-00002-of-00002.safetensors"]
    contents[shard] = data[:-4]
    refused(get, row(write(tmp_path / "origin", contents)), shard, f"cut short at {len(data) - 4:,} bytes")


def test_index_promises_too_much(tmp_path, get):
    contents = sharded()
    index = json.loads(contents["model.safetensors.index.json"])
    index["weight_map"]["lost.weight"] = "model-00001-of-00002.safetensors"
    contents["model.safetensors.index.json"] = json.dumps(index).encode()
    refused(get, row(write(tmp_path / "a", contents)), "lost.weight", "model-00001-of-00002.safetensors")
    contents = {name: data for name, data in sharded().items() if "00002-of" not in name}
    refused(get, row(write(tmp_path / "b", contents)), "model-00002-of-00002.safetensors")
