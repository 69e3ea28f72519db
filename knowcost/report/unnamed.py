"""What lies in a study's folder that the study no longer names: of models, levels and benchmarks that were taken out.

Only what knowcost itself makes is found, and nothing that the study names. Links are files here: what lies behind one
stays where it is.
"""

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from knowcost.common import again, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive.write import SCRATCH
from knowcost.fetch.alone import LOCK
from knowcost.recover.export import ADAPTER
from knowcost.recover.job import STATE
from knowcost.score import kept

_DOWNLOAD = re.compile("[0-9a-f]{16}")  # as fetch/source.py calls the folder of an address
_OF_CELLS = (f"{paths.SCORES}/{paths.KEPT}", paths.SCORES, paths.JUDGED)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Named:
    """What a study names. models: all rows of the model table; calibrations: names of calibration data; archives:
    (model, variant); cells: (model, variant, benchmark); downloads: folders of the addresses that it asks; sources: its
    local files and folders."""

    models: Collection[str]
    benchmarks: Collection[str]
    calibrations: Collection[str]
    archives: Collection[tuple[str, str]]
    cells: Collection[tuple[str, str, str]]
    downloads: Collection[str] = ()
    sources: Collection[str] = ()


@dataclass(frozen=True)
class Found:
    """Something that the study does not name. what: its kind, in words; path: what it is called; files: all of it, and
    links; holds: what it holds, in words; stays: why it is not removed, if so."""

    what: str
    path: str
    files: list[Path] = field(repr=False)
    holds: str = ""
    stays: str = ""


def find(named: Named) -> list[Found]:
    """All that the study does not name, kind by kind, the largest first; but no source of the study."""
    found = [*_models(named), *_results(named), *_benchmarks(named), *_downloads(named), *_exports(named)]
    sources = {Path(os.path.realpath(source)) for source in named.sources}
    kinds = list(dict.fromkeys(each.what for each in found))
    there = [replace(each, stays=_behind(each.files)) for each in found if each.files and not _is_read(each, sources)]
    return sorted(there, key=lambda each: (kinds.index(each.what), -size(each.files), each.path))


def size(files: Iterable[Path]) -> int:
    """Bytes that files take on the disk, each of them once, however many names it has."""
    return sum(blocks for blocks, _ in _by_inode(files))


def size_elsewhere(files: Iterable[Path]) -> int:
    """Those of them that stay when these names are removed, since they have others."""
    return sum(blocks for blocks, others in _by_inode(files) if others)


def removable(found: Iterable[Found]) -> list[Path]:
    """The files of what may be removed."""
    return [path for each in found if not each.stays for path in each.files]


def digest(found: Iterable[Found]) -> str:
    """What stands for a list: for the names and sizes of all that would be removed. Begins with a letter, since
    Snakemake takes 12e345 for a number."""
    names = sorted(f"{path} {path.lstat().st_size}\n" for path in removable(found))
    return f"s{hashlib.sha256(''.join(names).encode()).hexdigest()[:6]}"


def remove(found: Sequence[Found]) -> None:
    """Remove the files and links of what may be removed, and the folders that this empties. Raises InputError for those
    that it cannot."""
    failed = []
    files = removable(found)
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            failed.append(f"{path}: cannot be removed ({error.strerror}); mend that and run again")
    emptied = {folder for path in files for folder in path.parents}
    places = [Path(each.path) for each in found if not each.stays]
    emptied |= {Path(at) for place in places if place.is_dir() for at, _, _ in os.walk(place)}
    for folder in sorted(emptied, key=lambda folder: len(folder.parts), reverse=True):
        if len(folder.parts) > 1 and folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()
    if failed:
        raise InputError("\n".join(failed))


def kept_answers(named: Named) -> list[Path]:
    """Answers that are kept of what the study names, under whatever limit or options they were asked."""
    known = set(named.cells)
    return [
        path
        for model, variant in named.archives
        for path in _files(Path(paths.kept_dir(model, variant)))
        if (model, variant, _benchmark_of(path)) in known
    ]


def _models(named: Named) -> Iterator[Found]:
    what = "models that were fetched"
    for folder in _others(paths.MODELS, named.models):
        if folder.is_symlink() or any((folder / name).exists() for name in (LOCK, paths.SOURCE)):
            files = _files(folder) + _tree(folder / ".cache") if not folder.is_symlink() else [folder]
            yield Found(what, str(folder), files)
    yield from _other_files(what, paths.revision_lock("x"), named.models)


def _results(named: Named) -> Iterator[Found]:
    """What was made of models: all of those that are not named, and variants, windows and cells of those that are."""
    models = {model for model, _ in named.archives}
    for folder in _others(paths.RESULTS, models):
        variants = [variant for variant in _folders(folder) if _is_ours(variant)]
        files = [path for variant in variants for path in _of_archive(variant)]
        files += _of_model(folder)
        if files:
            yield Found("what was made of models", str(folder), [folder] if folder.is_symlink() else files)
    known = set(named.archives)
    for model in sorted(models):
        for variant in _folders(Path(paths.RESULTS, model)):
            if (model, variant.name) not in known and _is_ours(variant):
                yield Found("variants", str(variant), _of_archive(variant))
        windows = paths.calibration(model, "x")
        yield from _other_files("windows of calibration data", windows, named.calibrations)
    yield from _cells(named)


def _cells(named: Named) -> Iterator[Found]:
    """Cells of benchmarks that a variant is not asked, those of a model and a benchmark together."""
    known, found = set(named.cells), dict[tuple[str, str], list[Path]]()
    for model, variant in named.archives:
        for inside in _OF_CELLS:
            for path in _files(Path(paths.archive_dir(model, variant), inside)):
                name = _benchmark_of(path)
                if name and (model, variant, name) not in known:
                    found.setdefault((model, name), []).append(path)
    for (model, benchmark), files in found.items():
        yield Found("cells", paths.scores(model, "*", benchmark), files)


def _benchmark_of(path: Path) -> str | None:
    """The benchmark of a cell's file, or of its seal; None for what is no such file, as one without a seal, which
    people put there. (Kept answers of earlier versions have its name alone.)"""
    name = path.name.removesuffix(seal.SUFFIX)
    if not name.endswith(".parquet") or name.startswith("."):
        return None
    among_kept = path.parent.name == paths.KEPT
    if not among_kept and not seal.beside(path.with_name(name)).exists():
        return None
    found = kept.parse(name) if among_kept else None
    return found.benchmark if found else name.removesuffix(".parquet")


def _benchmarks(named: Named) -> Iterator[Found]:
    yield from _other_files("benchmarks", paths.benchmark("x"), named.benchmarks)
    yield from _other_files("texts of calibration data", paths.calibration_texts("x"), named.calibrations)


def _downloads(named: Named) -> Iterator[Found]:
    for folder in _others(paths.DOWNLOADS, [Path(path).name for path in named.downloads]):
        if _DOWNLOAD.fullmatch(folder.name) and (folder / LOCK).exists() and not folder.is_symlink():
            held = sorted(path.name for path in _files(folder) if not path.name.startswith("."))
            yield Found("downloads", str(folder), _tree(folder), ", ".join(held[:1]))


def _exports(named: Named) -> Iterator[Found]:
    known = set(named.archives)
    for model in _folders(Path(paths.EXPORTS)):
        for folder in _folders(model):
            if (model.name, folder.name) not in known and _is_export(folder):
                files = [folder] if folder.is_symlink() else [*_files(folder), *_files(folder / ADAPTER)]
                yield Found("exports", str(folder), files)


def _is_ours(variant: Path) -> bool:
    """Whether knowcost made a folder as that of a variant, or began to."""
    manifest = variant / paths.MANIFEST
    whole = seal.beside(manifest).exists() or again.last(manifest) is not None
    return whole or any((variant / name).is_dir() for name in (SCRATCH, STATE, _OF_CELLS[0]))


def _is_export(folder: Path) -> bool:
    manifest = folder / paths.MANIFEST
    return manifest.exists() and (seal.beside(manifest).exists() or (folder / seal.SUMS).exists())


def _of_archive(variant: Path) -> list[Path]:
    """The files of a variant's folder, or the link to it. (The compress stage, too, removes any file there.)"""
    if variant.is_symlink():
        return [variant]
    cells = [path for inside in _OF_CELLS for path in _files(variant / inside) if _benchmark_of(path)]
    return _files(variant) + _tree(variant / SCRATCH) + _tree(variant / STATE) + cells


def _of_model(folder: Path) -> list[Path]:
    """What lies in a model's folder beside its variants."""
    thresholds = folder / Path(paths.thresholds("x")).name
    copy = thresholds.with_name(f".{thresholds.name}")
    drawn = [path for path in _files(Path(paths.calibration(folder.name, "x")).parent) if ".parquet" in path.suffixes]
    return [path for one in (thresholds, copy) for path in (one, *_beside(one)) if path.exists()] + drawn


def _others(folder: str, names: Collection[str]) -> list[Path]:
    """The folders in a folder of other names. Capitals do not count, as where names are checked: some file systems know
    no difference."""
    lower = {name.lower() for name in names}
    return [path for path in _folders(Path(folder)) if path.name.lower() not in lower]


def _other_files(what: str, example: str, names: Collection[str]) -> Iterator[Found]:
    """Files beside `example`, with its suffix, of other names; each with its seal, without which it is not ours."""
    lower = {name.lower() for name in names}
    for path in _files(Path(example).parent):
        ours = path.suffix == Path(example).suffix and not path.name.startswith(".")
        if ours and path.stem.lower() not in lower and (beside := _beside(path)):
            yield Found(what, str(path), [path, *beside])


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder, and links to such, but for hidden ones."""
    return sorted(path for path in folder.glob("[!.]*") if path.is_dir())


def _files(folder: Path) -> list[Path]:
    """The files in a folder, and links to such or to nothing."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if path.is_file() or (path.is_symlink() and not path.is_dir()))


def _tree(folder: Path) -> list[Path]:
    """The files of a folder and below, and links wherever they lead."""
    if folder.is_symlink():
        return [folder]
    found = []
    for at, folders, names in os.walk(folder):
        found += [Path(at, name) for name in names]
        found += [Path(at, name) for name in folders if Path(at, name).is_symlink()]
    return sorted(found)


def _beside(path: Path) -> list[Path]:
    return [beside] if (beside := seal.beside(path)).exists() else []


def _behind(files: Iterable[Path]) -> str:
    """Why what lies behind a link is not removed; "" for what does not. (results and exports may be links: to where a
    study has room, and nobody else's.)"""
    for folder in sorted(
        {parent for path in files for parent in path.parents} - {Path(paths.RESULTS), Path(paths.EXPORTS)}
    ):
        if folder.is_symlink():
            return f"{folder} is a link to {os.readlink(folder)}, where others may use it"
    return ""


def _is_read(found: Found, sources: set[Path]) -> bool:
    """Whether one of these files is a source of the study, or lies in one."""
    real = {folder: Path(os.path.realpath(folder)) for folder in {path.parent for path in found.files}}
    whole = (real[path.parent] / path.name for path in found.files)
    return bool(sources) and any(not sources.isdisjoint([path, *path.parents]) for path in whole)


def _by_inode(files: Iterable[Path]) -> list[tuple[int, bool]]:
    """(bytes on the disk, whether it has other names than these) of each file."""
    names, about = Counter[tuple[int, int]](), {}
    for path in set(files):
        try:
            stat = path.lstat()
        except FileNotFoundError:  # of a run that is at work
            continue
        names[stat.st_dev, stat.st_ino] += 1
        about[stat.st_dev, stat.st_ino] = stat
    return [(512 * stat.st_blocks, stat.st_nlink > names[key]) for key, stat in about.items()]
