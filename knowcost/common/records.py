"""Rows with named values: JSON lines, CSV, Parquet and the tables of a study, each row with the place it stands at."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowcost.common.errors import InputError
from knowcost.common.reading import BYTE_ORDER_MARK, cells, check_ratio, lines, parsed, shown, suffix

BATCH = 16  # rows of a Parquet file in memory; each may hold a whole document, and all the same long one

_BETWEEN = re.compile(r"\s|,|;")  # what people part columns by, tabs aside

Record = dict[str, Any]  # a row: {column: value}


def records(path: Path) -> Iterator[tuple[str, Record]]:
    """Yield `(where, dict)` for each row of a .csv, .tsv, .parquet or (any other suffix) JSON lines file.

    where: "<file>:<line>" (parquet: "<file>, row <0-based number>"), for messages. An empty CSV cell is None.
    """
    kind = suffix(path)
    if kind == ".parquet":
        return _parquet_records(path)
    if kind in (".csv", ".tsv"):
        return _csv_records(path, "\t" if kind == ".tsv" else ",")
    return _json_records(path)


def table(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield `(where, {column: cell})` for each row of a tab-separated table in which # begins a comment.

    Cells are stripped; those that a row lacks at its end are empty. No column's name has blanks. Raises InputError.
    """
    rows = cells(path, "\t", comment="#")
    where, header = _header(path, rows)
    for name in header:
        if _BETWEEN.search(name):
            raise without_tabs(where, name)
    for where, row in rows:
        if len(row) == 1 < len(header) and _BETWEEN.search(row[0].strip()):
            raise without_tabs(where, row[0])
        row = [cell.strip() for cell in row] + [""] * (len(header) - len(row))
        surplus = [cell for cell in row[len(header) :] if cell]
        unnamed = [cell for name, cell in zip(header, row, strict=False) if cell and not name]
        if surplus or unnamed:
            raise InputError(f"{where}: {(surplus + unnamed)[0]!r} stands in a column that the header does not name")
        yield where, {name: cell for name, cell in zip(header, row, strict=False) if name}


def without_tabs(where: str, text: str) -> InputError:
    """What to say of a table's line in which something else stands where tabs belong."""
    mark = _BETWEEN.search(text.strip())
    found = {",": "commas", ";": "semicolons"}.get(mark[0] if mark else "", "blanks")
    return InputError(
        f"{where}: columns are parted by tabs, this line has {found}: {shown(text)}; write a tab between two cells"
    )


def _json_records(path: Path) -> Iterator[tuple[str, Record]]:
    for where, line in lines(path):
        line = line.removeprefix(BYTE_ORDER_MARK)  # files that were put together have them inside
        if not line.strip():
            continue
        if line.lstrip().startswith("["):
            raise InputError(f"{where}: expected JSON lines, one object a line, found the beginning of an array")
        record = parsed(where, line)
        if not isinstance(record, dict):
            raise InputError(f"{where}: expected a JSON object, one a line, found {type(record).__name__}")
        yield where, record


def _csv_records(path: Path, delimiter: str) -> Iterator[tuple[str, Record]]:
    rows = cells(path, delimiter)
    _, header = _header(path, rows)
    for where, row in rows:
        if len(row) != len(header):
            raise InputError(
                f"{where}: {len(row)} cells, but the header has {len(header)} columns; a cell with a "
                f"{'comma' if delimiter == ',' else 'tab'} needs quotes"
            )
        yield where, {name: cell or None for name, cell in zip(header, row, strict=True) if name or cell}


def _header(path: Path, rows: Iterator[tuple[str, list[str]]]) -> tuple[str, list[str]]:
    """Where the header stands, and the names of the columns: "" where one has none (a spreadsheet's, pandas' index)."""
    where, header = next(rows, (str(path), []))
    header = [name.strip() for name in header]
    if not header:
        raise InputError(f"{path}: empty; expected a header with the names of the columns, and rows")
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise InputError(f"{where}: a column name occurs twice in the header: {twice[0]!r}")
    return where, header


def _parquet_records(path: Path) -> Iterator[tuple[str, Record]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = unpacked = 0
    try:
        with pq.ParquetFile(path) as file:
            groups = (file.metadata.row_group(i) for i in range(file.num_row_groups))
            check_ratio(path, sum(group.total_byte_size for group in groups))
            names = Counter(file.schema_arrow.names)
            if max(names.values(), default=1) > 1:
                raise InputError(f"{path}: a column name occurs twice: {names.most_common(1)[0][0]!r}")
            for batch in file.iter_batches(BATCH):
                for record in batch.to_pylist():
                    unpacked += sum(len(str(value)) for value in record.values())  # a batch may hold one text for all
                    check_ratio(path, unpacked)
                    yield f"{path}, row {number}", record
                    number += 1
    except InputError:
        raise
    except UnicodeDecodeError:
        raise InputError(f"{path}, row {number} or one of the next: holds a text that is not UTF-8") from None
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: not a readable parquet file ({error}); fetch it again") from None
