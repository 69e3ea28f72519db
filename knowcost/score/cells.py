"""Cells: their keys, their files, and what those say of themselves."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost import score
from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import HARNESS, KINDS
from knowcost.common import files, paths
from knowcost.common.errors import InputError
from knowcost.common.parquet import as_metadata, from_metadata
from knowcost.compress.registry import is_dynamic
from knowcost.score import task_files

if TYPE_CHECKING:
    import pyarrow as pa

# The keys of the config's section `score` that a cell depends on; those of int8 only where activations are quantized.
OPTIONS = ("tokens_per_batch", "batch_size", "int8_engine", "int8_activations")


@dataclass(frozen=True)
class Settings:
    """What a study says of how a model's cells are asked.

    options: of the config's section `score`, those of OPTIONS and `device`. dtype: what to compute in. limit: the first
    so many facts, or None. remote_code: whether the model's own code may run.
    """

    options: Mapping[str, Any]
    dtype: str = "float32"
    limit: int | None = None
    remote_code: bool = False


def cell_key(manifest: Mapping[str, Any], benchmark: str, settings: Settings) -> str:
    """Hex digest of all that a cell's rows depend on: weights, facts, how they are asked, and this code's version."""
    int8 = is_dynamic(manifest["variant"])
    names = [name for name in OPTIONS if int8 or not name.startswith("int8_")]
    path = paths.benchmark(benchmark)
    depends = {
        "weights": manifest["files"],
        "benchmark": files.sha256(path),
        "dtype": settings.dtype,
        "limit": settings.limit,
        "options": {name: settings.options[name] for name in names},
        "version": score.STAGE_VERSION,
    }
    asked = harness(prepared.metadata(path)["kind"], manifest["family"])
    return _digest(depends | ({"harness": asked} if asked else {}))


def harness(kind: str, family: str) -> dict[str, Any] | None:
    """What the answers of models of a family to a kind of benchmark depend on when the harness asks them: its version,
    and the sha256 of the kind's task file and of what that includes. None when another engine asks."""
    if KINDS[kind].engine_for(family) != HARNESS:
        return None
    return {"version": task_files.harness_version(), "files": task_files.digests(task_files.task_file(kind))}


def read(path: str | Path, columns: Sequence[str] | None = None) -> tuple["pa.Table", dict[str, Any]]:
    """(pyarrow.Table of the rows, dict of the cell's metadata) of a scores file; columns: only these, of those there.

    Raises InputError for a file that is damaged (pages and metadata carry checksums) or of another version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    about = metadata(path)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns and [name for name in columns if name in file.schema_arrow.names])
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: damaged ({error}); delete it and run Snakemake again") from None
    return table, about


def metadata(path: str | Path) -> dict[str, Any]:
    """The dict that `read` gives, alone. Raises InputError likewise."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = from_metadata(pq.read_schema(path).metadata, path)
        whole = about.pop("sha256") == _digest(about)
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{path}: damaged or no scores file ({error}); delete it and run Snakemake again") from None
    if not whole:
        raise InputError(f"{path}: damaged, its metadata is not what was written; delete it and run Snakemake again")
    if about["version"] != score.STAGE_VERSION:
        raise InputError(f"{path}: scored by another version of knowcost; delete it and run Snakemake again")
    return about


def _digest(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def is_valid(path: str | Path, key: str) -> bool:
    """Whether a scores file is there, whole, of this version and of this key."""
    try:
        return read(path)[1]["key"] == key
    except InputError:  # no file, damaged, or of another version
        return False


def hand_over(model: str, variant: str, name: str) -> None:
    """Link a kept cell to its place among the results, as of now; copy it where the file system has no links."""
    kept, cell = paths.kept_scores(model, variant, name), paths.scores(model, variant, name)
    Path(cell).unlink(missing_ok=True)
    try:
        os.link(kept, cell)
        os.utime(cell)
    except OSError:
        files.copy(kept, cell)


def write(path: str | Path, rows: "pa.Table", metadata: dict[str, Any]) -> None:
    """Write a scores file. Raises InputError when there is no row."""
    import pyarrow.parquet as pq

    if not len(rows):
        raise InputError(f"{path}: none of the benchmark's facts can be asked of this model: {metadata.get('dropped')}")
    metadata |= {"sha256": _digest(metadata)}
    rows = rows.replace_schema_metadata(as_metadata(metadata))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with files.atomic(path) as temporary:
        pq.write_table(rows, temporary, compression="zstd", write_page_checksum=True)
