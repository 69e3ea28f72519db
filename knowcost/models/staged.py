"""Copies of fetched models on a node's own disk, so that its jobs read the shared file system once.

    $TMPDIR/knowcost-models-<user id>/<digest of source.json>/<model>/

A copy is a model's folder with its source.json, sealed as that is; each job that takes it hashes every byte of it.
Whatever stands in the way of one, the model is read where it was fetched, and a line of the log says why.
"""

import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path

import filelock

from knowcost.common import files, paths, seal
from knowcost.common.errors import InputError
from knowcost.models import fetched

BLOCK = 1 << 20  # bytes

log = logging.getLogger(__name__)


class _Stopped(Exception):
    """Why there is no copy."""


def folder(model: Path, stage: bool) -> Path:
    """The folder that a job reads a fetched model from: where it was fetched, or, where it is to be staged, its copy.

    One process of a node copies, others wait for it; the system lets go of the lock of one that dies. A copy that is
    not what source.json lists any more is made anew.
    """
    if not stage:
        return model
    try:
        copy = _place(model)
        if not _is_whole(copy):
            with filelock.FileLock(copy.parent / ".lock"):
                if not _is_whole(copy):  # nobody has made it meanwhile
                    _make(model, copy)
    except (_Stopped, InputError, OSError, NotImplementedError) as why:  # the last: no locks on that file system
        log.info("%s: not staged, but read where it is (%s)", model, why)
        return model
    return copy


def _place(model: Path) -> Path:
    """Where the copy of a model goes, in a folder that is this user's alone. Raises _Stopped where it is another's."""
    mine = Path(tempfile.gettempdir(), f"knowcost-models-{os.getuid()}")
    mine.mkdir(mode=0o700, exist_ok=True)
    if mine.stat().st_uid != os.getuid() or mine.is_symlink():
        raise _Stopped(f"{mine} is another user's")
    of = mine / files.sha256(model / paths.SOURCE)
    of.mkdir(exist_ok=True)
    return of / model.name


def _is_whole(copy: Path) -> bool:
    """Whether a copy is there, every byte as the source.json of the model lists it."""
    if not copy.exists():
        return False
    try:
        source = seal.check(copy / paths.SOURCE)
        if source != copy.parent.name:
            raise InputError(f"{copy / paths.SOURCE}: another one than where the model was fetched")
        fetched.check(copy)
    except InputError as error:
        log.info("a staged copy is made anew: %s", error)
        return False
    return True


def _make(model: Path, copy: Path) -> None:
    """Copy a model, and give the copy its name when it is whole. Raises _Stopped, or OSError for a full disk."""
    source = fetched.read_source(model)
    shutil.rmtree(copy, ignore_errors=True)
    half = copy.parent / ".half"  # of a process that was killed, or this one's
    shutil.rmtree(half, ignore_errors=True)
    size, free = sum(entry["size"] for entry in source["files"].values()), shutil.disk_usage(copy.parent).free
    if size > free:
        raise _Stopped(f"it has {size / 1e9:.1f} GB, {copy.parent} has room for {free / 1e9:.1f}")
    try:
        half.mkdir()
        for name, wanted in fetched.digests(source).items():
            if _copied(model / name, half / name) != wanted:
                raise _Stopped(f"{model / name} is not what {paths.SOURCE} lists")
        for path in (model / paths.SOURCE, seal.beside(model / paths.SOURCE)):
            shutil.copyfile(path, half / path.name)
        half.rename(copy)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    log.info("%s: staged in %s (%.1f GB)", model, copy, size / 1e9)


def _copied(path: Path, to: Path) -> str:
    """The digest of a file's bytes, which are copied."""
    to.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with open(path, "rb") as read, open(to, "wb") as written:
        while block := read.read(BLOCK):
            digest.update(block)
            written.write(block)
    return digest.hexdigest()
