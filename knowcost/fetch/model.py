"""Bring a checkpoint here, and let in only what can be trusted and used."""

import logging
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import is_offline_mode

from knowcost.common import files, paths
from knowcost.common.errors import InputError
from knowcost.fetch import bounds, door, hub
from knowcost.fetch.pickles import convert
from knowcost.fetch.rows import choose, is_local, is_pickle, is_weights, names_in

log = logging.getLogger(__name__)


def fetch_model(
    row: Mapping[str, str], folder: str | Path, *, lock_path: str | Path, most: float = bounds.MOST
) -> None:
    """Fill `folder` with a model's config, tokenizer and safetensors, check them, then write source.json.

    row: a row of the model table; lock_path: where the commit of a floating revision is recorded; most: bytes that may
    come. The small files are checked before the weights come. Raises InputError for whatever the user can put right.
    """
    folder = Path(folder)
    (folder / paths.SOURCE).unlink(missing_ok=True)
    sizes, place, commit, lock = _origin(row, folder, lock_path)
    small, weights = choose(sizes, row)
    _clear(folder, {*small, *weights})
    _check_size(row, sum(sizes[name] for name in (*small, *weights) if not (folder / name).exists()), folder, most)
    digests = {name: place(name) for name in small}
    model = door.look_at_small(row, folder, small)
    digests |= {name: place(name) for name in weights}
    original = {name: digests.pop(name) for name in weights if is_pickle(name)}
    if original:
        digests |= convert(row, folder, list(original))
    source = {
        "name": row["name"],
        "family": row["family"],
        "source": row["source"],
        "requested_revision": None if is_local(row["source"]) else row.get("revision") or "main",
        "commit": commit,
        "files": digests,
        **door.look_at_weights(row, folder, model),
    }
    if original:
        source["converted_from"] = original
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # huggingface_hub's notes on its downloads
    if lock:
        files.write_json(lock_path, lock)
    files.write_json(folder / paths.SOURCE, source)


def _origin(
    row: Mapping[str, str], folder: Path, lock_path: str | Path
) -> tuple[dict[str, int], Callable[[str], dict[str, Any]], str | None, dict[str, str] | None]:
    """({file name: bytes to download}, function that places one of them in `folder` and returns its digest, commit,
    lock to write)."""
    if is_local(row["source"]):
        local = Path(row["source"])
        if not local.is_dir():
            raise InputError(f"{row['name']}: there is no folder {local}; correct the source column, or make it")
        if local.resolve() == folder.resolve():
            raise InputError(f"{row['name']}: {local} is where the fetched copy goes; keep the original elsewhere")
        door.glance(row, local)
        return dict.fromkeys(names_in(local), 0), partial(_place, local, folder), None, None
    if is_offline_mode():
        local = hub.cached(row)
        names = names_in(local)
        lock = hub.pin(row, local.name, lock_path)
        return dict.fromkeys(names, 0), partial(_place, local, folder), local.name, lock
    repository = hub.repository(row)
    lock = hub.pin(row, repository.commit, lock_path)
    sizes = {name: about.size or 0 for name, about in repository.files.items() if "/" not in name}
    return sizes, partial(hub.download, row, repository, folder=folder), repository.commit, lock


def _check_size(row: Mapping[str, str], size: int, folder: Path, most: float) -> None:
    try:
        bounds.check_size(size, most)
        bounds.check_room(size, folder)
    except InputError as error:
        raise InputError(f"{row['name']}: the files of {row['source']} have {error}") from None


def _clear(folder: Path, keep: Collection[str]) -> None:
    """Make the folder, without what an earlier source left in it: links, and files that this source lacks."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_symlink() or (path.is_file() and path.name not in keep):
            path.unlink()
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # may hold the torso of a download that was killed


def _place(origin: Path, folder: Path, name: str) -> dict[str, Any]:
    """Link a weight file of a local folder, or copy a small one. Returns {"sha256", "size"}."""
    path, target = origin / name, folder / name
    if is_weights(name):
        target.unlink(missing_ok=True)
        target.symlink_to(_leads_to(path.resolve(), folder.resolve()))
        log.info("%s: linked to %s", target, path)
    else:
        files.copy(path, target)
    return {"sha256": files.sha256(target), "size": target.stat().st_size}


def _leads_to(path: Path, folder: Path) -> Path:
    """What a link in `folder` says to lead to `path`: inside the folder of the run the way, so that it can be moved."""
    run = Path.cwd().resolve()
    if path.is_relative_to(run) and folder.is_relative_to(run):
        return Path(os.path.relpath(path, folder))
    return path
