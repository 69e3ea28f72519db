"""Benchmarks: official files in, one parquet of facts out.

A loader is a function `(source: Path) -> Loaded`; `FORMATS` says what kind of benchmark (kinds.py) a format makes and
which loader makes it. This package is imported while the Snakefile is parsed, so pyarrow and the loaders are imported
on first use.
"""

import importlib
import logging
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost.benchmarks import completed, expected, ids, layouts, sample, sizes
from knowcost.benchmarks.formats import FORMATS, kind_of
from knowcost.benchmarks.kinds import COMMON, KINDS, NEVER, Kind
from knowcost.common import files, parquet
from knowcost.common.display import some
from knowcost.common.errors import InputError
from knowcost.common.records import Record

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

OPTIONAL = ("new_tokens", "per_relation", "size_bounds")  # columns of the benchmark table that need no value


@dataclass
class Loaded:
    """What a loader returns: rows (dicts of the kind's columns), the files it read, rows dropped by reason, and where
    people wrote the file themselves the places {id: file and line} of its rows.

    A row may lack `cluster` (it shares nothing), `fact` (no other row asks it), `phrasing`, `popularity` and
    `stated_in`.
    """

    rows: list[Record]
    files: list[Path]
    dropped: Counter[str] = field(default_factory=Counter)
    places: dict[str, str] = field(default_factory=dict)


def prepare(row: Mapping[str, str], source: str | Path, out: str | Path, texts: Collection[str] = ()) -> None:
    """Read the official files of one benchmark and write its facts to the parquet file `out`, in the sample's order.

    row: the benchmark's row of the config table (`name`, `format`, `families` and what it has of OPTIONAL are read).
    source: local file or folder. texts: the names that `stated_in` may have beside NEVER; none if they are not known.
    Logs and records in the metadata how many rows were dropped, by reason. Raises InputError for files that are not
    what the format promises, naming file and line.
    """
    kind = kind_of(row["format"])
    source = Path(source)
    if not source.exists():
        raise InputError(f"benchmark {row['name']}: {source} does not exist; check `source` in the benchmark table")
    if source.is_dir() and not layouts.takes_folders(row["format"]):
        held = some(sorted(path.name for path in source.iterdir())) or "nothing"
        raise InputError(
            f"benchmark {row['name']}: {source} is a folder, and format {row['format']!r} reads one file; name that in "
            f"`source` (the folder holds {held})"
        )
    module, function = FORMATS[row["format"]][1].split(".")
    loaded = getattr(importlib.import_module(f"knowcost.benchmarks.loaders.{module}"), function)(source)
    repeated = ids.settle(loaded.rows)
    if repeated:
        loaded.dropped["duplicate"] += repeated
    if not loaded.rows:
        raise InputError(f"benchmark {row['name']}: no usable row in {source} (dropped: {dict(loaded.dropped)})")
    _log_two_right(row["name"], loaded.rows, KINDS[kind])
    if texts:
        _log_other_texts(row["name"], loaded, texts)
    chosen = _choose(row, loaded, KINDS[kind])
    completed.check(row, loaded.rows, loaded.places)

    folder = source if source.is_dir() else source.parent
    metadata: dict[str, Any] = {
        "name": row["name"],
        "format": row["format"],
        "kind": kind,
        "rows": len(loaded.rows),
        "dropped": dict(sorted(loaded.dropped.items())),
        "source_sha256": {str(path.relative_to(folder)): files.sha256(path) for path in sorted(loaded.files)},
        **chosen,
    }
    _write(loaded.rows, kind, metadata, out)
    log.info("%s: %d facts from %d files", row["name"], len(loaded.rows), len(loaded.files))
    for reason, count in metadata["dropped"].items():
        log.warning("%s: %d rows dropped: %s", row["name"], count, reason)


def read(path: str | Path) -> tuple["pa.Table", dict[str, Any]]:
    """(pyarrow.Table, dict): the facts of a prepared benchmark and its metadata. Raises InputError as parquet.read, and
    for a kind that this version does not know."""
    rows, about = parquet.read(path)
    check_kind(path, about)
    return rows, about


def metadata(path: str | Path) -> dict[str, Any]:
    """The metadata alone. Raises InputError likewise."""
    about = parquet.about(path)
    check_kind(path, about)
    return about


def check_kind(path: str | Path, about: Mapping[str, Any]) -> None:
    """Raise InputError where a file is of a kind of benchmark that this version of knowcost does not know."""
    if about.get("kind") not in KINDS:
        raise InputError(
            f"{path}: no kind {about.get('kind')!r}; known: {', '.join(KINDS)}; use the version of knowcost that made "
            "it, or delete it and run again"
        )


def _choose(row: Mapping[str, str], loaded: Loaded, kind: Kind) -> dict[str, Any]:
    """Do with the rows what the benchmark's row says, and put them in the sample's order, in place; returns what the
    metadata say of it."""
    said: dict[str, Any] = {}
    if most := expected.new_tokens(row):
        said["new_tokens"] = most
    if kind.sized and kind.shortened:
        texts = [each[kind.shortened] for each in loaded.rows]
        bounds = sizes.given(row.get("size_bounds") or sizes.TERCILES) or sizes.terciles(texts)
        sizes.classify(loaded.rows, kind.shortened, bounds)
        said["size_bounds"] = list(bounds)
        _log_empty_classes(row["name"], loaded.rows, bounds)
    loaded.rows[:] = sample.order(loaded.rows, kind)
    if row.get("per_relation"):
        said["per_relation"] = int(row["per_relation"])
        loaded.rows[:] = _first_of_each(loaded.rows, said["per_relation"])
    return said


def _log_empty_classes(name: str, rows: list[Record], bounds: sizes.Bounds) -> None:
    empty = [each for each in sizes.CLASSES if each not in {row["relation"] for row in rows}]
    if empty:
        log.warning(
            "%s: no text is %s, with medium ones from %d words on and large ones from %d; `size_bounds` in the "
            "benchmark table takes others",
            *(name, " or ".join(empty), *bounds),
        )


def _first_of_each(rows: list[Record], count: int) -> list[Record]:
    """The first so many rows of each relation, in their order."""
    seen: Counter[str | None] = Counter()
    kept = []
    for row in rows:
        seen[row["relation"]] += 1
        if seen[row["relation"]] <= count:
            kept.append(row)
    return kept


def _log_two_right(name: str, rows: list[Record], kind: Kind) -> None:
    """Say how many facts offer the right answer twice: public data do, and are asked as they stand, as harnesses do."""
    if not kind.choices:
        return
    count = 0
    for row in rows:
        if "candidates" not in kind.columns or row.get("candidates"):
            choices, right = kind.choices(row)
            said = [choice.strip() for choice in choices]
            count += said.count(said[right]) > 1
    if count:
        log.warning("%s: %d facts offer the right answer twice; only one of the two counts as right", name, count)


def _log_other_texts(name: str, loaded: Loaded, texts: Collection[str]) -> None:
    """Say which facts are stated in texts that the study does not have, perhaps misspelt: nothing comes of that."""
    others: dict[str, list[str]] = {}
    for row in loaded.rows:
        if (said := row.get("stated_in")) and said not in (*texts, NEVER):
            others.setdefault(said, []).append(loaded.places.get(row["id"]) or row["id"])
    for said, places in others.items():
        log.warning(
            "%s: `stated_in` of %d rows is %r, which is none of this study's texts: %s (%s)",
            *(name, len(places), said, ", ".join([*texts, NEVER]), some(places)),
        )


def _write(rows: list[Record], kind: str, metadata: Mapping[str, Any], out: str | Path) -> None:
    import pyarrow as pa

    types = {"string": pa.string(), "int64": pa.int64(), "double": pa.float64(), "list<string>": pa.list_(pa.string())}
    columns = {**COMMON, **KINDS[kind].columns}
    schema = pa.schema([pa.field(n, types[t.rstrip("?")], nullable=t.endswith("?")) for n, t in columns.items()])
    parquet.write(out, pa.Table.from_pylist([_alone(row) for row in rows], schema=schema), metadata)


def _alone(row: Record) -> Record:
    """The row with its fact, its own where its loader names none, and its cluster, the fact where it names none."""
    fact = row["id"] if row.get("fact") is None else row["fact"]
    return row | {"fact": fact, "cluster": fact if row.get("cluster") is None else row["cluster"]}
