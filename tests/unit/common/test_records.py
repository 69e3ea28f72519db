"""Rows with names, from JSON lines, CSV, Parquet and tables."""

import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from knowcost.common import reading
from knowcost.common.errors import InputError
from knowcost.common.records import records, table


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(path):
    return [row for _, row in records(path)]


EXPECTED = [{"id": "1", "text": "Größe"}, {"id": "2", "text": None}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,text\n1,Größe\n2,\n"),
        ("a.CSV", "\ufeffid, text \r\n1,Größe\r\n2,\r\n,\r\n\r\n  \r\n"),
        ("a.tsv", "id\ttext\n1\tGröße\n2\t\n"),
        ("a.TSV", "\ufeffid\ttext\n1\tGröße\n2\t\n\n"),
        ("a.csv", "id,text,,\n1,Größe,,\n2,,,\n"),  # a spreadsheet's empty columns
        ("a.jsonl", '{"id": "1", "text": "Größe"}\n{"id": "2", "text": null}'),
        ("a.JSONL", '\ufeff{"id": "1", "text": "Gr\\u00f6\\u00dfe"}\r\n \r\n\ufeff{"id": "2", "text": null}\n\n'),
    ],
)
def test_the_same_rows_however_they_are_written(tmp_path, name, content):
    assert rows(write(tmp_path, name, content)) == EXPECTED


def test_parquet_with_its_places(tmp_path):
    path = tmp_path / "a.Parquet"
    pq.write_table(pa.Table.from_pylist(EXPECTED), path, row_group_size=1)
    assert list(records(path)) == [(f"{path}, row {number}", row) for number, row in enumerate(EXPECTED)]


def test_a_column_without_a_name_is_kept_under_none(tmp_path):
    assert rows(write(tmp_path, "a.csv", ",text\n0,a\n")) == [{"": "0", "text": "a"}]  # pandas' index


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", r"a\.csv: empty; expected a header"),
        ("a.csv", "\n \n", r"a\.csv: empty; expected a header"),
        ("a.csv", "id,text,id\n", r"a\.csv:1: a column name occurs twice in the header: 'id'"),
        ("a.csv", "id,text\n1,a,b\n", r"a\.csv:2: 3 cells, but the header has 2 columns; a cell with a comma"),
        ("a.tsv", "id\ttext\n1\n", r"a\.tsv:2: 1 cells, but the header has 2 columns; a cell with a tab"),
        ("a.jsonl", '{"id": "\\ud83d"}\n', r"a\.jsonl:1: '\\ud83d' is half of a surrogate pair"),
        ("a.jsonl", '{"id": ' + "9" * 5000 + "}\n", r"a\.jsonl:1: not readable as JSON"),
        ("a.jsonl", '{"a":' * 100_000, r"a\.jsonl:1: not readable as JSON"),
        ("a.jsonl", '{"a": {"b": 1, "b": 2}}\n', r"a\.jsonl:1: .*a key stands twice in one object: \['b', 'b'\]"),
        (
            "a.json",
            '[\n {"a": 1}\n]\n',
            r"a\.json:1: expected JSON lines, one object a line, found the beginning of an arr",
        ),
        ("a.jsonl", '{"a": 1}\n{"a": 1} {"a": 2}\n', r"a\.jsonl:2: not valid JSON \(Extra data"),
        ("a.parquet", "PAR1", r"a\.parquet: not a readable parquet file"),
        ("a.parquet", "", r"a\.parquet: not a readable parquet file"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message):
        rows(write(tmp_path, name, content))


def test_parquet_that_is_no_text_or_has_a_name_twice(tmp_path):
    bad = pa.array([b"a", b"Gr\xf6\xdfe"]).view(pa.string())
    pq.write_table(pa.table({"text": bad}), tmp_path / "latin.parquet")
    with pytest.raises(InputError, match=r"latin\.parquet, row 0 or one of the next: holds a text that is not UTF-8"):
        rows(tmp_path / "latin.parquet")
    pq.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["x", "x"]), tmp_path / "twice.parquet")
    with pytest.raises(InputError, match=r"twice\.parquet: a column name occurs twice: 'x'"):
        rows(tmp_path / "twice.parquet")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_with_comments_and_rows_that_end_early(tmp_path, mark, end):
    content = [
        "# models of the study",
        "name\tfamily\tnote",
        "a\tdecoder",
        "",
        "# Größe",
        "b \t encoder\tGröße und Form\t\t",
        " ",
    ]
    path = write(tmp_path, "t.tsv", mark + end.join(content) + end)
    assert list(table(path)) == [
        (f"{path}:3", {"name": "a", "family": "decoder", "note": ""}),
        (f"{path}:6", {"name": "b", "family": "encoder", "note": "Größe und Form"}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name\tnote\na\tGröße\n".encode("latin-1"), r"t\.tsv:2: not UTF-8: byte 0xf6"),
        (b"name\tnote\na\tb\tc\n", r"t\.tsv:2: 'c' stands in a column that the header does not name"),
        (b"name\t\na\tb\n", r"t\.tsv:2: 'b' stands in a column that the header does not name"),
        (b"name\tname\na\tb\n", r"t\.tsv:1: a column name occurs twice in the header: 'name'"),
        (b'name\tnote\na\t"open\nb\tc\n', r"t\.tsv:2: not CSV"),  # the row of b would be part of the note
        (b"# only a comment\n", r"t\.tsv: empty; expected a header"),
        (b"name  note\na\tb\n", r"t\.tsv:1: columns are parted by tabs, this line has blanks: 'name  note'; write a"),
        (b"name\tnote more\n", r"t\.tsv:1: columns are parted by tabs, this line has blanks: 'note more'"),
        (b"name,note\na,b\n", r"t\.tsv:1: columns are parted by tabs, this line has commas"),
        (b"name;note\na;b\n", r"t\.tsv:1: .*this line has semicolons"),
        (b"# x\nname\tnote\na   b\n", r"t\.tsv:3: columns are parted by tabs, this line has blanks: 'a   b'"),
    ],
)
def test_a_table_that_cannot_be_read(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        list(table(write(tmp_path, "t.tsv", content)))


def test_a_table_is_utf_8_in_every_locale(tmp_path):
    path = write(tmp_path, "models.tsv", "name\tnote\na\tGröße\n")
    code = (
        "from pathlib import *; from knowcost.common import records; print(ascii([*records.table(Path('models.tsv'))]))"
    )
    plain_c = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=path.parent, env=plain_c, capture_output=True, check=True)
    assert "{'name': 'a', 'note': 'Gr\\xf6\\xdfe'}" in done.stdout.decode()


def test_parquet_that_announces_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "UNSUSPECTED", 10**6)
    path = tmp_path / "b.parquet"
    pq.write_table(pa.table({"text": ["a" * 10**6]}), path, compression="zstd")
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", None)  # nothing is unpacked
    with pytest.raises(InputError, match=r"b\.parquet: unpacks to 1,000,0.. bytes or more, over 200 times its size"):
        rows(path)


def test_parquet_that_repeats_one_long_text(tmp_path, monkeypatch):
    path, text = tmp_path / "b.parquet", "a" * 10**5
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 1000), [text])
    pq.write_table(pa.table({"text": repeated}), path, compression="zstd")
    assert path.stat().st_size < 5000  # and a dictionary in it: 100 MB of text, which the file announces as 0.1
    monkeypatch.setattr(reading, "UNSUSPECTED", 10**7)
    read = 0
    with pytest.raises(InputError, match=r"b\.parquet: unpacks to [0-9,]+ bytes or more, over 200 times its size"):
        for _, row in records(path):
            read += len(row["text"])
    assert read <= 10**7
    monkeypatch.setattr(reading, "UNSUSPECTED", 10**9)
    assert [row["text"] for row in rows(path)] == [text] * 1000
