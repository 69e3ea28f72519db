import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from knowcost.common import parquet, seal
from knowcost.common.errors import InputError


def test_rows_and_what_is_said_of_them_are_read_back(tmp_path):
    path, about = tmp_path / "x.parquet", {"kind": "cloze", "dropped": {"é": 1}, "limit": None}
    parquet.write(path, pa.table({"x": [1], "y": ["a"]}), about)
    rows, said = parquet.read(path, ["y", "z"])
    assert (rows.to_pylist(), said, parquet.about(path)) == ([{"y": "a"}], about, about)


def test_the_same_rows_have_the_same_bytes_whatever_the_order_of_what_is_said(tmp_path):
    for name, about in (("one", {"b": 1, "a": "é"}), ("two", {"a": "é", "b": 1})):
        parquet.write(tmp_path / name, pa.table({"x": [1]}), about)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert pq.read_schema(tmp_path / "one").metadata == {b"knowcost": '{"a": "é", "b": 1}'.encode()}


@pytest.mark.parametrize("reader", [parquet.read, parquet.about])
def test_any_bit_flipped_is_named(tmp_path, reader):
    """Statistics, schema and padding too, which no checksum of Parquet's own covers."""
    path = tmp_path / "x.parquet"
    parquet.write(path, pa.table({"x": ["a", "b"]}), {})
    before = path.read_bytes()
    for bit in range(0, 8 * len(before), 7):
        data = bytearray(before)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"x\.parquet is damaged or was changed"):
            reader(path)


@pytest.mark.parametrize("reader", [parquet.read, parquet.about])
def test_what_is_sealed_but_not_of_this_project_is_named(tmp_path, reader):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "plain.parquet")
    (tmp_path / "text.parquet").write_text("text")
    for name, said in (("plain", "does not say what it is"), ("text", "no Parquet file")):
        seal.seal(tmp_path / f"{name}.parquet")
        with pytest.raises(InputError, match=rf"{name}\.parquet: .*{said}.* delete it"):
            reader(tmp_path / f"{name}.parquet")


@pytest.mark.parametrize("columns", [None, ["z", "x"], ["y", "none", "x"], [], ["none"]])
def test_columns_are_those_of_pyarrow_s_reader_in_the_order_asked_for(tmp_path, columns):
    path = tmp_path / "x.parquet"
    table = pa.table({"x": [1, None], "y": [["a"], []], "z": [{"of": 1.5, "or": "é"}, None]})
    parquet.write(path, table, {"kind": "cloze"})
    there = columns and [name for name in columns if name in table.column_names]
    expected = pq.read_table(path, columns=there)
    rows, _ = parquet.read(path, columns)
    assert rows.equals(expected, check_metadata=True) and len(rows) == len(expected)
