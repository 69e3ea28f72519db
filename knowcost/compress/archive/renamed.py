"""An archive that another model of this folder has and that would be made the same: a model that was renamed, or a
second row of the same checkpoint, takes it over instead of computing it.

Its files are hard links, or copies where links cannot be: the other model's folder may be deleted afterwards.
"""

import glob
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from knowcost.common import files, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import storage

log = logging.getLogger(__name__)


def take_over(out: Path, model: str, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """Link the files of another model's archive into `out`, which is empty, and hold them against their hashes there.

    wanted: what a manifest says of what its archive is made of; `archive` in it: how. Of `base` the weights count, and
    not where they came from. Returns the other's manifest; None, and nothing is left in `out`, where there is none.
    """
    for other, manifest in _others(model, wanted["variant"]):
        if not _is_the_same(manifest, wanted):
            continue
        kept = manifest["archive"]["files"]
        try:
            for name in kept:
                files.link(other / name, out / name)
            storage.check(out, kept)
        except (InputError, OSError) as error:  # damaged, or it was deleted meanwhile
            log.warning("%s: not taken over: %s", other, error)
            for name in kept:
                (out / name).unlink(missing_ok=True)
            continue
        log.info("%s: linked from %s, which was made of the same: all hashes are right", out, other)
        return manifest
    return None


def _others(model: str, slug: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """(folder, manifest) of the archives of this variant of other models, as far as they are whole."""
    for path in sorted(Path().glob(paths.manifest("*", glob.escape(slug)))):
        of = paths.archive_at(path)
        if of[0] != model:
            try:
                yield path.parent, storage.read_manifest(path, of)
            except InputError:
                continue


def _is_the_same(manifest: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return seal.of_values(_made_of(manifest, wanted)) == seal.of_values(_made_of(wanted, wanted))


def _made_of(manifest: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """What counts of a manifest, by the names that stand in `keys`."""
    found = {key: manifest.get(key) for key in keys if key not in ("model", "base", "archive")}
    archive = {key: manifest["archive"].get(key) for key in keys["archive"]}
    return found | {"base": manifest["base"]["files"], "archive": archive}
