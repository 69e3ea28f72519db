"""Spoiled files of calibration texts: the same texts where it does not matter, else texts, or an InputError that names
the file. KNOWCOST_FUZZ is the number of examples, as in tests/unit/benchmarks/test_mutated.py."""

import gzip
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from helpers import mutations
from hypothesis import given
from hypothesis import strategies as st

from knowcost.common.errors import InputError
from knowcost.compress.calibration import texts

ROWS = [{"text": "Größe \U0001f600", "url": "u"}, {"text": "", "url": "v"}, {"text": "b  c", "url": "w"}]
FILES = {f"c{end}": ROWS for end in (".jsonl", ".csv", ".tsv", ".parquet")} | {"c.txt": "Größe\n\n b\nc", "c.raw": "a"}


def read(folder, name, content):
    """The texts that are made of a file, or what the InputError says."""
    mutations.put(folder, {name: content})
    try:
        texts.prepare({"name": "mine"}, folder / name, folder / "out.arrow")
    except InputError as error:
        assert str(folder / name) in str(error) and not (folder / "out.arrow").exists()
        return str(error)
    found = pa.ipc.open_file(folder / "out.arrow").read_all().column("text").to_pylist()
    assert all(isinstance(text, str) for text in found) and any(text.strip() for text in found)
    return found


@pytest.mark.parametrize("name", FILES)
def test_what_does_not_matter_changes_nothing(tmp_path, name):
    content = mutations.serialized(name, FILES[name])
    expected = [FILES[name]] if isinstance(FILES[name], str) else [row["text"] for row in ROWS]
    ways = {way: change for way, change in mutations.HARMLESS.items() if not name.endswith(".parquet")}
    if isinstance(FILES[name], str):
        del ways["blank lines"]
    assert read(tmp_path / "as it is", name, content) == expected
    assert read(tmp_path / "capitals", name.upper(), content) == expected
    for way, change in ways.items():
        assert read(tmp_path / way, name, change(content)) == expected
    if ways:
        assert read(tmp_path / "gz", f"{name}.gz", gzip.compress(content)) == expected


@pytest.mark.parametrize("name", [name for name, value in FILES.items() if isinstance(value, list)])
@mutations.settings
@given(data=st.data())
def test_spoiled_values(name, data):
    try:
        content = mutations.serialized(name, mutations.edited(data.draw, ROWS))
    except mutations.NO_SUCH_FILE:
        return
    with tempfile.TemporaryDirectory() as folder:
        read(Path(folder), name, content)


@pytest.mark.parametrize("name", FILES)
@mutations.settings
@given(data=st.data())
def test_spoiled_bytes(name, data):
    with tempfile.TemporaryDirectory() as folder:
        read(Path(folder), name, mutations.damaged(data.draw, mutations.serialized(name, FILES[name])))
