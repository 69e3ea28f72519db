"""An archive that is here already and would be made the same: it is kept, whatever the times of its files say."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowcost.common import again, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import storage

log = logging.getLogger(__name__)


def check_place(out: Path, model: str, slug: str) -> None:
    """Raise InputError where another variant's archive lies in `out`, before anything of it is deleted."""
    path = out / paths.MANIFEST
    for manifest in (again.last(path), _there(path)):
        if manifest:
            storage.check_place(path, manifest, (model, slug))


def _there(path: Path) -> dict[str, Any] | None:
    """The manifest that is there, None where there is none or it is no longer whole: whose it was cannot be told."""
    try:
        return storage.read_manifest(path)
    except InputError:
        return None


def restore(out: Path, of: Mapping[str, Any]) -> bool:
    """Put back the manifest of an archive in `out` that was made of the same and is, by its hashes, still whole.

    of: as it was given to again.remember. Files that do not belong to it are removed. Returns whether there was such an
    archive. Raises InputError for a folder in it that nobody listed.
    """
    manifest = again.remembered(out / paths.MANIFEST, of)
    if manifest is None:
        return False
    kept = manifest["archive"]["files"]
    try:
        storage.check(out, kept)
    except InputError:
        return False
    for path in out.glob("[!.]*"):
        if path.is_file() and path.name not in kept:
            path.unlink()
    seal.check_unlisted(out, [*kept, *paths.BESIDE], out / paths.MANIFEST)  # a folder is not ours to delete
    seal.write_json(out / paths.MANIFEST, manifest)
    log.info("%s: would be made the same, so it is kept: all hashes are right", out)
    return True
