"""The project's own Parquet files: sealed, and each says in its metadata, as JSON under one key, what it is.

Imported while the Snakefile is parsed, so pyarrow is imported where it is used.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost.common import seal
from knowcost.common.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

KEY = b"knowcost"


def write(path: str | Path, table: "pa.Table", about: Mapping[str, Any]) -> None:
    """Write a table that says `about` of itself, and seal it; the same values give the same bytes."""
    import pyarrow.parquet as pq

    with seal.sealed(path) as temporary:
        pq.write_table(table.replace_schema_metadata(_as_metadata(about)), temporary, compression="zstd")


def read(path: str | Path, columns: Sequence[str] | None = None) -> tuple["pa.Table", dict[str, Any]]:
    """(pyarrow.Table, what the file says of itself); columns: only these, of those there.

    Raises InputError, naming the file, where the seal is broken or the project did not write it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    seal.check(path)
    try:
        with pq.ParquetFile(path) as file:  # eight times as fast as read_table on a small file
            schema = file.schema_arrow
            there = [name for name in (schema.names if columns is None else columns) if name in schema.names]
            table = file.read(there).select(there)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: sealed, but no Parquet file ({error}); delete it and run again") from None
    return table, _from_metadata(schema.metadata, path)


def about(path: str | Path) -> dict[str, Any]:
    """What `read` says of a file, alone. Raises InputError likewise."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    seal.check(path)
    try:
        return _from_metadata(pq.read_schema(path).metadata, path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: sealed, but no Parquet file ({error}); delete it and run again") from None


def _as_metadata(about: Mapping[str, Any]) -> dict[bytes, bytes]:
    return {KEY: json.dumps(about, sort_keys=True, ensure_ascii=False).encode()}


def _from_metadata(metadata: Mapping[bytes, bytes] | None, path: str | Path) -> dict[str, Any]:
    try:
        return json.loads((metadata or {})[KEY])
    except (KeyError, ValueError):
        raise InputError(
            f"{path}: does not say what it is, so this project did not write it; delete it and run Snakemake again"
        ) from None
