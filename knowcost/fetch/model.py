"""Bring a checkpoint here, and let in only what can be trusted and used."""

import logging
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import is_offline_mode

from knowcost import fetch
from knowcost.common import again, files, paths, seal
from knowcost.common.errors import InputError
from knowcost.fetch import bounds, brought, door, hub
from knowcost.fetch.alone import LOCK, alone
from knowcost.fetch.pickles import convert
from knowcost.fetch.rows import choose, columns, is_local, is_pickle, is_taught, is_weights, names_at, place

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """Where the files of a model come from.

    sizes: {file there: bytes to download}; place: brings one of them into the model's folder and returns its digest;
    commit: of the hub's repository; local: the user's folder; lock: what to record of a floating revision; downloads:
    whether the network is asked for them.
    """

    sizes: dict[str, int]
    place: Callable[[str], dict[str, Any]]
    commit: str | None = None
    local: Path | None = None
    lock: dict[str, str] | None = None
    downloads: bool = False


def fetch_model(
    row: Mapping[str, str], folder: str | Path, *, lock_path: str | Path, most: float = bounds.MOST
) -> None:
    """Fill `folder` with a model's config, tokenizer and safetensors, check them, then write source.json.

    row: a row of the model table; lock_path: where the commit of a floating revision is recorded; most: bytes that may
    come. The small files are checked before the weights come. A folder that holds all this already is kept, since
    another run may be reading it; what another model has of the same commit of a repository is linked, not downloaded.
    Raises InputError for whatever the user can put right.
    """
    folder = Path(folder)
    whole = folder / paths.SOURCE
    of = {"row": columns(row), "version": fetch.STAGE_VERSION}
    with alone(folder):
        here = again.remembered(whole, of)
        if here:  # before anything that takes its time
            seal.write_json(whole, here)
        try:
            origin = _origin(row, folder, lock_path)
            small, weights = choose(origin.sizes, row)
        except Exception:  # a job that fails makes nothing
            whole.unlink(missing_ok=True)
            raise
        if here and here["commit"] == origin.commit and _is_whole(folder, here, {*small, *weights}, origin.local):
            _remove_others(folder, {*here["files"], paths.SOURCE, seal.beside(whole).name})
            log.info("%s: holds what it should by all digests, so it is kept", folder)
        else:
            _clear(folder, {*small, *weights})
            if origin.downloads:
                _link_from_others(row["source"], origin.commit, folder, [*small, *weights])
            missing = [name for name in (*small, *weights) if not (folder / name).exists()]
            _check_size(row, sum(origin.sizes[name] for name in missing), folder, most)
            here = _bring(row, folder, origin, (small, weights))
        if origin.lock:
            seal.write_json(lock_path, origin.lock)
        seal.write_json(whole, here)
        again.remember(whole, of)


def _bring(row: Mapping[str, str], folder: Path, origin: Origin, names: tuple[list[str], list[str]]) -> dict[str, Any]:
    """Place the small files and the weights of these names, check them, and return what source.json says."""
    small, weights = names
    digests = {name: origin.place(name) for name in small}
    model = _door(row).look_at_small(row, folder, small)
    digests |= {name: origin.place(name) for name in weights}
    original = {name: digests.pop(name) for name in weights if is_pickle(name)}
    if original:
        digests |= convert(row, folder, list(original))
    source = {
        "name": row["name"],
        "family": row["family"],
        "source": row["source"],
        "requested_revision": None if is_local(row["source"]) else row.get("revision") or "main",
        "commit": origin.commit,
        "files": digests,
        **_door(row).look_at_weights(row, folder, model),
    }
    if original:
        source["converted_from"] = original
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # huggingface_hub's notes on its downloads
    for path in (folder / name for name in source["files"]):
        if not path.is_symlink():
            files.sync(path)  # source.json, which follows, says that all of it is there
    return source


def _is_whole(folder: Path, source: Mapping[str, Any], names: Collection[str], local: Path | None) -> bool:
    """Whether a folder holds what `source` says, and the files of these names at the model's source are the same."""
    digests = {name: entry["sha256"] for name, entry in source["files"].items()}
    if any(seal.digest(folder / name) != digest for name, digest in digests.items()):
        return False
    if converted := source.get("converted_from"):
        digests = {name: digest for name, digest in digests.items() if name != paths.INDEX and not is_weights(name)}
        digests |= {name: entry["sha256"] for name, entry in converted.items()}
    if digests.keys() != set(names):
        return False
    return local is None or all(_is_at(local / name, folder / name, digest) for name, digest in digests.items())


def _is_at(path: Path, target: Path, digest: str) -> bool:
    return (target.exists() and path.samefile(target)) or files.sha256(path) == digest


def _origin(row: Mapping[str, str], folder: Path, lock_path: str | Path) -> Origin:
    if is_local(row["source"]):
        local = Path(place(row["source"])[0])
        if not local.is_dir():
            raise InputError(f"{row['name']}: there is no folder {local}; correct the source column, or make it")
        if local.resolve() == folder.resolve():
            raise InputError(f"{row['name']}: {local} is where the fetched copy goes; keep the original elsewhere")
        if is_taught(row["source"]):
            seal.check_folder(local)
        _door(row).glance(row, local)
        return Origin(dict.fromkeys(names_at(row, local), 0), partial(_place, local, folder), local=local)
    if is_offline_mode():
        cached = hub.cached(row)
        lock = hub.pin(row, cached.name, lock_path)
        names = dict.fromkeys(names_at(row, cached), 0)
        return Origin(names, partial(_place, cached, folder), cached.name, lock=lock)
    repository = hub.repository(row)
    lock = hub.pin(row, repository.commit, lock_path)
    _, only = place(row["source"])
    sizes = {
        name: about.size or 0 for name, about in repository.files.items() if "/" not in name and only in (None, name)
    }
    download = partial(hub.download, row, repository, folder=folder)
    return Origin(sizes, download, repository.commit, lock=lock, downloads=True)


def _door(row: Mapping[str, str]) -> Any:
    """The module that decides whether a row's model is let in."""
    return brought if row.get("parent") else door


def _check_size(row: Mapping[str, str], size: int, folder: Path, most: float) -> None:
    try:
        bounds.check_size(size, most)
        bounds.check_room(size, folder)
    except InputError as error:
        raise InputError(f"{row['name']}: the files of {row['source']} have {error}") from None


def _clear(folder: Path, keep: Collection[str]) -> None:
    """Leave nothing of an earlier source in a folder: links, and files that this source lacks."""
    again.forget(folder / paths.SOURCE)  # these two first: they say that the rest is whole
    (folder / paths.SOURCE).unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.is_symlink() or (path.is_file() and path.name not in {*keep, LOCK}):
            path.unlink()
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # may hold the torso of a download that was killed


def _link_from_others(source: str, commit: str | None, folder: Path, names: Collection[str]) -> None:
    """Link what another model of this folder has of the same commit: it was renamed, or is a second row of it. The
    hub's own digests say afterwards whether a file is right."""
    for path in sorted(folder.parent.glob(f"*/{paths.SOURCE}")):
        other = again.last(path)
        if path.parent == folder or not other or (other.get("source"), other.get("commit")) != (source, commit):
            continue
        for name in other["files"].keys() & set(names):
            if not (folder / name).exists() and (path.parent / name).is_file():
                files.link(path.parent / name, folder / name)
                log.info("%s: linked from %s", folder / name, path.parent)


def _remove_others(folder: Path, keep: Collection[str]) -> None:
    """Remove what a loader might take for part of the model and is none; hidden files are nobody's."""
    for path in folder.glob("[!.]*"):
        if path.is_file() and path.name not in keep:
            path.unlink()


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
