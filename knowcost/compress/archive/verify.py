"""An archive read back: every promise of its steps checked, and what its manifest says."""

from knowcost import compress
from knowcost.common.errors import BrokenPromise
from knowcost.compress import registry
from knowcost.compress.archive import storage
from knowcost.compress.method import Archived
from knowcost.compress.methods.magnitude import count_zeros
from knowcost.models import checkpoint, formats
from knowcost.models.checkpoint import Checkpoint
from knowcost.spec import scopes
from knowcost.spec.architectures import family_of
from knowcost.spec.variants import GROUPINGS, scope_key


def verified_manifest(model, variant, base, done, touched, out, written):
    """Read the archive back, check every promise, and return what it holds. Raises BrokenPromise."""
    archive = Checkpoint(out)
    tensors = formats.floats(archive)
    # The latest first: what was written last may not have to come from the disk.
    held = {f"{module}.weight" for module in base.modules}
    zeros = {name: count_zeros(tensor) for name, tensor in reversed(tensors.items()) if name in held}
    last = max((i for i, (step, _, _) in enumerate(done) if registry.METHODS[step.method].replaces), default=0)
    rounded = bool(done) and registry.METHODS[done[-1][0].method].quantizes
    for step, before, prepared in done[last:]:
        registry.METHODS[step.method].verify(step, before, Archived(tensors, zeros, rounded), prepared)
    for name, tensor in reversed(archive.tensors.items()):
        if name in base.tensors and name not in touched and not checkpoint.same_bytes(tensor, base.tensors[name]):
            raise BrokenPromise(f"{out}: {name} changed, though no step touches it")
    others = {p.name: storage.describe(p) for p in sorted(out.iterdir()) if p.is_file() and p.name not in written}
    return {
        "model": model,
        "variant": variant.slug,
        "steps": [str(step) for step in variant.steps],
        "family": family_of(base.model_type),
        "architecture": base.model_type,
        "stage_version": compress.STAGE_VERSION,
        "base": {key: base.source.get(key) for key in ("source", "commit", "requested_revision")}
        | {"files": base.hashes},
        "tied": base.tied and base.head not in touched,
        "touched": touched,
        "parameters": _parameters(base, zeros, touched),
        "bytes": {"nominal": _nominal(archive, tensors, zeros, done)},
        "files": written | others,
    }


def _parameters(base, zeros, touched):
    """Counts of weights: total (as stored, a tied head once), those of touched layers, and per scope with sparsity."""
    table = {}
    for scope in scopes.scopes_of(family_of(base.model_type)):
        for grouping in GROUPINGS:
            if grouping != GROUPINGS[0] and not scopes.grouping_matters(family_of(base.model_type), scope):
                continue
            names = [f"{n}.weight" for n in scopes.layers(base.model_type, base.modules, grouping, scope)]
            size = sum(base.tensors[name].size for name in names)
            gone = sum(zeros.get(name, zeros[base.embedding.name]) for name in names)  # a head still tied
            table[scope_key(grouping, scope)] = {"parameters": size, "zeros": gone, "sparsity": gone / size}
    return {"total": base.parameters, "touched": sum(base.tensors[name].size for name in touched), "scope": table}


def _nominal(archive, tensors, zeros, done):
    """Bytes that are left when zeros in matrices are not stored at all."""
    nominal = sum(tensor.nbytes for tensor in archive.tensors.values())
    for name, gone in zeros.items():
        stored = archive.tensors.get(name)
        if stored is None:  # grids of a few bits put many weights at zero: only pruned ones need not be stored
            stored, gone = archive.tensors[name + formats.PACKED], count_zeros(done[-1][1][name])
        nominal -= gone * stored.nbytes // tensors[name].size
    return nominal
