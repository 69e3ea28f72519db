import hashlib
import os
import tracemalloc

import numpy as np
import pytest
import torch
from helpers import tiny
from huggingface_hub import split_torch_state_dict_into_shards
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from knowcost.common.errors import BrokenPromise, InputError
from knowcost.models import checkpoint, shard_files
from knowcost.models.checkpoint import Checkpoint
from knowcost.models.headers import read_header


def write(folder, tensors):
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text("{}")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int8])
def test_values_are_those_that_safetensors_reads(tmp_path, dtype, monkeypatch):
    monkeypatch.setattr(checkpoint, "BLOCK", 7)  # several blocks, the last one short
    tensors = {"a.weight": torch.randn(5, 6).to(dtype), "b": torch.randn(3).to(dtype)}
    write(tmp_path, tensors)
    for name, tensor in Checkpoint(tmp_path).tensors.items():
        raw = tensor.whole().view(np.uint8).tobytes()
        assert raw == tensors[name].contiguous().view(torch.uint8).numpy().tobytes()
        assert tensor.shape == tuple(tensors[name].shape)
        if dtype.is_floating_point:
            assert np.array_equal(checkpoint.as_float32(tensor.whole(), tensor.dtype), tensors[name].float().flatten())


def test_a_shard_written_here_is_read_by_safetensors(tmp_path):
    tensors = {"a.weight": torch.randn(5, 6).half(), "odd": torch.ones(3, dtype=torch.int8), "b": torch.randn(3)}
    write(tmp_path, tensors)
    out = tmp_path / "copy.safetensors"
    digest = shard_files.write_shard(out, list(Checkpoint(tmp_path).tensors.values()))
    read = load_file(out)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    assert digest["size"] == out.stat().st_size


def test_a_failed_write_leaves_nothing(tmp_path):
    def broken():
        yield np.zeros(2, np.float32)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        shard_files.write_shard(tmp_path / "x.safetensors", [checkpoint.Tensor("x", "F32", (4,), broken)])
    assert list(tmp_path.iterdir()) == []


def test_a_block_too_few_is_noticed(tmp_path):
    short = checkpoint.Tensor("x", "F32", (4,), lambda: iter([np.zeros(2, np.float32)]))
    with pytest.raises(BrokenPromise, match="promises"):
        shard_files.write_shard(tmp_path / "x.safetensors", [short])
    assert not (tmp_path / "x.safetensors").exists()


def test_a_file_that_does_not_hold_what_was_written_to_it_is_noticed(tmp_path, monkeypatch):
    preadv = os.preadv

    def damaged(fd, buffers, at):
        read = preadv(fd, buffers, at)
        buffers[0][:] = buffers[0].replace(b"\x07", b"\x08")
        return read

    monkeypatch.setattr(os, "preadv", damaged)
    tensor = checkpoint.from_array("x", "U8", np.array([1, 7, 1], np.uint8))
    with pytest.raises(BrokenPromise, match=r"does not hold what was written to it behind byte \d+"):
        shard_files.write_shard(tmp_path / "x.safetensors", [tensor])
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_described_as_it_would_be_written(tmp_path):
    tensors = {"a.weight": torch.randn(5, 6).half(), "odd": torch.ones(3, dtype=torch.int8), "b": torch.randn(3)}
    write(tmp_path, tensors)
    held = list(Checkpoint(tmp_path).tensors.values())
    said = shard_files.describe_shard("copy.safetensors", held)
    assert not (tmp_path / "copy.safetensors").exists()
    assert shard_files.write_shard(tmp_path / "copy.safetensors", held) == said
    data = (tmp_path / "copy.safetensors").read_bytes()
    assert said == {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def test_shards_come_through_their_index(tmp_path):
    model = tiny.fetched("llama", tmp_path, shard="8KB")
    loaded = Checkpoint(tmp_path)
    assert len(loaded.shards) > 2
    assert loaded.tensors.keys() == model.state_dict().keys()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(9, 30))
def test_shards_are_laid_out_as_save_pretrained_lays_them_out(sizes, limit):
    tensors = [checkpoint.from_array(f"t{i}", "U8", np.zeros(size, np.uint8)) for i, size in enumerate(sizes)]
    expected = split_torch_state_dict_into_shards(
        {t.name: torch.zeros(t.shape, dtype=torch.uint8) for t in tensors},
        filename_pattern="model{suffix}.safetensors",
        max_shard_size=limit,
    )
    shards = shard_files.sharded(tensors, limit, "model")
    assert {shard: [t.name for t in held] for shard, held in shards.items()} == expected.filename_to_tensors


def test_a_tensor_larger_than_a_shard_has_one_to_itself():
    sizes = [3, 12, 3, 3, 10, 11]
    tensors = [checkpoint.from_array(f"t{i}", "U8", np.zeros(size, np.uint8)) for i, size in enumerate(sizes)]
    shards = shard_files.sharded(tensors, 10, "changed")
    assert [[t.size for t in held] for held in shards.values()] == [[3], [12], [3, 3], [10], [11]]
    assert next(iter(shards)) == "changed-00001-of-00005.safetensors"


def test_a_truncated_file_is_refused(tmp_path):
    write(tmp_path, {"a": torch.randn(100)})
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="cut short"):
        Checkpoint(tmp_path)
    path.write_bytes(b"not a checkpoint at all")
    with pytest.raises(InputError, match="not a safetensors file"):
        Checkpoint(tmp_path)


@pytest.mark.parametrize(("announced", "size"), [(1 << 40, 64), (1_500_000_000, 1_600_000_000)])
def test_a_header_that_is_announced_as_huge_is_never_read(tmp_path, announced, size):
    path = tmp_path / "model.safetensors"
    with open(path, "wb") as f:
        f.write(announced.to_bytes(8, "little") + b"{")
        f.truncate(size)  # a hole: it takes no room
    tracemalloc.start()
    with pytest.raises(InputError, match=r"model\.safetensors: not a safetensors file.*header too large"):
        read_header(path)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def _entry(dtype, shape, *offsets):
    return f'{{"dtype": "{dtype}", "shape": {shape}, "data_offsets": {list(offsets)}}}'


@pytest.mark.parametrize(
    ("tensors", "size", "problem"),
    [
        ([("a", _entry("F32", [2], 0, 8)), ("b", _entry("F32", [2], 4, 12))], 12, "invalid offset for tensor `b`"),
        ([("a", _entry("F32", [2], 0, 8)), ("b", _entry("F32", [2], 12, 20))], 20, "invalid offset for tensor `b`"),
        ([("a", _entry("F32", [2], 4, 12))], 12, "invalid offset for tensor `a`"),
        ([("a", _entry("F32", [2], 0, 8))], 9, "not fully covered"),
        ([("a", _entry("F32", [2], -8, 0))], 0, "invalid value: integer `-8`"),
        ([("a", _entry("F32", [-16, -16], 0, 1024))], 1024, "invalid value: integer `-16`"),
        ([("a", _entry("F32", [2.0], 0, 8))], 8, "floating point"),
        ([("a", _entry("F32", [1 << 62, 4], 0, 8))], 8, "overflow"),
        ([("a", _entry("I64", [2], 0, 8))], 8, "invalid shape, data type, or offset"),
        ([("a", _entry("F32", [2], 0, 8))] * 2, 8, "a key stands twice"),
        ([("a", _entry("F32", [2], 0, 8)), ("a", _entry("I32", [2], 0, 8))], 8, "a key stands twice"),
        ([("__metadata__", '{"a": "1", "a": "2"}')], 0, "a key stands twice"),
        ([("a", "[" * 100_000)], 0, "not a safetensors file"),
    ],
)
def test_headers_that_do_not_say_where_each_value_lies_are_refused(tmp_path, tensors, size, problem):
    """Written by hand, as the library's documentation gives the format."""
    path = tmp_path / "model.safetensors"
    text = ("{" + ", ".join(f'"{name}": {entry}' for name, entry in tensors) + "}").encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(size))
    with pytest.raises(InputError) as refused:
        checkpoint.open_shard(path)
    assert str(path) in str(refused.value) and problem in str(refused.value)
    assert len(str(refused.value)) < 600


def test_a_missing_shard_and_a_missing_file_are_refused(tmp_path):
    tiny.fetched("llama", tmp_path, shard="8KB")
    next(tmp_path.glob("model-00002*")).unlink()
    with pytest.raises(InputError, match="missing"):
        Checkpoint(tmp_path)
    with pytest.raises(InputError, match=r"config\.json: missing"):
        Checkpoint(tmp_path / "nowhere")


def test_the_documented_order_counts_layers_as_numbers():
    names = ["layers.10.w", "layers.2.w", "embed", "layers.2.b"]
    assert sorted(names, key=checkpoint.natural) == ["embed", "layers.2.b", "layers.2.w", "layers.10.w"]
