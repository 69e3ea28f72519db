"""What stays of an archive: the full checkpoint, the changed tensors only, or a recipe.

    full      sharded safetensors, config.json and the tokenizer: loads with plain from_pretrained
    changed   changed.safetensors and config.json; the rest is the base checkpoint's
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

from knowcost.common import files, paths
from knowcost.common.errors import InputError
from knowcost.common.files import digest
from knowcost.models import checkpoint
from knowcost.models.base import Base
from knowcost.models.checkpoint import Checkpoint

MODES = ("full", "changed", "recipe")
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
    whole = Checkpoint(full)
    untouched = base.tensors.keys() - manifest["touched"]
    changed = [tensor for name, tensor in whole.tensors.items() if name not in untouched]
    shards = checkpoint.layout(changed, keep.shard_size, "changed")
    written = {shard: checkpoint.write_shard(out / shard, tensors) for shard, tensors in shards.items()}
    files.copy(full / "config.json", out / "config.json")
    return {"files": written | {"config.json": manifest["files"]["config.json"]}, "shards": whole.shards}


def describe(path: Path) -> dict[str, Any]:
    """{"sha256", "size"} of a file."""
    return {"sha256": files.sha256(path), "size": path.stat().st_size}


def write_manifest(out: Path, manifest: dict[str, Any], kept: dict[str, Any]) -> None:
    """Write an archive's manifest.json: `kept` as its `archive`, and in bytes.disk all that lies there, itself too."""
    manifest["archive"] = kept
    others = sum(entry["size"] for entry in kept["files"].values())
    size = manifest["bytes"]
    size["disk"] = others
    while (total := others + len(files.as_json(manifest).encode())) != size["disk"]:
        size["disk"] = total
    files.write_json(out / paths.MANIFEST, manifest)


def verify(folder: Path) -> dict[str, Any]:
    """Check an archive's files against its manifest. Returns the manifest; raises InputError naming what is wrong."""
    folder = Path(folder)
    path = folder / paths.MANIFEST
    if not path.exists():
        raise InputError(f"{path}: missing, so the archive is not whole; run Snakemake again to make it")
    anew = f"delete {path} and run Snakemake again to make the archive anew"
    try:
        manifest = files.read_json(path)
        kept = manifest["archive"]["files"]
    except (ValueError, KeyError):
        raise InputError(f"{path}: damaged, or of an older version of the workflow; {anew}") from None
    check(folder, kept, anew)
    return manifest


def check(folder: Path, expected: Mapping[str, Mapping[str, Any]], advice: str) -> None:
    """Raise InputError unless the files {name: {"sha256"}} of a folder are what they should be."""
    for name, entry in expected.items():
        if (found := digest(folder / name)) != entry["sha256"]:
            raise InputError(f"{folder / name}: sha256 is {found}, the manifest says {entry['sha256']}; {advice}")
