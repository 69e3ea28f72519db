"""A recovered variant as other tools take it: one folder with a checkpoint and, unless it was merged, its adapter.

The checkpoint is the compressed one that the recovery stands on, as it was archived. Where that is packed it holds the
floats which the packed weights stand for, in the checkpoint's own type, since PEFT has no LoRA for packed layers, and
these are what the adapter was trained on. The adapter lies in the folder `adapter` beside the weights: transformers
would load one that lies among them without being asked. What is merged (`Method.merges`) has no adapter: its weights
are the recovered ones, in the checkpoint's own type, and as written are zero where the pruned ones are.
"""

import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from knowcost.common import files, paths, seal
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.compress.archive import rebuild, storage, write
from knowcost.models import checkpoint, layout, shard_files
from knowcost.models.base import Base
from knowcost.models.checkpoint import Checkpoint, Tensor
from knowcost.models.formats import floats, is_packed
from knowcost.recover import archive, registry
from knowcost.spec.recoveries import Recovery
from knowcost.spec.variants import parse

log = logging.getLogger(__name__)

ADAPTER = "adapter"  # the folder in an export's
SAME = ("model", "variant", "family", "architecture", "base", "steps", "stage_version", "stands_on", "recovery")


def export(model: str, slug: str, out: Path) -> None:
    """Write a recovered variant into `out`, read it back, seal the folder, and write its manifest.

    Raises InputError for an archive that is damaged, or that stands on another one, before anything in `out` is
    deleted.
    """
    folder, base = Path(paths.archive_dir(model, slug)), Path(paths.model_dir(model))
    manifest = storage.verify(folder, of=(model, slug))
    compressed = archive.stands_on(manifest)
    recovery = _recovery_of(slug)
    write.clear(out)
    shutil.rmtree(out / ADAPTER, ignore_errors=True)
    with rebuild.full(compressed, Path(paths.archive_dir(model, compressed["variant"])), base) as whole:
        if registry.method_of(recovery).merges:
            weights = "merged"
            _write_merged(whole, folder, base, compressed, out)
        elif is_packed(Checkpoint(whole).config):
            weights = "floats"
            _write_tensors(whole, floats(Checkpoint(whole)), compressed, out)
        else:
            weights = "as archived"
            for name in compressed["files"]:
                files.copy(whole / name, out / name)
    stored = [] if weights == "merged" else manifest["files"]
    adapter = [name for name in stored if not name.startswith(archive.TRAINING)]  # nor its seal
    for name in adapter:
        files.copy(folder / name, out / ADAPTER / name)
    about = {key: manifest[key] for key in SAME} | {"recovered_files": manifest["files"]}
    files.write_json(out / paths.MANIFEST, about | {"weights": weights, "adapter": adapter})
    seal.seal_folder(out)
    log.info("%s: weights %s, %s", out, weights, f"an adapter of {len(adapter)} files" if adapter else "no adapter")


def check(model: str, slug: str) -> None:
    """Raise InputError unless an export is, byte by byte, what was written, of this variant and its archive."""
    path = Path(paths.export(model, slug))
    seal.check_folder(path.parent)
    exported = files.read_json(path)
    storage.check_place(path, exported, (model, slug))
    there = Path(paths.manifest(model, slug))
    if there.exists():
        found = storage.read_manifest(there, (model, slug))
        if [found["files"], found["stands_on"]] != [exported["recovered_files"], exported["stands_on"]]:
            raise InputError(f"{path} was exported from another archive than {there}; delete it and export again")


def _recovery_of(slug: str) -> Recovery:
    if (recovery := parse(slug).recovery) is None:
        raise InputError(f"variant {slug!r} names no recovery")
    return recovery


def _write_merged(whole: Path, folder: Path, base: Path, compressed: Mapping[str, Any], out: Path) -> None:
    """Write a pruned checkpoint with the updates of the archive in `folder`; its zeros are counted as written."""
    from knowcost.recover import masked

    pruned = Checkpoint(whole).tensors
    names = Base(base, weights=False).fills
    merged = {
        name: replace(pruned[name], blocks=masked.blocks(pruned[name], a, b))
        for name, a, b in ((names[f"{path}.weight"], a, b) for path, a, b in masked.updates(folder))
    }
    written = _write_tensors(whole, pruned | merged, compressed, out)
    for name in merged:
        if not _same_zeros(pruned[name], written[name]):
            raise BrokenPromise(f"{out}: {name} is not zero where the pruned weight is, and only there")


def _same_zeros(one: Tensor, other: Tensor) -> bool:
    rows: Iterator[tuple[Any, Any]] = zip(one.rows(), other.rows(), strict=True)
    return all(np.array_equal(first == 0, second == 0) for (_, first), (_, second) in rows)


def _write_tensors(
    whole: Path, tensors: Mapping[str, Tensor], compressed: Mapping[str, Any], out: Path
) -> dict[str, Tensor]:
    """Write a checkpoint of these tensors with the configuration and small files of that in `whole`; its tensors, read
    back. Raises BrokenPromise where one is not what it was."""
    config = {key: value for key, value in Checkpoint(whole).config.items() if key != "quantization_config"}
    ordered = [tensors[name] for name in sorted(tensors, key=checkpoint.natural)]
    shards = shard_files.sharded(
        layout.folded(config["model_type"], ordered), compressed["archive"]["shard_size"], "model"
    )
    write.write_shards(shards, paths.INDEX, out)
    files.write_json(out / "config.json", config)
    for name in compressed["files"]:
        if name != "config.json" and not any(Path(name).match(pattern) for pattern in write.WEIGHTS):
            files.copy(whole / name, out / name)
    written = Checkpoint(out).tensors
    wrong = [name for name in tensors if name not in written or not checkpoint.same_bytes(written[name], tensors[name])]
    if wrong or len(written) != len(tensors):
        raise BrokenPromise(f"{out}: {(wrong or ['a tensor'])[0]} is not what was to be written")
    return written
