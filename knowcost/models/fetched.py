"""The folder of a fetched model, held against its source.json."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowcost.common import again, files, paths, seal
from knowcost.common.errors import InputError
from knowcost.models import headers

QUICK = f".{paths.SOURCE}.quick"  # beside source.json: {sha256 of a weight file: its quick digest}


def read_source(folder: str | Path) -> dict[str, Any]:
    """The contents of a model's source.json. Raises InputError where it is missing, damaged, changed, or another
    model's.

    Where it is missing and the folder is whole, Snakemake of another run that shares it has deleted the file, and a job
    is about to put it back.
    """
    path = Path(folder) / paths.SOURCE
    try:
        source = seal.read_json(path)
    except InputError:
        source = None if path.exists() else again.last(path)
        if source is None:
            raise
    if not isinstance(source, dict) or not isinstance(source.get("files"), dict):
        raise InputError(f"{path}: of an older version of knowcost; delete it and run again")
    if (name := source.get("name", path.parent.name)) != path.parent.name:
        raise InputError(
            f"{path}: is of {name!r}, but this is the place of {path.parent.name!r}; move this folder back to where it "
            f"was, or delete {path} and run again"
        )
    return source


def digests(source: Mapping[str, Any]) -> dict[str, str]:
    """{file: sha256} of what source.json lists."""
    return {name: entry["sha256"] for name, entry in sorted(source["files"].items())}


def digest_of_small(source: Mapping[str, Any]) -> str:
    """What stands for a model without its weights: its configuration and tokenizer."""
    return seal.of_values(_small(source))


def _small(source: Mapping[str, Any]) -> dict[str, str]:
    return {name: sha for name, sha in digests(source).items() if not _is_weights(name)}


def _is_weights(name: str) -> bool:
    return name.endswith(".safetensors")


def check(folder: str | Path, weights: bool = True) -> dict[str, Any]:
    """The contents of source.json, of a folder that holds what it lists and nothing else that a loader could read.

    weights: whether their digests are computed too, which reads every byte of the model. Raises InputError naming what
    is wrong.
    """
    folder = Path(folder)
    source = read_source(folder)
    headers.check_links(folder)
    listed = digests(source) if weights else _small(source)
    seal.check_unlisted(folder, source["files"], folder / paths.SOURCE)
    seal.check_listed(folder, listed, folder / paths.SOURCE)
    return source


def check_again(folder: str | Path) -> dict[str, Any]:
    """As check, of a folder that one job after another reads to the last byte, in a fifth of the CPU time.

    Whoever finds the sha256 of a weight file right remembers the quick digest of the same bytes in the folder, where it
    may write there; the next one holds the file against that.
    """
    folder = Path(folder)
    source = check(folder, weights=False)
    known = _known(folder)
    wanted = {name: sha for name, sha in digests(source).items() if _is_weights(name)}
    found = {sha: _quick_of(folder, name, sha, known) for name, sha in wanted.items()}
    if found != known:
        with contextlib.suppress(OSError):  # somebody else's folder, or a full disk
            seal.write_json(folder / QUICK, found)
    return source


def _known(folder: Path) -> dict[str, str]:
    """{sha256: quick digest} of weight files of a folder that were right."""
    try:
        known = seal.read_json(folder / QUICK)
    except InputError:  # none, or another job is writing it
        return {}
    return known if isinstance(known, dict) else {}


def _quick_of(folder: Path, name: str, sha: str, known: Mapping[str, str]) -> str:
    """The quick digest of a file that is what it should be. Raises InputError unless it is."""
    if seal.is_inside(name):
        with contextlib.suppress(OSError):
            if sha in known and files.quick(folder / name) == known[sha]:
                return known[sha]
            found, quick = files.sha256_and_quick(folder / name)
            if found == sha:
                return quick
    seal.check_listed(folder, {name: sha}, folder / paths.SOURCE)
    raise InputError(f"{folder / name}: changed while it was read; let nothing change it while jobs run, and run again")
