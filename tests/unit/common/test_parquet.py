import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from knowcost.common.errors import InputError
from knowcost.common.parquet import as_metadata, from_metadata


def test_a_note_in_a_file_is_read_back_and_a_file_without_one_is_named(tmp_path):
    about = {"kind": "cloze", "dropped": {"é": 1}, "limit": None}
    table = pa.table({"x": [1]})
    pq.write_table(table.replace_schema_metadata(as_metadata(about)), tmp_path / "noted.parquet")
    pq.write_table(table, tmp_path / "plain.parquet")
    assert from_metadata(pq.read_schema(tmp_path / "noted.parquet").metadata, tmp_path / "noted.parquet") == about
    with pytest.raises(InputError, match=r"plain\.parquet: does not say what it is"):
        from_metadata(pq.read_schema(tmp_path / "plain.parquet").metadata, tmp_path / "plain.parquet")


def test_the_same_note_has_the_same_bytes_whatever_its_order():
    assert (
        as_metadata({"b": 1, "a": "é"})
        == as_metadata({"a": "é", "b": 1})
        == {b"knowcost": '{"a": "é", "b": 1}'.encode()}
    )
