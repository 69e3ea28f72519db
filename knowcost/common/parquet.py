"""What the project notes in a Parquet file beside its rows: JSON in the file-level metadata, under one key."""

import json
from collections.abc import Mapping
from typing import Any

KEY = b"knowcost"


def as_metadata(about: Mapping[str, Any]) -> dict[bytes, bytes]:
    """The metadata of a pyarrow schema or table that says `about`; the same value gives the same bytes."""
    return {KEY: json.dumps(about, sort_keys=True, ensure_ascii=False).encode()}


def from_metadata(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """What a schema's metadata says; {} where the project has noted nothing. Raises ValueError for what is no JSON."""
    return json.loads((metadata or {}).get(KEY, b"{}"))
