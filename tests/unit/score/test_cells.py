"""What a cell's key depends on, and that its file says so when it was changed."""

import json
import os
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import questions

from knowcost import score
from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.common.parquet import as_metadata
from knowcost.score import cells

OPTIONS = {"tokens_per_batch": 64, "batch_size": 8, "int8_engine": "knowcost", "int8_activations": "batch"}
SETTINGS = cells.Settings(OPTIONS)
MANIFEST = {
    "model": "m",
    "variant": "dense",
    "family": "encoder",
    "files": {"model.safetensors": {"sha256": "a" * 64, "size": 9}, "config.json": {"sha256": "b" * 64, "size": 2}},
}
INT8 = MANIFEST | {"variant": "int8@overall"}


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """The path of a prepared benchmark "own" of two clozes, which a BERT is asked without the harness."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / paths.benchmark("own")
    path.parent.mkdir(parents=True)
    questions.write(path, "cloze", questions.FACTS["cloze"])
    return path


def key(manifest=MANIFEST, settings=SETTINGS):
    return cells.cell_key(manifest, "own", settings)


def other(name, file="model.safetensors", **entry):
    """MANIFEST with something else said of one file."""
    files = MANIFEST["files"] | {file: MANIFEST["files"][file] | entry}
    return MANIFEST | {"variant": name, "files": files}


def test_each_thing_that_rows_depend_on_is_in_the_key(benchmark, monkeypatch):
    keys = [key(), key(other("dense", sha256="c" * 64)), key(other("dense", "config.json", sha256="c" * 64))]
    keys += [key(MANIFEST | {"files": {"model.safetensors": MANIFEST["files"]["model.safetensors"]}})]
    keys += [key(settings=replace(SETTINGS, dtype="bfloat16")), key(settings=replace(SETTINGS, limit=1))]
    keys += [key(settings=replace(SETTINGS, limit=2))]
    keys += [
        key(settings=replace(SETTINGS, options=OPTIONS | {name: 3})) for name in ("tokens_per_batch", "batch_size")
    ]
    keys += [key(INT8)]  # which int8 engine is asked is part of the question
    keys += [key(INT8, replace(SETTINGS, options=OPTIONS | {f"int8_{n}": "else"})) for n in ("engine", "activations")]
    questions.write(benchmark, "cloze", questions.FACTS["cloze"][:1])
    keys += [key()]
    monkeypatch.setattr(score, "STAGE_VERSION", "next")
    keys += [key()]
    assert all(len(each) == 64 for each in keys)
    assert len(set(keys)) == len(keys) == 14


def test_nothing_else_is_in_the_key(benchmark):
    expected = key()
    assert key(MANIFEST | {"model": "n", "variant": "magnitude-20@overall", "steps": ["x"], "bytes": {}}) == expected
    assert key(dict(reversed(MANIFEST.items()))) == expected
    more = {"threads": 2, "device": "cuda", "variants_per_job": 1, "int8_engine": "torch", "int8_activations": "row"}
    assert key(settings=replace(SETTINGS, options=more | dict(list(OPTIONS.items())[:2]))) == expected
    assert key(settings=replace(SETTINGS, remote_code=True)) == expected
    os.utime(benchmark, (1, 1))
    assert key() == expected
    wanted = replace(SETTINGS, options=OPTIONS | {"device": "cuda"})
    assert key(INT8, wanted) == key(INT8)


@pytest.fixture
def cell(tmp_path):
    """A scores file of 300 rows."""
    rows = pa.table({"id": [str(i) for i in range(300)], "correct": [i % 3 == 0 for i in range(300)],
                     "logprob": [-i / 7 for i in range(300)]})  # fmt: skip
    path = tmp_path / "scores/own.parquet"
    cells.write(path, rows, {"key": "k", "asked": 300, "version": score.STAGE_VERSION})
    return path


def test_what_was_written_is_read(cell):
    table, about = cells.read(cell)
    assert table["logprob"].to_pylist() == [-i / 7 for i in range(300)]
    assert (about["key"], about["asked"], cells.metadata(cell)) == ("k", 300, about)
    assert cells.read(cell, ["correct", "rank"])[0].column_names == ["correct"]
    assert cells.is_valid(cell, "k") and not cells.is_valid(cell, "l")


@pytest.mark.parametrize("column", range(3))
def test_a_flipped_bit_in_a_page_is_named(cell, column):
    chunk = pq.ParquetFile(cell).metadata.row_group(0).column(column)
    whole = cell.read_bytes()
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    for place in range(start + chunk.total_compressed_size - 20, start + chunk.total_compressed_size):
        data = bytearray(whole)
        data[place] ^= 4
        cell.write_bytes(data)
        with pytest.raises(InputError, match=r"scores/own\.parquet.* damaged|own\.parquet: damaged"):
            cells.read(cell)
        assert not cells.is_valid(cell, "k")


@pytest.mark.parametrize("change", [{"asked": 200}, {"key": "l"}, {"more": 1}])
def test_a_change_of_what_a_cell_says_of_itself_is_named(cell, change):
    """The rows and all else are as they were."""
    table = pq.read_table(cell)
    pq.write_table(table.replace_schema_metadata(as_metadata(metadata(table) | change)), cell)
    assert metadata(pq.read_table(cell)).items() >= change.items()
    with pytest.raises(InputError, match=r"own\.parquet.*damaged"):
        cells.read(cell)
    assert not cells.is_valid(cell, "l") and not cells.is_valid(cell, "k")


def metadata(table):
    return json.loads(table.schema.metadata[b"knowcost"])


def test_a_cell_of_another_version_is_refused(cell, monkeypatch):
    monkeypatch.setattr(score, "STAGE_VERSION", "next")
    with pytest.raises(InputError, match=r"own\.parquet.*another version"):
        cells.read(cell)
