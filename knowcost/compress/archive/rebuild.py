"""Full checkpoints out of archives, however those were kept, with every hash checked."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from knowcost import compress
from knowcost.common import files, paths, seal
from knowcost.common.errors import InputError
from knowcost.common.files import Entries
from knowcost.compress.archive import brought, changed, storage, write
from knowcost.models import checkpoint, layout, sparse
from knowcost.models.base import Base, opened
from knowcost.models.checkpoint import Tensor
from knowcost.models.headers import PREFIXES
from knowcost.spec.variants import parse

log = logging.getLogger(__name__)

Manifest = dict[str, Any]  # as storage.verify returns it


@contextlib.contextmanager
def full(manifest: Manifest, folder: Path, model_folder: Path) -> Iterator[Path]:
    """Yield a folder with the full checkpoint of an archive whose manifest storage.verify returned.

    That is the archive's own folder, or a scratch one that is removed afterwards; of a version that was compressed
    elsewhere the fetched one. model_folder: its base.
    """
    if manifest["archive"]["keep"] == "full":
        yield Path(folder)
    elif manifest["archive"]["keep"] == storage.AS_BROUGHT:
        yield brought.folder_of(manifest)
    else:
        with files.scratch() as out:
            _make(manifest, Path(folder), model_folder, out)
            yield out


def export(folder: Path, model_folder: Path, out: Path, of: tuple[str, str]) -> None:
    """Write an archive's full checkpoint into `out`, as an archive that is kept in full, and read it back.

    of: the (model, variant) that is wanted. Raises InputError for an archive of another, or one that is damaged, before
    anything in `out` is deleted.
    """
    out = Path(out)
    manifest = storage.verify(folder, of)
    if manifest["archive"]["keep"] == storage.AS_BROUGHT:
        raise InputError(
            f"{folder}: was compressed elsewhere, so there is nothing to make; its files are in "
            f"{brought.folder_of(manifest)}"
        )
    write.clear(out)
    _make(manifest, Path(folder), model_folder, out)
    storage.check(out, manifest["files"])
    whole = {key: manifest["archive"][key] for key in ("shard_size", "cuts")}
    storage.write_manifest(out, manifest, whole | {"keep": "full", "files": manifest["files"]})
    log.info("%s: %d files, all hashes are right", out, len(manifest["files"]))


def _make(manifest: Manifest, folder: Path, model_folder: Path, out: Path) -> None:
    """Write the full checkpoint into `out`. Raises InputError unless its hashes are those of the manifest."""
    if manifest["archive"]["keep"] == "full":
        for name in manifest["files"]:
            files.copy(folder / name, out / name)
        return
    if manifest["archive"]["keep"] == "sparse":  # it holds all, so the base may be gone
        written = sparse.expand(folder, manifest["archive"]["files"], out)
    else:
        with opened(model_folder) as base:
            changed.check_base(manifest, folder, base)
            written = _way_of(manifest, folder)(manifest, folder, base, out)
    _check_made(manifest, folder, written, out)


def _check_made(manifest: Manifest, folder: Path, written: Entries, out: Path) -> None:
    for name, entry in manifest["files"].items():
        found = written[name]["sha256"] if name in written else seal.digest(out / name)
        if found != entry["sha256"]:
            raise InputError(
                f"{folder}: {name}, made again, has sha256 {found}, the manifest says {entry['sha256']}. It was made "
                f"by version {manifest['stage_version']} of the compress stage, this is {compress.STAGE_VERSION}. "
                f"Delete {folder / paths.MANIFEST} and run Snakemake again to make the archive anew"
            )


def _way_of(manifest: Manifest, folder: Path) -> Callable[[Manifest, Path, Base, Path], Entries]:
    """What makes the full checkpoint of an archive that is not kept whole. Raises InputError where nothing does."""
    ways = {"changed": _from_changed, "recipe": _from_recipe}
    if (keep := manifest["archive"]["keep"]) not in ways:
        raise InputError(
            f"{folder / paths.MANIFEST}: kept as {keep!r}; known: {', '.join(storage.MODES)}; use the version of "
            "knowcost that made it, or delete it and run again"
        )
    return ways[keep]


def _from_changed(manifest: Manifest, folder: Path, base: Base, out: Path) -> Entries:
    kept: dict[str, Tensor] = {}
    for name in manifest["archive"]["files"]:
        if name.endswith(".safetensors"):
            kept |= checkpoint.open_shard(folder / name, base.model_type)
    shards = {
        shard: layout.folded(base.model_type, [kept.get(name) or base.tensors[name] for name in names])
        for shard, names in manifest["archive"]["shards"].items()
    }
    prefix = max(filter(next(iter(shards)).startswith, PREFIXES), key=len)
    written = write.write_shards(shards, prefix + paths.INDEX, out)
    files.copy(folder / "config.json", out / "config.json")
    write.copy_small(base, out)
    return written


def _from_recipe(manifest: Manifest, folder: Path, base: Base, out: Path) -> Entries:
    kept = manifest["archive"]
    work = write.work_on(base, kept["cuts"], out)
    return write.write_full(write.planned(parse(manifest["variant"]), work, kept["shard_size"]), out)
