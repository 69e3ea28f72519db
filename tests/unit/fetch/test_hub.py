"""Fetching from a hub on the loopback interface. Expected values are those of safetensors, torch and hashlib."""

import hashlib
import json
import logging
import os

import numpy as np
import pytest
import safetensors.numpy
from helpers.fetching import PARAMETERS, RAMP, REPO, SMALL, checkpoint, refused, row, sharded, write

from knowcost.common import seal

# the hub, when all goes well


def test_hub(server, get, caplog):
    caplog.set_level(logging.INFO)
    unwanted = {"pytorch_model.bin": b"p", "flax.msgpack": b"f", "onnx/model.onnx": b"o", "other.safetensors": b"s"}
    contents = checkpoint()
    commit = server.add(REPO, {**contents, **unwanted, "README.md": b"r", "model.py": b"x"})
    source = get(row())
    assert source.pop("names").keys() == RAMP.keys()
    assert sorted(p.name for p in get.folder.glob("[!.]*")) == sorted([*contents, "source.json", "source.json.sha256"])
    assert all((get.folder / name).read_bytes() == data for name, data in contents.items())
    assert source == {
        "name": "tiny",
        "family": "encoder",
        "source": REPO,
        "requested_revision": "main",
        "commit": commit,
        "architecture": "bert",
        "files": {n: {"sha256": hashlib.sha256(d).hexdigest(), "size": len(d)} for n, d in contents.items()},
        "dtype": "float16,float32",
        "parameters": PARAMETERS,
    }
    assert json.loads(get.lock.read_text()) == {"source": REPO, "requested_revision": "main", "commit": commit}
    assert any("model.safetensors" in line and "MB in" in line for line in caplog.messages)


def test_shards(server, get):
    server.add(REPO, sharded())
    assert get(row())["parameters"] == PARAMETERS


def test_pinned_commit_needs_no_lock(server, get):
    old = server.add(REPO, checkpoint())
    server.add(REPO, checkpoint({**RAMP, "extra": np.ones(1, np.float32)}))
    source = get(row(revision=old))
    assert (source["commit"], source["parameters"], get.lock.exists()) == (old, PARAMETERS, False)


def test_moved_main_is_refused(server, get):
    first = server.add(REPO, checkpoint())
    get(row())
    (get.folder / "source.json").unlink()
    second = server.add(REPO, checkpoint({**RAMP, "extra": np.ones(1, np.float32)}))
    refused(get, row(), first, second, f"Delete {get.lock}", "revision column")
    assert get(row(revision=first))["commit"] == first
    server.add(REPO, checkpoint(), branch="v2")
    assert get(row(revision="v2"))["requested_revision"] == "v2"  # the user asked for another revision: not a move
    get.lock.unlink()
    assert get(row())["commit"] == second


def test_a_lock_that_is_no_longer_what_was_written_is_named(server, get):
    server.add(REPO, checkpoint())
    get(row())
    whole = get.lock.read_bytes()
    get.lock.write_bytes(whole.replace(b"main", b"mail"))
    refused(get, row(), f"{get.lock} is damaged or was changed", f"delete {get.lock}")
    seal.write_json(get.lock, ["by hand"])
    refused(get, row(), f"{get.lock}: not a revision lock")
    get.lock.write_bytes(whole)
    seal.seal(get.lock)  # as sha256sum does, of a lock that an earlier version wrote
    assert get(row())["requested_revision"] == "main"


def test_complete_files_are_kept(server, get):
    server.add(REPO, checkpoint())
    get(row())
    (get.folder / "source.json").unlink()
    (get.folder / "vocab.txt").write_bytes(b"[PAD]\n[MASK]\na\nX\n")  # the right size, other contents
    server.asked.clear()
    get(row())
    assert not server.downloads("/resolve/main/model.safetensors") and not server.downloads("model.safetensors")
    assert (get.folder / "vocab.txt").read_bytes() == SMALL["vocab.txt"]


def test_broken_connection_resumes(server, get, monkeypatch):
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)  # it resumes at whole chunks
    weights = RAMP | {"w": np.random.default_rng(0).standard_normal(20_000, np.float32)}
    server.add(REPO, checkpoint(weights))
    server.cut["model.safetensors"] = 30_000
    get(row())
    ranges = [headers.get("Range") for headers in server.downloads("model.safetensors")]
    assert ranges == [None, "bytes=30000-"]
    assert np.array_equal(safetensors.numpy.load_file(get.folder / "model.safetensors")["w"], weights["w"])


def test_stale_files_of_an_earlier_source_go(server, get, tmp_path):
    get(row(write(tmp_path / "shards", sharded())))
    get(row(write(tmp_path / "whole", {**checkpoint(), "generation_config.json": b"{}"})))
    assert "model.safetensors.index.json" not in os.listdir(get.folder)
    server.add(REPO, checkpoint())
    get(row())
    assert sorted(p.name for p in get.folder.glob("[!.]*")) == sorted(
        [*checkpoint(), "source.json", "source.json.sha256"]
    )
    assert not (get.folder / "model.safetensors").is_symlink()
    assert (tmp_path / "whole/model.safetensors").exists()


# the hub, when it does not


@pytest.mark.parametrize("path", ["/api/models", "/resolve/"])
def test_busy_hub_is_asked_again(server, get, caplog, path):
    server.add(REPO, checkpoint())
    server.fail(path, 503, times=1)
    assert get(row())["parameters"] == PARAMETERS
    if path == "/api/models":
        assert any("503" in line and "trying again" in line for line in caplog.messages)


def test_busy_hub_in_the_end(server, get):
    server.add(REPO, checkpoint())
    server.fail("/api/models", 503)
    refused(get, row(), "tiny", REPO, "503", "HF_ENDPOINT")
    assert len(server.asked) == 4


def test_not_found(server, get):
    server.add(REPO, checkpoint())
    refused(get, row("org/gone"), "tiny", "org/gone", "main", "not found", "source column")
    refused(get, row(revision="v9"), "tiny", REPO, "v9", "no such revision")
    refused(get, row("not a hub id"), "not a hub id", "organisation/name")
    server.fail("vocab.txt", 404, code="EntryNotFound")
    refused(get, row(), "vocab.txt", "no such file")


def test_nobody_answers(server, get, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    refused(get, row(), "tiny", REPO, "127.0.0.1 cannot be reached", "refused", "HF_ENDPOINT", "source column")


@pytest.mark.parametrize("answer", [b"<html>Welcome", b"{}", b"[1]", b'{"id": 1}', b"\xff"])
def test_something_that_is_no_hub(server, get, answer):
    server.plain[f"/api/models/{REPO}/revision/main"] = answer
    refused(get, row(), "tiny", REPO, "HF_ENDPOINT")


def test_an_address_that_is_none(server, get, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://[bad")
    refused(get, row(), "tiny", "HF_ENDPOINT")


def test_gated(server, get, monkeypatch):
    server.add(REPO, checkpoint())
    server.gated.add(REPO)
    refused(get, row(), "tiny", REPO, "gated", "HF_TOKEN")
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert get(row())["parameters"] == PARAMETERS
    server.fail("/api/", 403)
    refused_row = row("org/other")
    (get.folder / "source.json").unlink()
    refused(get, refused_row, "403", "HF_TOKEN")


def test_truncated_download(server, get):
    data = checkpoint()["model.safetensors"]
    server.add(REPO, checkpoint())
    server.bodies["model.safetensors"] = data[:-8]
    refused(get, row(), "model.safetensors", str(len(data)), str(len(data) - 8), "run again")
    assert not (get.folder / "model.safetensors").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.txt"])
def test_wrong_checksum(server, get, name):
    right = checkpoint()[name]
    wrong = right[:-1] + bytes([right[-1] ^ 1])
    server.add(REPO, checkpoint())
    server.bodies[name] = wrong
    digests = [hashlib.sha256(d).hexdigest() for d in (right, wrong)] if name == "model.safetensors" else ["git hash"]
    refused(get, row(), str(get.folder / name), *digests, "deleted")
    assert not (get.folder / name).exists()
    server.bodies.clear()
    assert get(row())["parameters"] == PARAMETERS


def test_offline(server, get, monkeypatch):
    import huggingface_hub

    commit = server.add(REPO, checkpoint())
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refused(get, row(), REPO, "main", "HF_HUB_OFFLINE", f"hf download {REPO} --revision main", "source column")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    for name in checkpoint():
        huggingface_hub.hf_hub_download(REPO, name, endpoint=server.url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    server.asked.clear()
    assert get(row())["commit"] == commit and not server.asked


def test_what_was_downloaded_is_on_the_disk_before_source_json_says_so(server, get, monkeypatch):
    seen, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (seen.append(os.readlink(f"/proc/self/fd/{fd}")), fsync(fd)))
    server.add(REPO, checkpoint())
    get(row())
    said = next(place for place, path in enumerate(seen) if ".source.json." in path)
    assert {str(get.folder / name) for name in checkpoint()} <= set(seen[:said])
