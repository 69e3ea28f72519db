"""LAMBADA, running text and lines."""

import json

import pytest
from helpers.benchmark_files import jsonl, prepare

from knowcost.common.errors import InputError


def test_lambada_keeps_its_text(tmp_path):
    rows, about = prepare("lambada", jsonl(tmp_path / "l.jsonl", {"text": "a\n\nb  c"}), tmp_path / "out.parquet")
    assert rows == [{"id": "0", "relation": None, "text": "a\n\nb  c"}] and about["kind"] == "lambada"
    with pytest.raises(
        InputError, match="needs a last word, after which nothing stands, and something before it, found 'word'"
    ):
        prepare("lambada", jsonl(tmp_path / "l.jsonl", {"text": "word"}), tmp_path / "out.parquet")


def test_a_plain_text_is_joined_as_the_hubs_rows_are(tmp_path):
    """The hub's rows of wikitext-2-raw-v1: a line with its break, or nothing for a line without a word."""
    (tmp_path / "w.raw").write_text(" \n = A = \n \n one \n two")
    hub = ["", " = A = \n", "", " one \n", " two"]
    rows, about = prepare("text", tmp_path / "w.raw", tmp_path / "out.parquet")
    assert "".join(row["text"] for row in rows) == "\n\n".join(hub) and about["kind"] == "text"
    source = jsonl(tmp_path / "w.jsonl", *({"text": line} for line in hub))
    assert prepare("text", source, tmp_path / "out.parquet")[0] == rows


def test_c4_is_joined_by_spaces_and_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("knowcost.benchmarks.loaders.texts.C4_DOCUMENTS", 2)
    source = jsonl(tmp_path / "c.jsonl", *({"text": word, "url": "u"} for word in ("a.", "b.", "c.")))
    rows, about = prepare("c4", source, tmp_path / "out.parquet")
    assert [row["text"] for row in rows] == ["a. ", "b."] and about["kind"] == "text"


def test_lines_keep_their_ids(tmp_path):
    source = jsonl(tmp_path / "l.jsonl", {"text": "a b", "id": "x", "relation": "r"}, {"text": "c d"})
    rows, about = prepare("lines", source, tmp_path / "out.parquet")
    assert [(row["id"], row["relation"]) for row in rows] == [("1", None), ("x", "r")] and about["kind"] == "lines"


@pytest.mark.parametrize("name", ["w.RAW", "w.txt"])
def test_a_byte_order_mark_is_no_text(tmp_path, name):
    (tmp_path / name).write_bytes("\ufeffGröße\r\n".encode())
    assert prepare("text", tmp_path / name, tmp_path / "out.parquet")[0][0]["text"] == "Größe\n"


def test_another_encoding_is_named_with_its_line(tmp_path):
    (tmp_path / "w.txt").write_bytes("one\n\nGröße\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"w\.txt:3: not UTF-8: byte 0xf6 after b'Gr'"):
        prepare("text", tmp_path / "w.txt", tmp_path / "out.parquet")


@pytest.mark.parametrize(("format", "name"), [("text", "w.txt"), ("text", "w.jsonl"), ("c4", "w.jsonl")])
def test_a_text_without_a_word_is_refused(tmp_path, format, name):
    (tmp_path / name).write_text(" \n\n" if name == "w.txt" else '{"text": " "}\n{"text": null}\n')
    with pytest.raises(InputError, match=rf"no usable row in .*{name}"):
        prepare(format, tmp_path / name, tmp_path / "out.parquet")


@pytest.mark.parametrize("text", ["a b ", "a b\n", " word"])
def test_lambada_needs_both_a_word_and_what_stands_before_it(tmp_path, text):
    with pytest.raises(InputError, match=r"l\.jsonl:1: 'text' needs a last word, after which nothing stands"):
        prepare("lambada", jsonl(tmp_path / "l.jsonl", {"text": text}), tmp_path / "out.parquet")


@pytest.mark.parametrize(
    ("format", "line", "problem"),
    [
        ("text", {"page": "a"}, "no `text`, only page; rename the column"),
        ("c4", {"text": 3}, "'text' must be a text, found 3"),
        ("lines", {"text": " "}, "'text' must be a non-empty text"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, format, line, problem):
    (tmp_path / "x.jsonl").write_text(json.dumps(line))
    with pytest.raises(InputError, match=rf"x\.jsonl:1: {problem}"):
        prepare(format, tmp_path / "x.jsonl", tmp_path / "out.parquet")


def test_the_real_wikitext(shared, tmp_path):
    rows, _ = prepare("text", shared / "data/wikitext2/wiki.test.raw", tmp_path / "out.parquet")
    assert len(rows) == 4358  # rows of the hub's test split
