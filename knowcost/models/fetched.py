"""The folder of a fetched model, held against its source.json."""

from pathlib import Path
from typing import Any

from knowcost.common import again, paths, seal
from knowcost.common.errors import InputError
from knowcost.models import headers


def read_source(folder: str | Path) -> dict[str, Any]:
    """The contents of a model's source.json. Raises InputError where it is missing, damaged or changed.

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
    return source


def digests(source: dict[str, Any]) -> dict[str, str]:
    """{file: sha256} of what source.json lists."""
    return {name: entry["sha256"] for name, entry in sorted(source["files"].items())}


def check(folder: str | Path, weights: bool = True) -> dict[str, Any]:
    """The contents of source.json, of a folder that holds what it lists and nothing else that a loader could read.

    weights: whether their digests are computed too, which reads every byte of the model. Raises InputError naming what
    is wrong.
    """
    folder = Path(folder)
    source = read_source(folder)
    headers.check_links(folder)
    listed = {name: sha for name, sha in digests(source).items() if weights or not name.endswith(".safetensors")}
    seal.check_listed(folder, listed, folder / paths.SOURCE)
    seal.check_unlisted(folder, source["files"], folder / paths.SOURCE)
    return source
