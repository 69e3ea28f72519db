"""What stays of an archive: the full checkpoint, zeros as a bit each or not, the changed tensors only, or a recipe.

    full      sharded safetensors, config.json and the tokenizer: loads with plain from_pretrained
    changed   changed.safetensors and config.json; the rest is the base checkpoint's
    sparse    all of it, with a bitmask and the values that are not zero in the place of what gets smaller so
              (models/sparse.py): loads with knowcost.load.load
    recipe    the manifest alone: the steps, and the cuts of those that prune by magnitude (with calibration data:
              as `changed`)

Whichever it is, the manifest lists the hashes of the full checkpoint under `files`, so that a variant is the same cell
in every mode, and under `archive` what is on disk and how to make the rest of it again (rebuild.py).
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowcost.common import files, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress import registry
from knowcost.models import checkpoint, layout, sparse
from knowcost.models.base import Base
from knowcost.models.checkpoint import Checkpoint
from knowcost.spec.families import FAMILIES
from knowcost.spec.variants import parse

MODES = ("full", "sparse", "changed", "recipe")
AS_BROUGHT = "as_brought"  # of a version that was compressed elsewhere: its files stay where they were fetched
SHARD_SIZE = 5 * 10**9
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}


@dataclass(frozen=True)
class Keep:
    """mode: what stays of an archive, one of MODES; shard_size: bytes of its files at most."""

    mode: str = "full"
    shard_size: int = SHARD_SIZE


FULL = Keep()


def parse_size(text: str) -> int:
    """Bytes of "5GB", "200MB" or "64KB", in powers of ten."""
    return int(text[:-2]) * _UNITS[text[-2:]]


@contextlib.contextmanager
def workplace(out: Path, mode: str) -> Iterator[Path]:
    """Yield the folder to make an archive's full checkpoint in: its own if all of it stays, else a scratch one."""
    if mode == "full":
        out.mkdir(parents=True, exist_ok=True)
        yield out
    else:
        with files.scratch() as folder:
            yield folder


def store(keep: Keep, full: Path, out: Path, base: Base, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Put what stays of the full checkpoint in folder `full` into `out`.

    base: what it was made from; manifest: what is known of it. Returns {"files": {file: {"sha256",
    "size"}}} of what lies in `out`, in mode changed also "shards", {file: [tensors]} of the full checkpoint.
    """
    if keep.mode == "full":
        return {"files": manifest["files"]}
    if keep.mode == "recipe":
        return {"files": {}}
    if keep.mode == "sparse":
        return {"files": sparse.store(full, manifest["files"], out)}
    whole = Checkpoint(full)
    untouched = base.tensors.keys() - manifest["touched"]
    changed = [tensor for name, tensor in whole.tensors.items() if name not in untouched]
    shards = checkpoint.sharded(layout.folded(base.model_type, changed), keep.shard_size, "changed")
    written = {shard: checkpoint.write_shard(out / shard, tensors) for shard, tensors in shards.items()}
    files.copy(full / "config.json", out / "config.json")
    return {"files": written | {"config.json": manifest["files"]["config.json"]}, "shards": whole.shards}


def write_manifest(out: Path, manifest: dict[str, Any], kept: dict[str, Any]) -> None:
    """Write an archive's manifest.json: `kept` as its `archive`, and in bytes.disk all that lies there, itself too (and
    the files of a version as it was brought, or of the archive that a recovered one stands on, which lie
    elsewhere)."""
    manifest["archive"] = kept
    others = sum(entry["size"] for entry in kept["files"].values())
    size = manifest["bytes"]
    others += sum(entry["size"] for entry in manifest["files"].values()) if kept["keep"] == AS_BROUGHT else 0
    others += size.get("beside", 0)
    size["disk"] = others
    while (total := others + len(files.as_json(manifest).encode())) != size["disk"]:
        size["disk"] = total
    seal.write_json(out / paths.MANIFEST, manifest)


def read_manifest(path: str | Path, of: tuple[str, str] | None = None) -> dict[str, Any]:
    """The contents of an archive's manifest.json.

    of: the (model, variant) whose place this is. Raises InputError where it is missing, damaged, changed, no manifest,
    of another variant than `of`, names what this version does not know, or lists files outside its folder.
    """
    manifest = seal.read_json(path)
    if not isinstance(manifest, dict) or not manifest.keys() >= {"model", "variant", "files", "archive", "base"}:
        raise InputError(f"{path}: of an older version of knowcost; delete it and run Snakemake again")
    if of:
        check_place(path, manifest, of)
        _check_names(path, manifest)
    lists = (manifest["files"], manifest["archive"]["files"], manifest["archive"].get("shards", {}))
    for name in (name for each in lists for name in each):
        if not seal.is_inside(name) or "/" in name:
            raise InputError(f"{path}: lists {name!r}, which is no file of its folder; delete {path} and run again")
    return manifest


def bytes_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest says of bytes. Raises InputError for one of a version that counted them otherwise."""
    size: dict[str, Any] = manifest.get("bytes", {})
    if not size.keys() >= {"real", "loaded", "formats", "format", "disk"}:
        path = paths.manifest(manifest["model"], manifest["variant"])
        raise InputError(f"{path}: of an older version of knowcost, without real bytes; delete it and run again")
    return size


def _check_names(path: str | Path, manifest: Mapping[str, Any]) -> None:
    """Raise InputError where a manifest names a method, scope or family that there is not, or other steps than its
    variant's: another version of knowcost may have written it, or a hand."""
    anew = "use the version of knowcost that made it, or delete it and run again"
    try:
        variant = parse(manifest["variant"])
        registry.check_steps(variant)
    except InputError as error:
        raise InputError(f"{path}: {error}; {anew}") from None
    steps = [str(step) for step in variant.steps]
    if manifest.get("steps") != steps:
        said = manifest.get("steps")
        raise InputError(f"{path}: its steps are {said}, those of variant {variant.slug!r} {steps}; {anew}")
    if manifest.get("family") not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise InputError(f"{path}: no family {manifest.get('family')!r}; known: {known}; {anew}")


def check_place(path: str | Path, manifest: Mapping[str, Any], of: tuple[str, str]) -> None:
    """Raise InputError when the manifest at `path`, the place of (model, variant) `of`, is another's."""
    found = manifest["model"], manifest["variant"]
    if found != of:
        raise InputError(
            f"{path}: is of {' '.join(found)}, but this is the place of {' '.join(of)}; move this folder back to where "
            "it was, or delete it, and run again"
        )


def verify(folder: str | Path, of: tuple[str, str] | None = None) -> dict[str, Any]:
    """Hold an archive against its manifest: the files that this lists, and no others. Returns the manifest.

    of: as of read_manifest. Raises InputError naming what is wrong.
    """
    folder = Path(folder)
    path = folder / paths.MANIFEST
    manifest = read_manifest(path, of)
    seal.check_unlisted(folder, [*manifest["archive"]["files"], *paths.BESIDE], path)
    check(folder, manifest["archive"]["files"])
    return manifest


def check(folder: Path, expected: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise InputError unless the files {name: {"sha256"}} of an archive are what its manifest says."""
    seal.check_listed(folder, {name: entry["sha256"] for name, entry in expected.items()}, folder / paths.MANIFEST)
