"""Whether an archive holds what its steps promise, and what its manifest says.

Both go by what streamed by while it was made, and by what lies in its folder or, where nothing does, by its tensors
computed again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knowcost import compress
from knowcost.common.errors import BrokenPromise
from knowcost.common.files import Entries
from knowcost.compress import registry
from knowcost.compress.archive.stream import Stream
from knowcost.compress.archive.write import Applied, Planned
from knowcost.compress.method import Archived
from knowcost.compress.methods.magnitude import count_zeros
from knowcost.models import checkpoint, formats
from knowcost.models.base import Base
from knowcost.models.checkpoint import Tensor
from knowcost.models.footprint import footprint
from knowcost.spec import scopes
from knowcost.spec.architectures import family_of
from knowcost.spec.variants import GROUPINGS, Variant, scope_key


@dataclass(frozen=True)
class Made:
    """A full checkpoint that streamed by.

    plan: what it was to be; files: what it consists of; stream: what was seen of it; tensors: all of it by name, as
    they are read from its files or computed again.
    """

    plan: Planned
    files: Entries
    stream: Stream
    tensors: Mapping[str, Tensor]


def check(made: Made) -> dict[str, int]:
    """{linear layer's weight: how many zeros}.

    Raises BrokenPromise unless every step left what it promises, and everything else is the base's.
    """
    base, done, stream = made.plan.base, made.plan.done, made.stream
    stream.check_seen(made.plan.tensors.values())
    if others := sorted(stream.digests.keys() & base.tensors.keys() - base.copies - set(made.plan.touched)):
        raise BrokenPromise(f"{base.folder}: {others[0]} changed, though no step touches it")
    rounded = bool(done) and registry.METHODS[done[-1].step.method].quantizes
    held = Archived(
        formats.floats_of(made.tensors, made.plan.config),
        {name: counts.zeros for name, counts in stream.counts.items()},
        rounded,
    )
    last = max((i for i, applied in enumerate(done) if registry.METHODS[applied.step.method].replaces), default=0)
    for applied in reversed(done[last:]):
        if registry.METHODS[applied.step.method].quantizes:
            _check_each(applied, held)
        else:
            registry.METHODS[applied.step.method].verify(applied.step, applied.before, held, applied.prepared)
    return held.zeros


def _check_each(applied: Applied, held: Archived) -> None:
    """Hold a quantizer to its promise weight by weight, so that one that is computed again is computed once for all;
    and count the zeros of packed ones."""
    method = registry.METHODS[applied.step.method]
    for name, tensor in applied.before.items():
        if name not in held.zeros:
            held.zeros[name] = count_zeros(held.tensors[name])
        method.verify(applied.step, {name: tensor}, held, applied.prepared)


def manifest(variant: Variant, made: Made, zeros: Mapping[str, int]) -> dict[str, Any]:
    """What manifest.json says of an archive beside `origin`, whatever stays of it. zeros: as of check."""
    base, touched, digests = made.plan.base, made.plan.touched, made.stream.digests
    return {
        "steps": [str(step) for step in variant.steps],
        "family": family_of(base.model_type),
        "architecture": base.model_type,
        "tied": base.tied and base.head not in touched,
        "touched": touched,
        "tensors": {name: digests[name] for name in sorted(digests, key=checkpoint.natural)},
        "parameters": _parameters(base, touched, zeros),
        "bytes": footprint(made.plan.tensors, touched, made.stream.counts).as_manifest(),
        "files": made.files,
    }


def origin(model: str, variant: Variant, base: Base) -> dict[str, Any]:
    """What a manifest says of what its archive is made of."""
    return {
        "model": model,
        "variant": variant.slug,
        "stage_version": compress.STAGE_VERSION,
        "base": {key: base.source.get(key) for key in ("source", "commit", "requested_revision")}
        | {"files": base.hashes},
    }


def _parameters(base: Base, touched: list[str], zeros: Mapping[str, int]) -> dict[str, Any]:
    """Counts of weights: total (as stored, a tied head once), those of touched layers, and per scope with sparsity."""
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
    acted_on = sum(base.tensors[name].size for name in touched)
    return {"total": base.parameters, "touched": acted_on, "scope": table}
