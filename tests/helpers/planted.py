"""Secrets looked for in what a run leaves: as they are, as an address or base64 writes them, and in what is packed."""

import base64
import binascii
import gzip
import io
import re
import urllib.parse
import zipfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq

_BASE64 = re.compile(rb"base64,([A-Za-z0-9+/=\s]{16,})")
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")  # of PNG and PDF too


def forms(secret):
    """What to look for: base64 spells a text in three ways, by where it begins."""
    yield from {secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret), repr(secret)[1:-1]}
    for before in range(3):
        whole = base64.b64encode(bytes(before) + secret.encode()).decode()
        inner = whole[
            (0, 2, 3)[before] : len(whole) - (0, 4, 4)[(before + len(secret)) % 3]
        ]  # what no neighbour changes
        yield from {inner, inner.replace("+", "-").replace("/", "_")}


def found_in(data, secrets):
    """The secrets in these bytes, or in what they unpack to."""
    layers = [data, *_unpacked(data)]
    return [s for s in secrets if any(form.encode() in layer for form in forms(s) for layer in layers)]


def _unpacked(data):
    for inner in _inside(data):
        yield inner
        yield from _unpacked(inner)


def _inside(data):
    if data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data)
    if data[:4] == b"PAR1":
        file = pq.ParquetFile(io.BytesIO(data))
        yield repr((file.read().to_pylist(), file.schema_arrow.metadata, file.metadata.metadata)).encode()
    if data[:6] == b"ARROW1":
        table = pa.ipc.open_file(data).read_all()
        yield repr((table.to_pylist(), table.schema.metadata)).encode()
    if data[:4] == b"PK\3\4":
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    for found in _BASE64.finditer(data):
        try:
            yield base64.b64decode(found[1])
        except binascii.Error:
            continue
    for found in _ZLIB.finditer(data):
        try:
            text = zlib.decompressobj().decompress(data[found.start() :])
        except zlib.error:
            continue
        if len(text) > 16:
            yield text
