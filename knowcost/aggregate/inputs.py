"""What tables are made from: scores, manifests and benchmarks, and whether they belong together."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowcost.benchmarks import prepared
from knowcost.common import paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import storage
from knowcost.recover import archive
from knowcost.score import cells as scores
from knowcost.spec.variants import DENSE, parse

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Files:
    """What was compressed, recovered and asked. models: {model: family}; manifests: {(model, variant): manifest};
    benchmarks: {name: path}; about: {name: what its file says of itself}; trainings: {(model, variant): the file that
    says how a recovery was trained}; digests: of everything, {path: sha256}. Models and benchmarks are in the
    configuration's order."""

    models: dict[str, str]
    manifests: dict[tuple[str, str], dict[str, Any]]
    benchmarks: dict[str, Path]
    about: dict[str, dict[str, Any]]
    trainings: dict[tuple[str, str], Path]
    digests: dict[str, str]


@dataclass(frozen=True)
class Cell:
    """A scores file, and which cell it is."""

    model: str
    family: str
    variant: str
    benchmark: str
    kind: str
    path: Path


def by_benchmark(cells: Iterable[Cell]) -> list[list[Cell]]:
    """The cells of each model on each benchmark, in the order in which these first appear."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for each in cells:
        found.setdefault((each.model, each.benchmark), []).append(each)
    return list(found.values())


def same_facts(cell: Cell, ids: Any, base: Cell, base_ids: Any) -> bool:
    """Whether a cell holds the facts of the one that it is held against; ids: of both, as columns of one library.

    A version that was compressed elsewhere may not, where it has a tokenizer of its own, since clozes must be words of
    the vocabulary: then it has an accuracy, but nothing to be held against. Raises InputError for any other one.
    """
    if ids.equals(base_ids):
        return True
    if not parse(cell.variant).brought:
        raise InputError(
            f"{cell.path}: these are not the facts of {base.path} ({len(ids)} against {len(base_ids)} rows, or in "
            "another order), so no drop can be computed. Delete the older of the two files and run again."
        )
    log.warning(
        "%s: %d facts were asked, %d of the dense model: its tokenizer is another, so no drop is computed",
        *(cell.path, len(ids), len(base_ids)),
    )
    return False


def read(
    cells: Sequence[str | Path], manifests: Collection[str | Path], benchmarks: Collection[str | Path]
) -> tuple[Files, list[Cell]]:
    """The Files behind paths of manifest.json and of benchmarks, and the Cells behind those of scores files.

    Raises InputError for a file that is damaged, of another version or not where it belongs, for a cell of which there
    is no manifest or benchmark, and for one that was asked of other weights, or another benchmark, than these.
    """
    made = [_manifest(path) for path in manifests]
    by_name = {Path(path).stem: Path(path) for path in benchmarks}
    trainings = dict(_training(path, manifest) for path, manifest in zip(manifests, made, strict=True)
                     if archive.TRAINING in manifest["files"])  # fmt: skip
    files = Files(
        models={manifest["model"]: manifest["family"] for manifest in made},
        manifests={(manifest["model"], manifest["variant"]): manifest for manifest in made},
        benchmarks=by_name,
        about={name: prepared.metadata(path) for name, path in by_name.items()},
        trainings=trainings,
        digests={str(path): seal.check(path) for path in (*cells, *manifests, *benchmarks, *trainings.values())},
    )
    for manifest in made:
        archive.check_parts(manifest, files.manifests)
    weights = {place: scores.weights_of(manifest) for place, manifest in files.manifests.items()}
    return files, [_cell(Path(path), files, weights) for path in cells]


def _manifest(path: str | Path) -> dict[str, Any]:
    manifest = storage.read_manifest(path, of=paths.archive_at(path))
    if manifest["stage_version"] != archive.version_of(manifest):
        raise InputError(f"{path}: made by another version of knowcost; delete it and run Snakemake again")
    return manifest


def _training(path: str | Path, manifest: Mapping[str, Any]) -> tuple[tuple[str, str], Path]:
    """The place of an archive, and its file that says how it was trained. Raises InputError for another one."""
    found = Path(path).with_name(archive.TRAINING)
    if seal.check(found, path) != manifest["files"][archive.TRAINING]["sha256"]:
        raise InputError(f"{found}: is not what {path} lists; delete {path} and run again")
    return (manifest["model"], manifest["variant"]), found


def _cell(path: Path, files: Files, weights: Mapping[tuple[str, str], str]) -> Cell:
    about = scores.metadata(path)
    scores.check_place(path, about)
    prepared.check_kind(path, about)
    model, variant, benchmark = paths.cell_at(path)
    if (model, variant) not in files.manifests or benchmark not in files.benchmarks:
        missing = f"benchmark {benchmark!r}" if benchmark not in files.benchmarks else f"{model!r} {variant!r}"
        raise InputError(f"{path}: there are scores of {missing}, but no file of it; delete them and run again")
    asked = {"weights": weights[model, variant], "benchmark_sha256": files.digests[str(files.benchmarks[benchmark])]}
    if scores.is_beside_dense(about):
        asked["dense"] = weights.get((model, DENSE), "")
    scores.check_asked(path, about, asked)
    return Cell(model, files.models[model], variant, benchmark, about["kind"], path)
