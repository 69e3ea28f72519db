"""Archives of recovered variants: what was learnt, and a manifest that names, by its hashes, what that stands on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowcost import compress, recover
from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.compress.archive import storage

KEPT = "adapter"  # the `keep` of such an archive
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"  # PEFT's names
TRAINING = "training.parquet"  # how its loss went, for what was trained

Manifest = Mapping[str, Any]


def is_recovered(manifest: Manifest) -> bool:
    """Whether a manifest is that of a recovered variant."""
    return "stands_on" in manifest


def version_of(manifest: Manifest) -> str:
    """The version of the stage that would make such an archive now."""
    return recover.STAGE_VERSION if is_recovered(manifest) else compress.STAGE_VERSION


def stands_on(manifest: Manifest) -> dict[str, Any]:
    """The manifest of the compressed archive that a recovered one stands on, every byte of which was read.

    Raises InputError where it is not the one that was recovered.
    """
    model, said = manifest["model"], manifest["stands_on"]
    folder = Path(paths.archive_dir(model, said["variant"]))
    found = storage.verify(folder, of=(model, said["variant"]))
    check_stands_on(manifest, found)
    return found


def check_stands_on(manifest: Manifest, compressed: Manifest) -> None:
    """Raise InputError unless a recovered variant's manifest names these weights as what it stands on."""
    if manifest["stands_on"]["files"] != compressed["files"]:
        path = paths.manifest(manifest["model"], manifest["variant"])
        raise InputError(
            f"{path}: was recovered from other weights than those of "
            f"{paths.manifest(compressed['model'], compressed['variant'])}; delete {path} and run again"
        )


def check_parts(manifest: Manifest, others: Mapping[tuple[str, str], Manifest]) -> None:
    """Raise InputError where a recovered variant stands on others than these manifests {(model, variant): ...} say."""
    if is_recovered(manifest) and (compressed := others.get((manifest["model"], manifest["stands_on"]["variant"]))):
        check_stands_on(manifest, compressed)
