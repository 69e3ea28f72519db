"""Tensors written to safetensors files, or described as such a file would be, block by block in bounded memory.

A file is hashed as its bytes stream by, and each block is read back behind its writing. That finds a file that does not
hold what was written to it; what is read then comes from the page cache of the machine (`docs/trust.md`).
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from knowcost.common import files
from knowcost.common.errors import BrokenPromise
from knowcost.models.checkpoint import NUMPY, Tensor, open_shard


def sharded(tensors: Iterable[Tensor], shard_size: int, stem: str) -> dict[str, list[Tensor]]:
    """{file name: [Tensors]}: in their order, a new file where the next tensor would take one beyond shard_size bytes.

    As save_pretrained's max_shard_size does it: a tensor larger than that has a file to itself, and a single file is
    called <stem>.safetensors.
    """
    groups: list[list[Tensor]] = []
    room = -1
    for tensor in tensors:
        if tensor.nbytes > room:
            groups.append([])
            room = shard_size
        groups[-1].append(tensor)
        room -= tensor.nbytes
    if len(groups) == 1:
        return {f"{stem}.safetensors": groups[0]}
    return {f"{stem}-{i:05}-of-{len(groups):05}.safetensors": group for i, group in enumerate(groups, start=1)}


def write_shard(path: str | Path, tensors: Iterable[Tensor]) -> dict[str, Any]:
    """Write Tensors to one safetensors file, atomically. Returns {"sha256", "size"}.

    Raises BrokenPromise where the file does not hold what was written.
    """
    with files.atomic(path) as temporary:
        return _write(temporary, tensors)


def describe_shard(name: str, tensors: Iterable[Tensor]) -> dict[str, Any]:
    """What write_shard would return of a file of this name; nothing is written."""
    return _stream(name, tensors, lambda data: None)


def stored(path: str | Path, tensors: Iterable[Tensor]) -> dict[str, Tensor]:
    """Write Tensors to a file of a scratch folder and return {name: Tensor} as they are read back, block by block.

    Nobody looks for such a file after a crash, and there may be thousands: it is not written atomically.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    _write(path, tensors)
    return open_shard(path)


def index(shards: Mapping[str, Iterable[Tensor]]) -> dict[str, Any]:
    """The index of a sharded checkpoint. shards: {file name: [Tensor]}."""
    weight_map = {tensor.name: shard for shard, tensors in shards.items() for tensor in tensors}
    total = sum(tensor.nbytes for tensors in shards.values() for tensor in tensors)
    return {"metadata": {"total_size": total}, "weight_map": weight_map}


def _write(path: str | Path, tensors: Iterable[Tensor]) -> dict[str, Any]:
    """write_shard's result, written in place."""
    with open(path, "w+b", buffering=0) as f:
        return _stream(path, tensors, _Writer(f).put)


class _Writer:
    """Writes blocks to a file, and reads each back."""

    def __init__(self, f: FileIO) -> None:
        self._file, self._at = f, 0
        self._found = bytearray()  # of the last block, to be used again: most are of one size

    def put(self, data: memoryview) -> None:
        rest = data
        while rest:
            rest = rest[self._file.write(rest) :]
        if len(self._found) != len(data):
            self._found = bytearray(len(data))
        read = os.preadv(self._file.fileno(), [self._found], self._at)
        if read != len(data) or self._found != data:
            raise BrokenPromise(f"{self._file.name}: does not hold what was written to it behind byte {self._at:,}")
        self._at += len(data)


def _stream(path: str | Path, tensors: Iterable[Tensor], put: Callable[[memoryview], None]) -> dict[str, Any]:
    """Hand the bytes of a file of these Tensors to `put`, block by block. Returns their {"sha256", "size"}.

    Wider types come first, as in the safetensors library, so that every tensor stays aligned. A thread hashes a block
    while it is put and the next one is made.
    """
    tensors = sorted(tensors, key=lambda tensor: -np.dtype(NUMPY[tensor.dtype]).itemsize)
    start, expected = _header(tensors)
    digest, size = hashlib.sha256(start), len(start)
    put(memoryview(start))
    with ThreadPoolExecutor(1) as pool:
        hashed: Future[None] | None = None
        for block in (block for tensor in tensors for block in tensor.blocks()):
            data = np.ascontiguousarray(block).data.cast("B")
            if hashed:
                hashed.result()
            hashed = pool.submit(digest.update, data)
            put(data)
            size += len(data)
    if size != expected:
        raise BrokenPromise(f"{path}: wrote {size:,} bytes, the header promises {expected:,}")
    return {"sha256": digest.hexdigest(), "size": size}


def _header(tensors: Iterable[Tensor]) -> tuple[bytes, int]:
    """(What stands before the data of a file, the size of the file.)"""
    header: dict[str, dict[str, Any]] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in tensors:
        header[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        offset += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, 8 + len(text) + offset
