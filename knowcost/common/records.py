"""Rows of JSON lines, CSV and Parquet files, each with the place it stands at."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from knowcost.common.errors import InputError

Record = dict[str, Any]  # a row: {column: value}


def records(path: Path) -> Iterator[tuple[str, Record]]:
    """Yield `(where, dict)` for each row of a .csv, .parquet or (any other suffix) JSON lines file, gzipped if .gz.

    where: "<file>:<line>" (parquet: "<file>, row <0-based number>"), for messages. An empty CSV cell is None.
    """
    reader = {".csv": _csv_records, ".parquet": _parquet_records}.get(path.suffix, _json_records)
    return reader(path)


def _json_records(path: Path) -> Iterator[tuple[str, Record]]:
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            record = json.loads(line.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise InputError(f"{where}: not UTF-8; expected JSON lines in UTF-8") from None
        except json.JSONDecodeError as error:
            raise InputError(
                f"{where}: not valid JSON ({error}); expected one object a line. A truncated download "
                "looks like this: delete the file and fetch it again"
            ) from None
        if not isinstance(record, dict):
            raise InputError(f"{where}: expected a JSON object, found {type(record).__name__}")
        yield where, record


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file as bytes: iterating text would also be safe, but decoding errors would name no line."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as f:
        try:
            yield from f
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{path}: not a whole gzip file ({error}); fetch it again") from None


def _csv_records(path: Path) -> Iterator[tuple[str, Record]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as f:  # -sig: spreadsheets write a byte-order mark
            reader = csv.reader(f)
            header = next(reader, [])
            if len(set(header)) != len(header):
                raise InputError(f"{path}:1: a column name occurs twice in {header}")
            for cells in reader:
                where = f"{path}:{reader.line_num}"
                if cells and len(cells) != len(header):
                    raise InputError(
                        f"{where}: {len(cells)} cells, but the header has {len(header)} columns; "
                        "a cell with a comma needs quotes"
                    )
                if cells:
                    yield where, {name: cell or None for name, cell in zip(header, cells, strict=True)}
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8; save the CSV file as UTF-8") from None


def _parquet_records(path: Path) -> Iterator[tuple[str, Record]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path).to_pylist()
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: not a readable parquet file ({error}); fetch it again") from None
    for number, record in enumerate(rows):
        yield f"{path}, row {number}", record


def text(where: str, record: Mapping[str, Any], key: str) -> str:
    """The text under a key as it stands (a whole number is taken as text); InputError if there is nothing to read."""
    value = record.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: {key!r} must be a non-empty text, found {value!r}")
    return value


def passage(where: str, record: Mapping[str, Any]) -> str:
    """The column `text` of a record as it stands, blank or not ("" for null); InputError where there is none."""
    if "text" not in record:
        raise InputError(f"{where}: no `text`, only {', '.join(record) or 'nothing'}; rename the column that holds it")
    if not isinstance(record["text"] or "", str):
        raise InputError(f"{where}: `text` is {record['text']!r}, expected text")
    return record["text"] or ""


def optional(where: str, record: Mapping[str, Any], key: str) -> str | None:
    """Like `text`, but None where the key is missing or null."""
    return None if record.get(key) is None else text(where, record, key)
