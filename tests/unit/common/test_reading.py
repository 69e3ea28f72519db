"""From a file to its lines, its cells and its JSON: every way in which text can be none is named with file and line."""

import bz2
import codecs
import gzip
import json
import lzma
import re

import pyarrow as pa
import pytest

from knowcost.common import reading
from knowcost.common.errors import InputError
from knowcost.common.reading import cells, document, lines, plain, suffix


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.CSV", ".csv"), ("a.json.gz", ".json"), ("b.JSONL.GZ", ".jsonl"), ("a.Parquet", ".parquet"), ("a", "")],
)
def test_a_suffix_says_the_same_in_capitals_and_gzipped(tmp_path, name, expected):
    assert suffix(tmp_path / name) == expected


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("pack", [None, gzip.compress])
def test_lines_with_their_places(tmp_path, mark, pack):
    content = mark + "Größe\r\n\nb\u2028c\rd".encode()
    path = write(tmp_path, "a.txt.GZ" if pack else "a.txt", pack(content) if pack else content)
    assert [line for _, line in lines(path)] == ["Größe\r\n", "\n", "b\u2028c\r", "d"]
    assert [where for where, _ in lines(path)] == [f"{path}:{number}" for number in (1, 2, 3, 4)]
    assert plain(path) == ["Größe\n", "\n", "b\u2028c\n", "d"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("eins\nGröße\n".encode("latin-1"), r"a\.txt:2: not UTF-8: byte 0xf6 after b'Gr'; save the file as UTF-8"),
        ("Größe\n".encode("utf-16"), r"a\.txt:1: not UTF-8: it begins as UTF-16 does"),
        ("word\n".encode("utf-16-le"), r"a\.txt:1: holds NUL, as UTF-16 does"),
        (b"one\rtwo\nthree\0\n", r"a\.txt:3: holds NUL"),
        (b"\xed\xa0\x80\n", r"a\.txt:1: not UTF-8"),  # half of a surrogate pair, as bytes
        (b"cut\n\xc3", r"a\.txt:2: not UTF-8"),
    ],
)
def test_what_is_no_text_is_named_with_its_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        list(lines(write(tmp_path, "a.txt", content)))


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\); expected one file"):
        list(lines(tmp_path))


def test_a_document_is_read_whole(tmp_path):
    value = {"a": ["\U0001f600", "a backslash and letters: \\ud83d"]}
    path = write(tmp_path, "a.json", codecs.BOM_UTF8 + json.dumps(value, indent=1).encode())
    assert document(path) == value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[1,\n2,\n"\\ud83d"]', r"a\.json:3: '\\ud83d' is half of a surrogate pair"),
        (b"[1,\n2,,\n3]", r"a\.json:2: not valid JSON"),
        (b"", r"a\.json:1: not valid JSON"),
        (b"[1,\n", r"a\.json:1: not valid JSON"),
        (b"9" * 5000, r"a\.json: not readable as JSON"),  # json.loads: ValueError, no JSONDecodeError
        (b"[" * 100_000, r"a\.json: not readable as JSON"),  # RecursionError
    ],
)
def test_a_document_that_is_none(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        document(write(tmp_path, "a.json", content))


def test_cells_as_csv_has_them(tmp_path):
    long = "x" * 140_000  # csv's own limit is 131,072
    content = f'a,"b, ""c""\r\nd"\r\n\r\n  \r\n,,\r\n{long},e\r\n""\r\n'
    path = write(tmp_path, "a.csv", content.encode())
    assert list(cells(path)) == [
        (f"{path}:1", ["a", 'b, "c"\r\nd']),
        (f"{path}:6", [long, "e"]),
        (f"{path}:7", [""]),
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'a,b\nc,"d\ne,f\ng,h\n', 2),  # swallows the rest of the file
        (b'a,b\n"c" d,e\n', 2),
        (b'a,b\n"c,d\n"e",f\n', 2),
    ],
)
def test_quotes_that_do_not_match_are_named_where_they_begin(tmp_path, content, line):
    with pytest.raises(InputError, match=rf"a\.csv:{line}: not CSV .*a quote"):
        list(cells(write(tmp_path, "a.csv", content)))


def test_who_reads_benchmarks_and_texts_opens_no_file_past_this_module(root):
    readers = [*root.glob("knowcost/benchmarks/loaders/*.py"), root / "knowcost/compress/calibration/texts.py"]
    past = re.compile(r"\b(open\(|read_text|read_bytes|csv\.|json\.|pq\.)")
    assert len(readers) > 8 and not [path.name for path in readers if past.search(path.read_text("utf-8"))]


def test_a_gzip_bomb_is_not_read_to_its_end(tmp_path, monkeypatch):
    path = tmp_path / "b.txt.gz"
    path.write_bytes(gzip.compress(bytes(3) + b"\n" * 10**6))
    monkeypatch.setattr(reading, "UNSUSPECTED", 10**5)
    read = 0
    with pytest.raises(InputError, match=r"b\.txt\.gz: unpacks to [0-9,]+ bytes or more, over 200 times its size"):
        for _ in reading._up_to_line_feed(path):
            read += 1
    assert read < 10**6 * 0.5
    monkeypatch.setattr(reading, "UNSUSPECTED", 10**6 + 3)
    assert sum(1 for _ in reading._up_to_line_feed(path)) == 10**6


@pytest.mark.parametrize(
    ("name", "pack", "kind"),
    [
        ("b.jsonl.xz", lzma.compress, "xz"),
        ("b.jsonl.bz2", bz2.compress, "bzip2"),
        ("b.jsonl", gzip.compress, "gzip"),
        ("b.jsonl.gz", lambda data: gzip.compress(gzip.compress(data)), "gzip"),
        ("b.zst", lambda data: pa.compress(data, "zstd", asbytes=True), "zstandard"),
    ],
)
def test_what_is_packed_in_another_way_is_named(tmp_path, name, pack, kind):
    with pytest.raises(InputError, match=rf"{name}: holds {kind}, not text; unpack it"):
        list(lines(write(tmp_path, name, pack(b'{"a": 1}\n'))))
