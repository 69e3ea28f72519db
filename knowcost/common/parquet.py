"""What the project notes in a Parquet file beside its rows: JSON in the file-level metadata, under one key."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowcost.common.errors import InputError

KEY = b"knowcost"


def as_metadata(about: Mapping[str, Any]) -> dict[bytes, bytes]:
    """The metadata of a pyarrow schema or table that says `about`; the same value gives the same bytes."""
    return {KEY: json.dumps(about, sort_keys=True, ensure_ascii=False).encode()}


def from_metadata(metadata: Mapping[bytes, bytes] | None, path: str | Path) -> dict[str, Any]:
    """What a schema's metadata says. Raises InputError, naming the file, where the project noted nothing."""
    try:
        return json.loads((metadata or {})[KEY])
    except (KeyError, ValueError):
        raise InputError(
            f"{path}: does not say what it is, so this project did not write it, or it is damaged; delete it and run "
            "Snakemake again"
        ) from None
