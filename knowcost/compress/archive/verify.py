"""An archive read back: whether it holds what its steps promise, and what its manifest says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowcost import compress
from knowcost.common import files
from knowcost.common.errors import BrokenPromise
from knowcost.common.files import Entries
from knowcost.compress import registry
from knowcost.compress.archive.changed import digest
from knowcost.compress.archive.write import Applied, touched
from knowcost.compress.method import Archived
from knowcost.compress.methods.magnitude import count_zeros
from knowcost.models import checkpoint, formats
from knowcost.models.base import Base
from knowcost.models.checkpoint import Checkpoint, Tensor
from knowcost.models.footprint import footprint
from knowcost.spec import scopes
from knowcost.spec.architectures import family_of
from knowcost.spec.variants import GROUPINGS, Variant, scope_key


@dataclass(frozen=True)
class ReadBack:
    """The full checkpoint of an archive, as it lies in its folder.

    base: what it was made from; done: by which steps; written: its weight files; stored: its tensors as the files hold
    them; held: the same as the methods look at them.
    """

    base: Base
    done: list[Applied]
    written: Entries
    stored: Checkpoint
    held: Archived

    @property
    def touched(self) -> list[str]:
        return touched(self.done)


def read_back(folder: Path, base: Base, done: list[Applied], written: Entries) -> ReadBack:
    """Read what write_full wrote into `folder`, and count its zeros."""
    stored = Checkpoint(folder)
    tensors = formats.floats(stored)
    # The latest first: what was written last may not have to come from the disk.
    linear = {f"{module}.weight" for module in base.modules}
    zeros = {name: count_zeros(tensor) for name, tensor in reversed(tensors.items()) if name in linear}
    rounded = bool(done) and registry.METHODS[done[-1].step.method].quantizes
    return ReadBack(base, done, written, stored, Archived(tensors, zeros, rounded))


def check(archive: ReadBack) -> None:
    """Raise BrokenPromise unless every step left what it promises, and everything else is the base's, bit for bit."""
    base, done = archive.base, archive.done
    last = max((i for i, applied in enumerate(done) if registry.METHODS[applied.step.method].replaces), default=0)
    for applied in done[last:]:
        method = registry.METHODS[applied.step.method]
        method.verify(applied.step, applied.before, archive.held, applied.prepared)
    changed = set(archive.touched)
    for name, tensor in reversed(archive.stored.tensors.items()):
        if name in base.tensors and name not in changed and not checkpoint.same_bytes(tensor, base.tensors[name]):
            raise BrokenPromise(f"{archive.stored.folder}: {name} changed, though no step touches it")


def manifest(variant: Variant, archive: ReadBack) -> dict[str, Any]:
    """What manifest.json says of an archive beside `origin`, whatever stays of it."""
    base, written = archive.base, archive.written
    small = [p for p in sorted(archive.stored.folder.iterdir()) if p.is_file() and p.name not in written]
    return {
        "steps": [str(step) for step in variant.steps],
        "family": family_of(base.model_type),
        "architecture": base.model_type,
        "tied": base.tied and base.head not in archive.touched,
        "touched": archive.touched,
        "tensors": {name: digest(archive.stored.tensors[name]) for name in _changed(archive)},
        "parameters": _parameters(archive),
        "bytes": footprint(archive.stored.tensors, archive.touched, archive.held.zeros).as_manifest(),
        "files": written | {path.name: files.describe(path) for path in small},
    }


def _changed(archive: ReadBack) -> list[str]:
    """The names of the tensors that are not the base's, or that its files do not hold, in the documented order."""
    base, touched = archive.base, set(archive.touched)
    theirs = base.tensors.keys() - base.copies - touched
    tensors = archive.stored.tensors
    changed = {name for name in tensors.keys() - theirs if not _is_theirs(tensors[name], base)}
    return [name for name in archive.stored.names if name in changed]


def _is_theirs(tensor: Tensor, base: Base) -> bool:
    name = tensor.name
    return name in base.tensors and name not in base.copies and checkpoint.same_bytes(tensor, base.tensors[name])


def origin(model: str, variant: Variant, base: Base) -> dict[str, Any]:
    """What a manifest says of what its archive is made of."""
    return {
        "model": model,
        "variant": variant.slug,
        "stage_version": compress.STAGE_VERSION,
        "base": {key: base.source.get(key) for key in ("source", "commit", "requested_revision")}
        | {"files": base.hashes},
    }


def _parameters(archive: ReadBack) -> dict[str, Any]:
    """Counts of weights: total (as stored, a tied head once), those of touched layers, and per scope with sparsity."""
    base, zeros = archive.base, archive.held.zeros
    family = family_of(base.model_type)
    table = {}
    for scope in scopes.scopes_of(family):
        for grouping in GROUPINGS:
            if grouping != GROUPINGS[0] and not scopes.grouping_matters(family, scope):
                continue
            names = [f"{n}.weight" for n in scopes.layers(base.model_type, base.modules, grouping, scope)]
            size = sum(base.tensors[name].size for name in names)
            gone = sum(zeros.get(name, zeros[base.embedding.name]) for name in names)  # a head still tied
            table[scope_key(grouping, scope)] = {"parameters": size, "zeros": gone, "sparsity": gone / size}
    acted_on = sum(base.tensors[name].size for name in archive.touched)
    return {"total": base.parameters, "touched": acted_on, "scope": table}
