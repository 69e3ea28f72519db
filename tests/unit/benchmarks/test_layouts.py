"""Which files of a local source its jobs depend on: those that the loader reads, no more and no fewer."""

import json

import pytest
from helpers.benchmark_files import prepare

from knowcost.benchmarks.layouts import files_of


def put(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def names(found, folder):
    return [str(path.relative_to(folder)) for path in found]


@pytest.fixture
def source(tmp_path):
    """A folder in which LAMA, MMLU and PIQA lie, and things that none of them reads."""
    fact = {"uuid": "u", "sub_label": "Ada", "obj_label": "London"}
    put(tmp_path / "TREx/P19.jsonl", json.dumps(fact))
    put(tmp_path / "TREx/P20.JSONL", json.dumps(fact | {"uuid": "v"}))
    put(tmp_path / "TREx/._P19.jsonl", "what a Mac leaves")
    put(tmp_path / "relations.jsonl", *(json.dumps({"relation": r, "template": "[X] [Y] ."}) for r in ("P19", "P20")))
    put(tmp_path / "Squad/test.jsonl", json.dumps({"id": "s", "masked_sentences": ["a [MASK]"], "obj_label": "b"}))
    for split in ("test", "dev", "val"):
        put(tmp_path / f"{split}/law_{split}.csv", *["q,1,2,3,4,A"] * 5)
    put(tmp_path / "dev.jsonl", json.dumps({"goal": "g", "sol1": "a", "sol2": "b"}))
    put(tmp_path / "dev-labels.lst", "0")
    put(tmp_path / "README.md", "notes")
    place = {"sub_id": "S", "sub_label": "Ada", "obj_id": "O", "obj_label": "London", "uuid": "u"}
    relation = {"templates": ["[X] in [Y]"], "answer_space_labels": ["London", "Rome"]}
    put(tmp_path / "BEAR/metadata_relations.json", json.dumps({"P19": relation, "P20": relation}))
    put(tmp_path / "BEAR/P19.jsonl", json.dumps(place))
    other = json.dumps(place | {"uuid": "v", "obj_label": "Rome"})
    for name in ("P19", "P20"):
        put(tmp_path / f"data/trex_lms_vocab/{name}.jsonl", json.dumps(place), other)
    put(tmp_path / "data/pattern_data/graphs_json/P19.jsonl", json.dumps({"pattern": "[X] in [Y]"}))
    put(tmp_path / "data/pattern_data/graphs/P19.graph", "a pickle, which nobody opens")
    return tmp_path


@pytest.mark.parametrize(
    ("format", "read"),
    [
        ("lama_trex", ["TREx/P19.jsonl", "TREx/P20.JSONL", "relations.jsonl"]),
        ("lama_trex_published", ["TREx/P19.jsonl", "TREx/P20.JSONL", "relations.jsonl"]),
        ("lama_squad", ["Squad/test.jsonl"]),
        ("mmlu", ["test/law_test.csv"]),
        ("mmlu_5shot", ["test/law_test.csv", "dev/law_dev.csv"]),
        ("piqa", ["dev.jsonl", "dev-labels.lst"]),
        ("bear", ["BEAR/P19.jsonl", "BEAR/metadata_relations.json"]),
        ("pararel", ["data/trex_lms_vocab/P19.jsonl", "data/pattern_data/graphs_json/P19.jsonl"]),
    ],
)
def test_of_a_folder_what_the_loader_reads(source, tmp_path, format, read):
    assert names(files_of(format, source), source) == read
    _, about = prepare(format, source, tmp_path / "out.parquet")
    assert sorted(about["source_sha256"]) == sorted(read)


def test_of_a_file_itself_and_what_lies_beside_it(source):
    assert names(files_of("boolq", source / "dev.jsonl"), source) == ["dev.jsonl"]
    assert names(files_of("piqa", source / "dev.jsonl"), source) == ["dev.jsonl", "dev-labels.lst"]
    alone = source / "BEAR" / "P19.jsonl"
    assert names(files_of("bear", alone), source) == ["BEAR/P19.jsonl", "BEAR/metadata_relations.json"]
    (source / "dev-labels.lst").unlink()
    assert names(files_of("piqa", source), source) == ["dev.jsonl"]


@pytest.mark.parametrize("format", ["lama_conceptnet", "mmlu", "piqa", "bear", "pararel", "text", "no such format"])
def test_a_source_that_holds_nothing_of_it_is_its_own_input(tmp_path, format):
    assert files_of(format, tmp_path) == [tmp_path]
    assert files_of(format, tmp_path / "nowhere") == [tmp_path / "nowhere"]
