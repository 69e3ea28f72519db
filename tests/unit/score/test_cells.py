"""What a cell's key depends on, and that its file says so when it was changed."""

import hashlib
import json
import os
import re
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import questions

from knowcost import score
from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.score import cells, task_files
from knowcost.spec.variants import Variant

OPTIONS = {"tokens_per_batch": 64, "batch_size": 8, "int8_engine": "knowcost", "int8_activations": "batch"}
SETTINGS = cells.Settings(OPTIONS)
MANIFEST = {
    "model": "m",
    "variant": "dense",
    "family": "encoder",
    "files": {"model.safetensors": {"sha256": "a" * 64, "size": 9}, "config.json": {"sha256": "b" * 64, "size": 2}},
}
INT8 = MANIFEST | {"variant": "int8@overall"}
BROUGHT = MANIFEST | {"variant": Variant(brought="theirs").slug}


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
    keys += [key(settings=replace(SETTINGS, dtype="bfloat16"))]
    keys += [key(settings=replace(SETTINGS, options=OPTIONS | {"tokens_per_batch": 3}))]
    keys += [key(INT8)]  # which int8 engine is asked is part of the question
    keys += [key(INT8, replace(SETTINGS, options=OPTIONS | {f"int8_{n}": "else"})) for n in ("engine", "activations")]
    keys += [key(INT8, replace(SETTINGS, limit=1)), key(BROUGHT), key(BROUGHT, replace(SETTINGS, limit=1))]
    questions.write(benchmark, "cloze", questions.FACTS["cloze"][:1])
    keys += [key()]
    monkeypatch.setattr(score, "STAGE_VERSION", "next")
    keys += [key()]
    assert all(len(each) == 64 for each in keys)
    assert len(set(keys)) == len(keys) == 14


def test_how_many_facts_are_asked_is_part_of_a_key_only_where_they_depend_on_each_other(benchmark):
    one, both, more = (replace(SETTINGS, limit=limit) for limit in (1, 2, 3))
    assert key(settings=one) == key(settings=both) == key()
    assert key(INT8, one) != key(INT8, both) == key(INT8, more) == key(INT8)  # the file has two
    by_sentence = OPTIONS | {"int8_activations": "sentence"}
    assert len({key(INT8, replace(each, options=by_sentence)) for each in (one, both, SETTINGS)}) == 1


@pytest.mark.parametrize(("kind", "family", "of"), [
    ("cloze", "encoder", "tokens_per_batch"), ("cloze_published", "encoder", "tokens_per_batch"),
    ("cloze", "decoder", "batch_size"), ("boolq", "decoder", "batch_size"), ("conversation", "decoder", "batch_size"),
    ("lines", "decoder", None), ("similarity", "decoder", None),
])  # fmt: skip
def test_a_key_has_the_options_that_its_engine_uses(kind, family, of):
    asked = cells.Asked("dense", family, kind, 2, {})
    named = {name for name in OPTIONS if cells.key_of(asked, changed(name)) != cells.key_of(asked, SETTINGS)}
    assert named == ({of} if of else set())


def changed(name):
    return replace(SETTINGS, options=OPTIONS | {name: "else"})


def test_a_key_is_a_digest_of_what_it_depends_on(benchmark, monkeypatch):
    """Other names in it would ask every cell of every study again."""
    depends = {"weights": digest(MANIFEST["files"]), "dtype": "float16", "version": score.STAGE_VERSION}
    depends["benchmark_sha256"] = hashlib.sha256(benchmark.read_bytes()).hexdigest()
    wanted = cells.Settings(OPTIONS, "float16", 1)
    assert key(MANIFEST, wanted) == digest(depends | {"options": {"tokens_per_batch": 64}})
    int8 = {name: value for name, value in OPTIONS.items() if name != "batch_size"}
    assert key(INT8, wanted) == digest(depends | {"options": int8, "limit": 1})
    monkeypatch.setattr(task_files, "harness_version", lambda: "0.0.1")
    questions.write(benchmark, "boolq", questions.FACTS["boolq"])
    depends["benchmark_sha256"] = hashlib.sha256(benchmark.read_bytes()).hexdigest()
    asked = {"version": "0.0.1", "files": task_files.digests(task_files.task_file("boolq"))}
    decoder = MANIFEST | {"family": "decoder"}
    assert key(decoder, wanted) == digest(depends | {"options": {"batch_size": 8}, "harness": asked})
    assert cells.harness("boolq", "decoder") == asked and cells.harness("cloze", "encoder") is None


def digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


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
    path = tmp_path / "scores/own.parquet"
    cells.write(path, table(300), {"key": "k", "asked": 300, "version": score.STAGE_VERSION})
    return path


def table(rows):
    columns = {"id": [str(i) for i in range(rows)], "correct": [i % 3 == 0 for i in range(rows)]}
    return pa.table(columns | {"logprob": [-i / 7 for i in range(rows)]})


def test_what_was_written_is_read(cell):
    rows, about = cells.read(cell)
    assert rows["logprob"].to_pylist() == [-i / 7 for i in range(300)]
    assert (about["key"], about["asked"], cells.metadata(cell)) == ("k", 300, about)
    assert cells.read(cell, ["correct", "rank"])[0].column_names == ["correct"]
    assert cells.is_valid(cell, "k") and not cells.is_valid(cell, "l")


def test_a_flipped_bit_anywhere_is_named(cell):
    whole = cell.read_bytes()
    for place in range(0, len(whole), 7):
        cell.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        for read in (cells.read, cells.metadata):
            with pytest.raises(InputError, match=r"scores/own\.parquet is damaged"):
                read(cell)
        assert not cells.is_valid(cell, "k")


@pytest.mark.parametrize("change", [{"asked": 200}, {"key": "l"}, {"more": 1}])
def test_a_change_of_what_a_cell_says_of_itself_is_named(cell, change):
    """The rows and all else are as they were."""
    rows = pq.read_table(cell)
    about = json.loads(rows.schema.metadata[b"knowcost"]) | change
    pq.write_table(rows.replace_schema_metadata({"knowcost": json.dumps(about)}), cell)
    assert json.loads(pq.read_schema(cell).metadata[b"knowcost"]) == about
    with pytest.raises(InputError, match=r"own\.parquet is damaged"):
        cells.read(cell)
    assert not cells.is_valid(cell, "l") and not cells.is_valid(cell, "k")


def test_a_cell_of_another_version_is_refused(cell, monkeypatch):
    monkeypatch.setattr(score, "STAGE_VERSION", "next")
    for read in (cells.read, cells.metadata):
        with pytest.raises(InputError, match=r"own\.parquet.*another version"):
            read(cell)


@pytest.mark.parametrize("rows", [299, 301])
def test_a_cell_with_other_rows_than_were_asked_is_refused_though_it_is_sealed(cell, rows):
    cells.write(cell, table(rows), {"key": "k", "asked": 300, "version": score.STAGE_VERSION})
    with pytest.raises(InputError, match=rf"own\.parquet: {rows} rows, 300 were asked"):
        cells.read(cell)


def test_a_cell_without_rows_is_not_written(tmp_path):
    with pytest.raises(InputError, match=r"own\.parquet: none of .*'not_one_token': 3"):
        cells.write(tmp_path / "own.parquet", table(0), {"dropped": {"not_one_token": 3}})
    assert not list(tmp_path.iterdir())


def test_a_cell_is_of_the_weights_and_the_benchmark_that_are_there(benchmark):
    asked = cells.asked_of(MANIFEST, "own")
    path = paths.scores("m", "dense", "own")
    cells.check_asked(path, {"key": "k", **asked}, asked)
    for name, file in (("weights", paths.manifest("m", "dense")), ("benchmark_sha256", paths.benchmark("own"))):
        with pytest.raises(InputError, match=re.escape(f"{path}: was not asked of what {file} says")):
            cells.check_asked(path, asked | {name: "0" * 64}, asked)
    others = [other("int8@overall", sha256="c" * 64), other("dense", "config.json", sha256="c" * 64)]
    assert len({asked["weights"], *(cells.weights_of(each) for each in others)}) == 3
    assert cells.weights_of(other("int8@overall")) == asked["weights"]
    assert asked["benchmark_sha256"] == hashlib.sha256(benchmark.read_bytes()).hexdigest()
    benchmark.write_bytes(benchmark.read_bytes() + b" ")
    with pytest.raises(InputError, match=r"own\.parquet is damaged"):
        cells.asked_of(MANIFEST, "own")


def test_a_cell_that_holds_a_model_against_the_dense_one_depends_on_that_too(benchmark):
    dense, changed = other("dense"), other("dense", sha256="c" * 64)
    keys = {cells.cell_key(INT8, "own", SETTINGS, each) for each in (None, dense, changed)}
    assert len(keys) == 3
    asked = cells.asked_of(INT8, "own", dense)
    path = paths.scores("m", "int8@overall", "own")
    cells.check_asked(path, asked, asked)
    for said in (cells.asked_of(INT8, "own", changed), cells.asked_of(INT8, "own")):
        with pytest.raises(InputError, match=rf"was not asked of what {paths.manifest('m', 'dense')} says"):
            cells.check_asked(path, said, asked)
    assert cells.is_beside_dense({"kind": "similarity"}) and not cells.is_beside_dense({"kind": "text"})


@pytest.mark.parametrize("name", ["model", "variant", "benchmark"])
def test_a_cell_in_another_s_place_is_named(name):
    about = {"model": "m", "variant": "dense", "benchmark": "own"}
    cells.check_place(paths.scores("m", "dense", "own"), about)
    with pytest.raises(InputError, match=r"own\.parquet: says it is of .*other.* move it back"):
        cells.check_place(paths.scores("m", "dense", "own"), about | {name: "other"})
