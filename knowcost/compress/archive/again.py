"""An archive that is here already and would be made the same: it is kept, whatever the times of its files say.

Snakemake goes by times, which a copied project may not have, and deletes a job's output before it runs. So a second
copy of the manifest, of which it knows nothing, says what the archive was made of.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowcost.common import files, paths
from knowcost.compress.archive import storage
from knowcost.compress.archive.write import KEPT

log = logging.getLogger(__name__)


def remember(out: Path) -> None:
    """Keep a copy of the manifest of an archive that is whole."""
    files.copy(out / paths.MANIFEST, out / KEPT)


def restore(out: Path, origin: Mapping[str, Any], how: Mapping[str, Any]) -> bool:
    """Put back the manifest of an archive in `out` that was made of the same and is, by its hashes, still whole.

    origin: what the manifest would say of what it is made of (verify.origin); how: what its `archive` would (keep,
    shard_size, cuts). Files that do not belong to it are removed. Returns whether there was such an archive.
    """
    try:
        manifest = files.read_json(out / KEPT)
        archive = manifest["archive"]
        same = _part(manifest, origin) == _plain(origin) and _part(archive, how) == _plain(how)
        storage.check(out, archive["files"], "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, an older one, or no longer whole
        return False
    if same:
        for path in out.iterdir():
            if path.is_file() and path.name not in archive["files"] and not path.name.startswith("."):
                path.unlink()
        files.copy(out / KEPT, out / paths.MANIFEST)
        log.info("%s: would be made the same, so it is kept: all hashes are right", out)
    return bool(same)


def _part(value: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.get(key) for key in like}


def _plain(value: Any) -> Any:
    """As it would be read back."""
    return json.loads(files.as_json(value))
