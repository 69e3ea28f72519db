"""Fetching, against a hub on the loopback interface. Expected values are those of safetensors, torch and hashlib."""

import hashlib
import io
import json
import logging
import os
import pickle
import struct
import subprocess
import sys
import threading
import tracemalloc
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from hub_server import HubServer

from knowcost import fetch, hub
from knowcost.errors import InputError

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


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A hub, and a user with an empty cache and no token whose requests go there."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,127.1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "WAITS", (0.01, 0.01, 0.01))
    with HubServer() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def get(tmp_path):
    """Fetch a row into the same folder each time, with the same lock; returns source.json, read."""

    def run(row):
        fetch.fetch_model(row, str(tmp_path / "model"), lock_path=str(tmp_path / "lock.json"))
        return json.loads((tmp_path / "model/source.json").read_text())

    run.folder, run.lock = tmp_path / "model", tmp_path / "lock.json"
    return run


def refused(get, row, *words):
    """Fetching must fail, with all these words, and leave no source.json."""
    with pytest.raises(InputError) as caught:
        get(row)
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"
    assert not (get.folder / "source.json").exists()


# sources and what Snakemake depends on


def test_sources(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert all(fetch.is_local(s) for s in ("./a", "../a", "/a/b", "resources/world/llama", "mine"))
    assert not any(fetch.is_local(s) for s in ("bert-base-uncased", "google/flan-t5-base"))
    assert fetch.local_inputs(row()) == []


@pytest.mark.parametrize(
    ("held", "weights"),
    [
        ([], "model.safetensors"),
        (["pytorch_model.bin"], "pytorch_model.bin"),
        (["pytorch_model.bin", "model.safetensors"], "model.safetensors"),
        (["model.safetensors.index.json"], "model.safetensors.index.json"),
    ],
)
def test_local_inputs(tmp_path, held, weights):
    if held:
        write(tmp_path / "m", dict.fromkeys(held, b""))
    assert fetch.local_inputs(row(tmp_path / "m")) == [str(tmp_path / "m" / name) for name in ("config.json", weights)]


def test_planning_loads_nothing_heavy(root):
    script = "import sys, knowcost.fetch; print([m for m in ('torch', 'numpy', 'huggingface_hub') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# the hub, when all goes well


def test_hub(server, get, caplog):
    caplog.set_level(logging.INFO)
    unwanted = {"pytorch_model.bin": b"p", "flax.msgpack": b"f", "onnx/model.onnx": b"o", "other.safetensors": b"s"}
    contents = checkpoint()
    commit = server.add(REPO, {**contents, **unwanted, "README.md": b"r", "model.py": b"x"})
    source = get(row())
    assert sorted(p.name for p in get.folder.iterdir()) == sorted([*contents, "source.json"])
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
        "parameters": 12 + 6,
    }
    assert json.loads(get.lock.read_text()) == {"source": REPO, "requested_revision": "main", "commit": commit}
    assert any("model.safetensors" in line and "MB in" in line for line in caplog.messages)


def test_shards(server, get):
    server.add(REPO, sharded())
    assert get(row())["parameters"] == 18


def test_pinned_commit_needs_no_lock(server, get):
    old = server.add(REPO, checkpoint())
    server.add(REPO, checkpoint({**RAMP, "extra": np.ones(1, np.float32)}))
    source = get(row(revision=old))
    assert (source["commit"], source["parameters"], get.lock.exists()) == (old, 18, False)


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
    weights = {"w": np.random.default_rng(0).standard_normal(20_000, np.float32)}
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
    assert sorted(p.name for p in get.folder.iterdir()) == sorted([*checkpoint(), "source.json"])
    assert not (get.folder / "model.safetensors").is_symlink()
    assert (tmp_path / "whole/model.safetensors").exists()


# the hub, when it does not


@pytest.mark.parametrize("path", ["/api/models", "/resolve/"])
def test_busy_hub_is_asked_again(server, get, caplog, path):
    server.add(REPO, checkpoint())
    server.fail(path, 503, times=1)
    assert get(row())["parameters"] == 18
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
    refused(get, row(), "download failed", "HF_ENDPOINT", "HF_HUB_OFFLINE")


def test_gated(server, get, monkeypatch):
    server.add(REPO, checkpoint())
    server.gated.add(REPO)
    refused(get, row(), "tiny", REPO, "gated", "HF_TOKEN")
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert get(row())["parameters"] == 18
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
    assert get(row())["parameters"] == 18


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


# local folders, and what is let in


def test_local_folder(tmp_path, get):
    origin = write(tmp_path / "origin", {**sharded(), "notes.txt": b"n"})
    source = get(row(origin))
    assert (source["commit"], source["requested_revision"], source["parameters"]) == (None, None, 18)
    assert source["files"].keys() == sharded().keys()
    assert not (get.folder / "config.json").is_symlink()
    shard = get.folder / "model-00001-of-00002.safetensors"
    assert os.readlink(shard) == str(origin / shard.name)
    assert source["files"][shard.name]["sha256"] == hashlib.sha256(sharded()[shard.name]).hexdigest()


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


def bf16(value):
    """A shard with one bfloat16 tensor, written by hand."""
    data = np.array([0x3F80, value, 0x3F80], "<u2").tobytes()
    header = json.dumps({"w": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
def test_nan_and_infinity(tmp_path, get, kind, value):
    largest = np.full(9, np.finfo(kind).max, kind)
    get(row(write(tmp_path / "origin", checkpoint({"fine": largest}))))
    (get.folder / "source.json").unlink()
    bad = largest.copy()
    bad[7] = value
    write(tmp_path / "origin", checkpoint({"fine": largest, "bad.weight": bad}))
    refused(get, row(tmp_path / "origin"), "bad.weight", "model.safetensors", "NaN")


@pytest.mark.parametrize(("bits", "finite"), [(0x7F7F, True), (0xFF7F, True), (0x7F80, False), (0xFFC0, False)])
def test_nan_in_bfloat16(tmp_path, get, bits, finite):
    origin = write(tmp_path / "origin", {**checkpoint(), "model.safetensors": bf16(bits)})
    if finite:
        assert get(row(origin))["dtype"] == "bfloat16"
    else:
        refused(get, row(origin), "tensor w", "NaN")


def test_truncated_shard(tmp_path, get):
    contents = sharded()
    shard, data = "model-00002-of-00002.safetensors", contents["model-00002-of-00002.safetensors"]
    contents[shard] = data[:-4]
    refused(get, row(write(tmp_path / "origin", contents)), shard, f"{len(data):,}", f"{len(data) - 4:,}")


def test_index_promises_too_much(tmp_path, get):
    contents = sharded()
    index = json.loads(contents["model.safetensors.index.json"])
    index["weight_map"]["lost.weight"] = "model-00001-of-00002.safetensors"
    contents["model.safetensors.index.json"] = json.dumps(index).encode()
    refused(get, row(write(tmp_path / "a", contents)), "lost.weight", "model-00001-of-00002.safetensors")
    contents = {name: data for name, data in sharded().items() if "00002-of" not in name}
    refused(get, row(write(tmp_path / "b", contents)), "model-00002-of-00002.safetensors")


def test_check_is_bounded_in_memory(tmp_path):
    folder = write(tmp_path / "m", SMALL)
    size = 160 << 20
    header = json.dumps({"w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    with open(folder / "model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header)
        f.truncate(8 + len(header) + size)  # zeros that take no disk
    tracemalloc.start()
    facts = fetch.check_model(row(), folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert facts["parameters"] == size // 4
    assert peak < 64 << 20


# pickles


def tiny(kind):
    """A real model with random weights that transformers has to tie again on loading, and how to load it."""
    import torch
    import transformers

    torch.manual_seed(0)
    if kind == "bert":
        config = transformers.BertConfig(
            vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12
        )
        model = transformers.BertForMaskedLM(config)
    else:
        config = transformers.T5Config(vocab_size=30, d_model=8, d_kv=4, d_ff=12, num_layers=1, num_heads=2)
        model = transformers.T5ForConditionalGeneration(config)
    return model.eval()


def pickled(state, **options):
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer, **options)
    return buffer.getvalue()


def repository(model, tmp_path, **weights):
    model.config.save_pretrained(tmp_path / "config")
    return {**SMALL, "config.json": (tmp_path / "config/config.json").read_bytes(), **weights}


@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_pickle(server, get, tmp_path, kind):
    import torch

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
    import torch

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


# benchmark sources


def zipped(contents):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as z:
        for name, data in contents.items():
            z.writestr(name, data)
    return buffer.getvalue()


def probe(source, **columns):
    return {"name": "probe", "source": str(source), "revision": "", "sha256": "", **columns}


def test_local_benchmark(tmp_path):
    file = tmp_path / "b.jsonl"
    assert fetch.benchmark_inputs(probe(file)) == [str(file)]
    assert not any(fetch.benchmark_inputs(probe(source)) for source in ("https://a/b.zip", "hf://datasets/a/b/c"))
    with pytest.raises(InputError, match=r"probe.*no file or folder"):
        fetch.fetch_benchmark_source(probe(file), tmp_path / "downloads")
    file.write_bytes(b"{}")
    assert fetch.fetch_benchmark_source(probe(file), tmp_path / "downloads") == file
    with pytest.raises(InputError, match="sha256 column"):
        fetch.fetch_benchmark_source(probe(file, sha256="0" * 64), tmp_path / "downloads")
    assert file.exists()


def test_url(server, tmp_path):
    server.plain["/data/b c.jsonl"] = b"hello"
    server.fail("/data/", 503, times=2)
    good = probe(f"{server.url}/data/b%20c.jsonl?x=1", sha256=hashlib.sha256(b"hello").hexdigest())
    file = fetch.fetch_benchmark_source(good, tmp_path)
    assert (file.name, file.read_bytes()) == ("b c.jsonl", b"hello")
    assert file.parent.name == hashlib.sha256(good["source"].encode()).hexdigest()[:16]
    server.asked.clear()
    assert fetch.fetch_benchmark_source(good, tmp_path) == file and not server.asked
    with pytest.raises(InputError, match=r"sha256 2cf24dba5f.*says 00000"):
        fetch.fetch_benchmark_source({**good, "sha256": "0" * 64}, tmp_path)
    with pytest.raises(InputError, match=r"404.*source column"):
        fetch.fetch_benchmark_source(probe(f"{server.url}/none.jsonl"), tmp_path)
    with pytest.raises(InputError, match=r"only a \.zip"):
        fetch.fetch_benchmark_source(probe(f"{good['source']}#inside"), tmp_path)
    with pytest.raises(InputError, match="https://"):
        fetch.fetch_benchmark_source(probe("http://example.org/b.jsonl"), tmp_path)
    server.plain["/moved.jsonl"] = server.url.replace("127.0.0.1", "127.1") + "/data/b%20c.jsonl"
    with pytest.raises(InputError, match=r"http://127\.1:.*https://"):  # to http on what does not count as loopback
        fetch.fetch_benchmark_source(probe(f"{server.url}/moved.jsonl"), tmp_path)


def test_short_url_download_leaves_nothing(server, tmp_path):
    server.plain["/b.jsonl"] = b"0123456789"
    server.cut[None] = 4
    file = fetch.fetch_benchmark_source(probe(f"{server.url}/b.jsonl"), tmp_path / "a")
    assert file.read_bytes() == b"0123456789" and len(server.downloads("/b.jsonl")) == 2
    server.fail("/b.jsonl", 503)
    with pytest.raises(InputError, match="503"):
        fetch.fetch_benchmark_source(probe(f"{server.url}/b.jsonl"), tmp_path / "b")
    assert [p.name for p in (tmp_path / "b").rglob("*") if p.is_file()] in ([], [".lock"])


def test_threads_share_a_zip(server, tmp_path):
    members = {f"data/{name}/test.jsonl": name.encode() for name in "abcd"}
    server.plain["/lama.zip"] = zipped(members)
    found, start = {}, threading.Barrier(4)

    def job(name):
        start.wait()
        found[name] = fetch.fetch_benchmark_source(probe(f"{server.url}/lama.zip#data/{name}"), tmp_path)

    threads = [threading.Thread(target=job, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: (path / "test.jsonl").read_text() for name, path in found.items()} == {n: n for n in "abcd"}
    assert len(server.downloads("/lama.zip")) == 1
    whole = fetch.fetch_benchmark_source(probe(f"{server.url}/lama.zip"), tmp_path)
    assert sorted(p.name for p in (whole / "data").iterdir()) == list("abcd")
    for inside in ("data/e", "../../outside"):
        with pytest.raises(InputError, match=r"in the zip, which holds data"):
            fetch.fetch_benchmark_source(probe(f"{server.url}/lama.zip#{inside}"), tmp_path)


@pytest.mark.parametrize("member", ["../../evil.txt", "/evil.txt", "a/../../evil.txt"])
def test_zip_that_reaches_out(server, tmp_path, member):
    server.plain["/bad.zip"] = zipped({"fine.txt": b"1", member: b"2"})
    with pytest.raises(InputError, match="outside its folder"):
        fetch.fetch_benchmark_source(probe(f"{server.url}/bad.zip"), tmp_path / "downloads")
    assert not list(tmp_path.rglob("*.txt"))


def test_zip_that_is_none(server, tmp_path):
    server.plain["/bad.zip"] = b"<html>"
    with pytest.raises(InputError, match=r"not a zip.*deleted"):
        fetch.fetch_benchmark_source(probe(f"{server.url}/bad.zip"), tmp_path)
    server.plain["/bad.zip"] = zipped({"a.txt": b"1"})
    assert (fetch.fetch_benchmark_source(probe(f"{server.url}/bad.zip"), tmp_path) / "a.txt").exists()


def test_data_set_on_the_hub(server, tmp_path):
    commit = server.add("org/data", {"parts/test.parquet": b"old"})
    server.add("org/data", {"parts/test.parquet": b"new"})
    source = "hf://datasets/org/data/parts/test.parquet"
    assert fetch.fetch_benchmark_source(probe(source), tmp_path).read_bytes() == b"new"
    assert fetch.fetch_benchmark_source(probe(source, revision=commit), tmp_path).read_bytes() == b"old"
    with pytest.raises(InputError, match="expected hf://datasets/"):
        fetch.fetch_benchmark_source(probe("hf://datasets/org/data"), tmp_path)
    with pytest.raises(InputError, match=r"probe: none.parquet.*no such file"):
        fetch.fetch_benchmark_source(probe("hf://datasets/org/data/none.parquet"), tmp_path)
