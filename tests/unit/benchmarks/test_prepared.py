import hashlib
import json
import subprocess
import sys

import pytest
from helpers.benchmark_files import SHARED

from knowcost.benchmarks import formats, prepared
from knowcost.common.errors import InputError


def lines(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


ROW = {"id": "a", "cloze": "Rome is in [MASK] .", "answer": "Italy"}


def prepare(source, out, format="cloze"):
    prepared.prepare({"name": "mine", "format": format}, source, out)
    return prepared.read(out)


def test_importing_the_package_loads_no_heavy_module():
    heavy = {"pyarrow", "torch", "pandas", "transformers"}
    code = f"import knowcost.benchmarks.prepared, sys; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_unknown_format_lists_the_known_ones():
    assert formats.kind_of("lama_squad") == "cloze"
    assert formats.kind_of("piqa") == "piqa"
    with pytest.raises(InputError, match=r"'lama'.*lama_trex.*winogrande"):
        formats.kind_of("lama")


def test_parquet_holds_rows_and_metadata(tmp_path):
    source = lines(tmp_path / "mine.jsonl", ROW)
    table, metadata = prepare(source, tmp_path / "out" / "mine.parquet")
    alone = {"cluster": "a", "fact": "a", "phrasing": None, "popularity": None, "stated_in": None}
    assert table.to_pylist() == [{**ROW, "relation": None, "subject": None, "candidates": None} | alone]
    assert table.column_names == ["id", "relation", *alone, "subject", "cloze", "answer", "candidates"]
    assert metadata == {
        "name": "mine",
        "format": "cloze",
        "kind": "cloze",
        "rows": 1,
        "dropped": {},
        "source_sha256": {"mine.jsonl": hashlib.sha256(source.read_bytes()).hexdigest()},
    }


def test_every_row_has_a_cluster_and_a_fact(tmp_path):
    rows = [{"question": "Q?", "passage": "P", "label": 1, "idx": name} for name in ("x", "x", "y")]
    rows[1]["label"] = 0  # the same id again: a number behind it, in its fact too
    table, _ = prepare(lines(tmp_path / "b.jsonl", *rows), tmp_path / "out.parquet", "boolq")
    assert table["id"].to_pylist() == table["fact"].to_pylist() and set(table["id"].to_pylist()) == {"x:0", "x:1", "y"}
    nullable = {name: table.schema.field(name).nullable for name in SHARED}
    assert nullable == {"cluster": False, "fact": False, "phrasing": True, "popularity": True, "stated_in": True}
    assert str(table.schema.field("popularity").type) == "double"


def test_same_input_gives_the_same_bytes(tmp_path):
    source = lines(tmp_path / "mine.jsonl", ROW)
    for name in ("one", "two"):
        prepare(source, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_truncated_line_is_named_and_leaves_no_output(tmp_path):
    source = lines(tmp_path / "mine.jsonl", ROW, ROW)
    source.write_bytes(source.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"mine\.jsonl:2: not valid JSON.*fetch it again"):
        prepare(source, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_line_that_is_no_object_or_not_utf8(tmp_path):
    source = tmp_path / "mine.jsonl"
    source.write_bytes(b'\n["a"]\n')
    with pytest.raises(InputError, match=r"mine\.jsonl:2: expected JSON lines, one object a line, found the beginning"):
        prepare(source, tmp_path / "out.parquet")
    source.write_bytes(b'{"id": "\xe9"}\n')
    with pytest.raises(InputError, match=r"mine\.jsonl:1: not UTF-8"):
        prepare(source, tmp_path / "out.parquet")


def test_unicode_line_separator_inside_a_text_is_no_line_end(tmp_path):
    source = tmp_path / "mine.jsonl"
    source.write_text(json.dumps({**ROW, "answer": "a\u2028b"}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert prepare(source, tmp_path / "out.parquet")[0]["answer"].to_pylist() == ["a\u2028b"]


def test_missing_or_empty_source(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.jsonl does not exist"):
        prepare(tmp_path / "nowhere.jsonl", tmp_path / "out.parquet")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(InputError, match="no usable row"):
        prepare(tmp_path / "empty.jsonl", tmp_path / "out.parquet")


def test_a_folder_where_one_file_is_read_is_named_with_what_it_holds(tmp_path):
    source = lines(tmp_path / "lambada" / "test.jsonl", {"text": "a b"}).parent
    with pytest.raises(InputError, match=r"lambada is a folder, .*'lambada' reads one file; .*holds test\.jsonl"):
        prepare(source, tmp_path / "mine.parquet", "lambada")
    with pytest.raises(InputError, match=r"expected valid\.jsonl or dev\.jsonl in this folder"):  # PIQA's own
        prepare(source, tmp_path / "mine.parquet", "piqa")


def test_texts_that_the_study_does_not_have_are_named(tmp_path, caplog):
    told = ["half", "hafl", "never", None, "hafl"]
    rows = [{**ROW, "id": str(number), "stated_in": said} for number, said in enumerate(told)]
    source, row = lines(tmp_path / "mine.jsonl", *rows), {"name": "mine", "format": "cloze"}
    prepared.prepare(row, source, tmp_path / "mine.parquet")
    assert "stated_in" not in caplog.text
    prepared.prepare(row, source, tmp_path / "mine.parquet", ["c4", "half"])
    (said,) = [each.getMessage() for each in caplog.records if "stated_in" in each.getMessage()]
    assert "of 2 rows is 'hafl'" in said and f"c4, half, never ({source}:2, {source}:5)" in said


def test_broken_parquet(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="not a readable parquet file"):
        prepare(tmp_path / "broken.parquet", tmp_path / "out.parquet", "boolq")
