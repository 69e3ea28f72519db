"""What an archive changed of its base, tensor by tensor, however it was kept: for whoever has the base at hand.

A manifest says under `tensors` which those are, with the digest (files.quick_digest) of the values of each, row-major
and a linear layer as (out, in); they are held against it as they are read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from knowcost.common import files, paths
from knowcost.common.errors import InputError
from knowcost.compress.archive import write
from knowcost.models import checkpoint, sparse
from knowcost.models.base import Base
from knowcost.models.checkpoint import Tensor
from knowcost.spec.variants import parse

ANEW = "delete it and run Snakemake again to make the archive anew"


def changed(manifest: Mapping[str, Any], folder: Path, base: Base) -> dict[str, Tensor]:
    """The Tensors of an archive's full checkpoint that are not its base's: those that its manifest names, by name.

    folder: the archive's. Weights are read, or computed, by `blocks` of a Tensor, which raises InputError behind the
    last block where its digest is not the manifest's. Raises InputError where `base` is not what the archive was made
    of.
    """
    path = folder / paths.MANIFEST
    if "tensors" not in manifest:
        raise InputError(f"{path}: of an older version of knowcost, without digests of its tensors; {ANEW}")
    check_base(manifest, folder, base)
    tensors = _found(manifest, folder, base)
    if missing := sorted(manifest["tensors"].keys() - tensors.keys()):
        raise InputError(f"{path}: names tensor {missing[0]}, which is not in its archive; {ANEW}")
    return {name: _held(manifest, path, tensors[name]) for name in manifest["tensors"]}


def check_base(manifest: Mapping[str, Any], folder: Path, base: Base) -> None:
    """Raise InputError where an archive in `folder` was made of another base."""
    if base.hashes != manifest["base"]["files"]:
        raise InputError(
            f"{folder / paths.MANIFEST} was made from other weights than those in {base.folder}; "
            "delete it and run Snakemake again to make the archive anew, or fetch the former ones"
        )


def _held(manifest: Mapping[str, Any], path: Path, tensor: Tensor) -> Tensor:
    expected = manifest["tensors"][tensor.name]

    def blocks() -> Iterator[np.ndarray]:
        found = files.quick_digest()
        for block in tensor.blocks():
            found.update(np.ascontiguousarray(block).data)
            yield block
        if found.hexdigest() != expected:
            raise InputError(
                f"{manifest['model']} {manifest['variant']}: tensor {tensor.name} has digest {found.hexdigest()}, "
                f"{path} says {expected}; {ANEW.replace('it', str(path), 1)}"
            )

    return replace(tensor, blocks=blocks)


def _found(manifest: Mapping[str, Any], folder: Path, base: Base) -> dict[str, Tensor]:
    """{name: Tensor} of an archive, those of the manifest among them."""
    kept = manifest["archive"]
    if kept["keep"] == "recipe":
        work = write.work_on(base, kept["cuts"], folder)
        return write.planned(parse(manifest["variant"]), work, kept["shard_size"]).tensors
    if kept["keep"] not in ("full", "changed", "sparse"):
        raise InputError(f"{folder / paths.MANIFEST}: kept as {kept['keep']!r}, which holds no changed tensors")
    opened = sparse.open_shard if kept["keep"] == "sparse" else checkpoint.open_shard
    shards = [name for name in kept["files"] if name.endswith(sparse.SHARD)]
    held = {name: base.tensors[name] for name in base.copies}  # which an archive of what changed may leave to the base
    return held | {name: each for shard in shards for name, each in opened(folder / shard, base.model_type).items()}
