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
from knowcost.common.files import Entries
from knowcost.compress import registry
from knowcost.compress.archive.write import CONFIG, Planned
from knowcost.models import layout, shard_files, sparse
from knowcost.spec.families import FAMILIES
from knowcost.spec.variants import parse

MODES = ("full", "sparse", "changed", "recipe")
WHOLE = ("full", "sparse")  # of which the full checkpoint is written, though for sparse in a scratch folder
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
    """Yield the folder to work in: an archive's own if all of it stays, else a scratch one."""
    if mode == "full":
        out.mkdir(parents=True, exist_ok=True)
        yield out
    else:
        with files.scratch() as folder:
            yield folder


def store(keep: Keep, plan: Planned, full: Path, out: Path, said: Entries) -> dict[str, Any]:
    """Put what stays of a full checkpoint into `out`.

    full: the folder where it lies, if its mode is of WHOLE; said: what it consists of. Returns {"files": {file:
    {"sha256", "size"}}} of what lies in `out`, in mode changed also "shards", {file: [tensors]} of the full checkpoint.
    """
    if keep.mode == "full":
        return {"files": said}
    if keep.mode == "recipe":
        return {"files": {}}
    if keep.mode == "sparse":
        return {"files": sparse.store(full, said, out)}
    base = plan.base
    untouched = base.tensors.keys() - set(plan.touched)
    changed = [tensor for name, tensor in plan.tensors.items() if name not in untouched]
    shards = shard_files.sharded(layout.folded(base.model_type, changed), keep.shard_size, "changed")
    written = {shard: shard_files.write_shard(out / shard, tensors) for shard, tensors in shards.items()}
    files.write_json(out / CONFIG, plan.config)
    return {"files": written | {CONFIG: said[CONFIG]}, "shards": _shards(plan)}


def _shards(plan: Planned) -> dict[str, list[str]]:
    """{weight file: the Tensors that it holds}."""
    members: dict[str, list[str]] = {}
    for name, tensor in plan.tensors.items():
        members.setdefault(layout.name_in_files(plan.base.model_type, tensor)[0], []).append(name)
    return {shard: [name for tensor in held for name in members[tensor.name]] for shard, held in plan.shards.items()}


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
