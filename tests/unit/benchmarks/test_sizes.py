"""Size classes, and so many rows of each relation."""

import logging

import pytest
from helpers.benchmark_files import jsonl

from knowcost.benchmarks import prepared, sizes
from knowcost.common.errors import InputError


def story(words, name=None):
    return {"id": name or str(words), "article": "word " * words, "highlights": "h"}


def prepare(tmp_path, rows, **row):
    """({id: relation}, metadata) of stories."""
    source = jsonl(tmp_path / "s.jsonl", *rows)
    prepared.prepare({"name": "s", "format": "cnn_dailymail", **row}, source, tmp_path / "out.parquet")
    table, about = prepared.read(tmp_path / "out.parquet")
    return dict(zip(table["id"].to_pylist(), table["relation"].to_pylist(), strict=True)), about


def test_thirds_of_the_whole_file(tmp_path):
    found, about = prepare(tmp_path, [story(words) for words in (9, 1, 5, 7, 3, 2)])
    assert found == {"9": "large", "1": "small", "5": "medium", "7": "large", "3": "medium", "2": "small"}
    assert about["size_bounds"] == [3, 7] and about["rows"] == 6


def test_texts_of_as_many_words_are_of_one_class(tmp_path):
    found, about = prepare(tmp_path, [story(2, "a"), story(4, "b"), story(4, "c"), story(6, "d"), story(4, "e")])
    assert about["size_bounds"] == [4, 4] and set(found.values()) == {"small", "large"}
    assert found["b"] == found["c"] == found["e"]


def test_bounds_of_the_table(tmp_path, caplog):
    found, about = prepare(tmp_path, [story(2), story(3), story(6), story(7)], size_bounds="3,7")
    assert found == {"2": "small", "3": "medium", "6": "medium", "7": "large"} and about["size_bounds"] == [3, 7]
    with caplog.at_level(logging.WARNING):
        prepare(tmp_path, [story(2), story(3)], size_bounds="3,7")
    assert "s: no text is large, with medium ones from 3 words on and large ones from 7; `size_bounds`" in caplog.text


def test_bounds_rise():
    assert sizes.given("300,700") == (300, 700) and sizes.given("terciles") is None
    with pytest.raises(InputError, match=r"size_bounds: '700,300'; expected the words from which on"):
        sizes.given("700,300")


def test_so_many_of_each_class_of_the_whole_file(tmp_path):
    whole, _ = prepare(tmp_path, [story(words) for words in (9, 1, 5, 7, 3, 2)])
    found, about = prepare(tmp_path, [story(words) for words in (2, 9, 1, 5, 7, 3)], per_relation="1")
    assert list(found.items()) == list(whole.items())[:3]  # as a limit of three takes them
    assert sorted(found.values()) == ["large", "medium", "small"]
    assert (about["rows"], about["per_relation"], about["size_bounds"]) == (3, 1, [3, 7])


def test_rows_without_a_relation_are_one(tmp_path):
    source = jsonl(tmp_path / "l.jsonl", *({"text": f"a {n}", "relation": "r" if n > 2 else None} for n in range(6)))
    row = {"name": "l", "format": "lines", "per_relation": "2"}
    prepared.prepare(row, source, tmp_path / "out.parquet")
    assert sorted(prepared.read(tmp_path / "out.parquet")[0]["relation"].to_pylist(), key=str) == [None] * 2 + ["r"] * 2


def test_what_an_answer_may_have(tmp_path):
    assert prepare(tmp_path, [story(1)], new_tokens="9")[1]["new_tokens"] == 9
