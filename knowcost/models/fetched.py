"""The folder of a fetched model, held against its source.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowcost.common import again, paths, seal
from knowcost.common.errors import InputError
from knowcost.models import headers


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
    return {name: sha for name, sha in digests(source).items() if not name.endswith(".safetensors")}


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
