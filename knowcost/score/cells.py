"""Cells: their keys, their files, and what those say of themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost import score
from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import HARNESS, KINDS
from knowcost.common import parquet, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.registry import is_dynamic
from knowcost.score import task_files
from knowcost.spec.variants import DENSE, parse

if TYPE_CHECKING:
    import pyarrow as pa

# The keys of the config's section `score` that each engine's answers depend on, and those of int8 beside them where
# activations are quantized.
OPTIONS: dict[str, tuple[str, ...]] = {
    "cloze": ("tokens_per_batch",),
    "cloze_published": ("tokens_per_batch",),
    "generate": ("batch_size",),
    HARNESS: ("batch_size",),
    "perplexity": (),
    "similarity": (),
}
INT8 = ("int8_engine", "int8_activations")


@dataclass(frozen=True)
class Settings:
    """What a study says of how a model's cells are asked.

    options: of the config's section `score`, those of OPTIONS, INT8 and `device`; generation: its section of that name,
    which cells whose answers are texts depend on. dtype: what to compute in. limit: so many facts, the first in the
    benchmark's order, or None. remote_code: whether the model's own code may run. stage_models: whether models are read
    from copies on the node's own disk.
    """

    options: Mapping[str, Any]
    dtype: str = "float32"
    limit: int | None = None
    remote_code: bool = False
    generation: Mapping[str, Any] = field(default_factory=dict)
    stage_models: bool = False


@dataclass(frozen=True)
class Asked:
    """What a cell is about. variant: a slug; family: of its model; kind: of its benchmark, which has so many rows;
    digests: of asked_of."""

    variant: str
    family: str
    kind: str
    rows: int
    digests: Mapping[str, str]


def cell_key(
    manifest: Mapping[str, Any], benchmark: str, settings: Settings, dense: Mapping[str, Any] | None = None
) -> str:
    """The key (`key_of`) of the cell of an archive's manifest and a benchmark.

    dense: the dense model's manifest, which asked_of wants of some kinds."""
    about = prepared.metadata(paths.benchmark(benchmark))
    digests = asked_of(manifest, benchmark, dense)
    asked = Asked(manifest["variant"], manifest["family"], about["kind"], about["rows"], digests)
    return key_of(asked, settings)


def key_of(asked: Asked, settings: Settings) -> str:
    """Hex digest of all that a cell's answers depend on: weights, facts, how they are asked, and this code's version.

    How many facts are asked is no part of it, except where an answer depends on what is asked together with it.
    """
    names = options_of(asked.kind, asked.family, asked.variant)
    depends: dict[str, Any] = {
        **asked.digests,
        "dtype": settings.dtype,
        "options": {name: settings.options[name] for name in names},
        "version": score.STAGE_VERSION,
    }
    if depends_on_batch(asked.variant, settings.options):
        counted = not KINDS[asked.kind].running  # how many windows a running text has is a matter of the model
        depends["limit"] = None if counted and asked.rows <= (settings.limit or inf) else settings.limit
    if by := harness(asked.kind, asked.family):
        depends["harness"] = by
    if KINDS[asked.kind].writes:
        depends["generation"] = dict(settings.generation)
    return seal.of_values(depends)


def options_of(kind: str, family: str, variant: str) -> list[str]:
    """The options that the answers of a variant to a kind of benchmark depend on."""
    return [*OPTIONS[KINDS[kind].engine_for(family)], *(INT8 if is_dynamic(variant) else ())]


def depends_on_batch(variant: str, options: Mapping[str, Any]) -> bool:
    """Whether an answer depends on what else is in its batch: in int8 with one scale per batch; what was compressed
    elsewhere may compute like that, too."""
    return (is_dynamic(variant) and options["int8_activations"] == "batch") or parse(variant).brought is not None


def asked_of(manifest: Mapping[str, Any], benchmark: str, dense: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The digests of what a cell is about: the weights of the archive that was asked, the benchmark's file, and the
    weights of the dense model (its manifest) where a kind holds others against it.

    A cell says them of itself, so that no table takes it for an answer of others.
    """
    found = {"weights": weights_of(manifest), "benchmark_sha256": seal.check(paths.benchmark(benchmark))}
    return found | ({"dense": weights_of(dense)} if dense else {})


def harness(kind: str, family: str) -> dict[str, Any] | None:
    """What the answers of models of a family to a kind of benchmark depend on when the harness asks them: its version,
    and the sha256 of the kind's task file and of what that includes. None when another engine asks."""
    if KINDS[kind].engine_for(family) != HARNESS:
        return None
    return {"version": task_files.harness_version(), "files": task_files.digests(task_files.task_file(kind))}


def check_asked(path: str | Path, about: Mapping[str, Any], asked: Mapping[str, str]) -> None:
    """Raise InputError when a cell was asked of other weights, or of another benchmark, than `asked_of` says of what
    lies there now."""
    model, variant, benchmark = paths.cell_at(path)
    places = {"weights": paths.manifest(model, variant), "benchmark_sha256": paths.benchmark(benchmark)}
    places["dense"] = paths.manifest(model, DENSE)
    for name, digest in asked.items():
        if about.get(name) != digest:
            raise InputError(
                f"{path}: was not asked of what {places[name]} says is there now; delete {path} and run again"
            )


def is_beside_dense(about: Mapping[str, Any]) -> bool:
    """Whether a cell, or a prepared benchmark, of which `about` is the metadata holds models against the dense one."""
    return KINDS[about["kind"]].beside_dense


def check_place(path: str | Path, about: Mapping[str, Any]) -> None:
    """Raise InputError when a cell lies in another's place."""
    said = about["model"], about["variant"], about["benchmark"]
    if said != paths.cell_at(path):
        raise InputError(f"{path}: says it is of {', '.join(said)}; move it back, or delete it, and run again")


def weights_of(manifest: Mapping[str, Any]) -> str:
    """The digest of the full checkpoint of an archive, whatever of it is kept; of a recovered one also of its files."""
    beneath = manifest.get("stands_on")
    return seal.of_values([beneath["files"], manifest["files"]] if beneath else manifest["files"])


def read(path: str | Path, columns: Sequence[str] | None = None) -> tuple["pa.Table", dict[str, Any]]:
    """(pyarrow.Table of the rows, dict of the cell's metadata) of a scores file; columns: only these, of those there.

    Raises InputError for a file that is damaged, of another version, or without all the rows that it was written with.
    """
    rows, about = parquet.read(path, columns)
    _check_version(path, about)
    if len(rows) != about["asked"]:
        raise InputError(f"{path}: {len(rows)} rows, {about['asked']} were asked; delete it and run Snakemake again")
    return rows, about


def read_columns(path: str | Path, columns: Sequence[str]) -> tuple["pa.Table", dict[str, Any]]:
    """What `read` gives, of these columns alone. Raises InputError likewise, and where one is missing."""
    rows, about = read(path, columns)
    if missing := [name for name in columns if name not in rows.column_names]:
        raise InputError(f"{path}: no column {', '.join(missing)}. Delete the file and score the cell again.")
    return rows, about


def metadata(path: str | Path) -> dict[str, Any]:
    """The dict that `read` gives, alone. Raises InputError likewise."""
    about = parquet.about(path)
    _check_version(path, about)
    return about


def _check_version(path: str | Path, about: Mapping[str, Any]) -> None:
    if about.get("version") != score.STAGE_VERSION:
        raise InputError(f"{path}: scored by another version of knowcost; delete it and run Snakemake again")


def is_valid(path: str | Path, key: str) -> bool:
    """Whether a scores file is there, whole, of this version and of this key."""
    try:
        return read(path)[1]["key"] == key
    except InputError:  # no file, damaged, or of another version
        return False


def write(path: str | Path, rows: "pa.Table", metadata: Mapping[str, Any]) -> None:
    """Write a scores file. Raises InputError when there is no row."""
    if not len(rows):
        raise InputError(f"{path}: none of the benchmark's facts can be asked of this model: {metadata.get('dropped')}")
    parquet.write(path, rows, metadata)
