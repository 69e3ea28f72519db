"""Archives: a variant of a model as a folder of safetensors with a manifest, made and checked tensor by tensor.

What is not kept is not written: it streams by for its digests, and is checked on the way.

The job holds one block of one tensor at a time, and imports no torch unless a method needs it.
"""

import logging
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from knowcost import compress
from knowcost.common import again, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress import registry
from knowcost.compress.archive import storage, verify
from knowcost.compress.archive.again import check_place, restore
from knowcost.compress.archive.renamed import take_over
from knowcost.compress.archive.storage import Keep
from knowcost.compress.archive.stream import Stream
from knowcost.compress.archive.verify import Made
from knowcost.compress.archive.write import SCRATCH, clear, describe_full, planned, work_on, write_full
from knowcost.compress.calibration import windows
from knowcost.compress.method import Cut
from knowcost.compress.methods.magnitude import percent, thresholds
from knowcost.models.base import Base, opened
from knowcost.models.checkpoint import Checkpoint
from knowcost.spec import scopes
from knowcost.spec.variants import Step, Variant, parse, scope_key

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inputs:
    """What an archive is made from, and where.

    model: the folder of its base; thresholds, calibration: the files that make_thresholds and windows.draw wrote, for
    methods that need them; device: where methods with torch compute (`auto`, `cpu`, `cuda`, ...).
    """

    model: Path
    thresholds: Path | None = None
    calibration: Path | None = None
    device: str = "cpu"


def make_thresholds(model_folder: Path, wanted: Iterable[tuple[str, str, list[int]]], out: Path) -> None:
    """Write thresholds.json: the exact cuts of every magnitude step of a model's variants.

    wanted: [(grouping, scope, [levels])].
    """
    wanted = list(wanted)
    with opened(model_folder) as base:
        of = {"version": compress.STAGE_VERSION, "base": base.hashes, "wanted": wanted}
        made = _of_renamed(of) or {"base": base.hashes, "scopes": _cuts(base, wanted)}
    seal.write_json(out, made)
    again.remember(out, of)
    log.info("%s: thresholds of %d scopes, %s weights", model_folder, len(made["scopes"]), f"{base.parameters:,}")


def _of_renamed(of: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the thresholds.json of another model say that were made of the same: it was renamed."""
    found = (again.remembered(path, of) for path in sorted(Path().glob(paths.thresholds("*"))))
    return next((made for made in found if made), None)


def _cuts(base: Base, wanted: Iterable[tuple[str, str, list[int]]]) -> dict[str, dict[str, Cut]]:
    """{scope key: {level: cut}} (magnitude.thresholds) for [(grouping, scope, [levels])]."""
    scoped = {}
    for grouping, scope, levels in wanted:
        names = scopes.layers(base.model_type, base.modules, grouping, scope)
        scoped[scope_key(grouping, scope)] = [base.tensors[f"{name}.weight"] for name in names], levels
    return thresholds(scoped)


def _cut_of(step: Step, base: Base, thresholds_file: Path) -> Cut:
    """The cut of one magnitude step: from thresholds.json, or taken here when the level is newer than that file."""
    known = seal.read_json(thresholds_file)
    if known["base"] != base.hashes:
        raise InputError(f"{thresholds_file} was taken from other weights than {base.folder}; delete it and rerun")
    key, level = scope_key(step.grouping, step.scope), str(step.level)
    if level in known["scopes"].get(key, {}):
        return known["scopes"][key][level]
    return _cuts(base, [(step.grouping, step.scope, [percent(step)])])[key][level]


def _given(path: Path | None, what: str) -> Path:
    if path is None:
        raise ValueError(f"a step needs {what}, but was given none")
    return path


def make_archive(model: str, slug: str, inputs: Inputs, out: Path, keep: Keep = storage.FULL) -> None:
    """Compress one model into one archive, check that it holds what the variant says, and write its manifest last.

    One that is there already, made of the same and whole by its hashes, is kept as it is (again.py), and one that
    another model has is taken over (renamed.py).
    keep: what stays. Of a recipe with calibration data the changed tensors stay too, since what such a method computes
    depends to the last digit on the device and the number of threads.
    Raises InputError for an impossible variant, BrokenPromise when the result is not what was promised.
    """
    variant = parse(slug)
    registry.check_steps(variant)
    out = Path(out)
    check_place(out, model, slug)
    with opened(inputs.model) as base:
        origin, how = _made_of(model, variant, base, inputs, keep)
        if restore(out, origin | how):
            return
        clear(out)
        there = take_over(out, model, origin | {"archive": how})
        manifest, kept = (there, there["archive"]) if there else _make(variant, base, inputs, how, out)
    storage.write_manifest(out, manifest | origin, how | kept)
    again.remember(out / paths.MANIFEST, origin | how)
    log.info("%s %s: %s", model, slug, _summary(manifest | origin))


def _made_of(
    model: str, variant: Variant, base: Base, inputs: Inputs, keep: Keep
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an archive is made of, as its manifest says, and how: what it says under `archive` beside its files."""
    calibrated = any(registry.METHODS[step.method].needs_data for step in variant.steps)
    if calibrated and keep.mode == "recipe":
        keep = replace(keep, mode="changed")
    cutting = [step for step in variant.steps if registry.METHODS[step.method].needs_thresholds]
    cuts = {str(step): _cut_of(step, base, _given(inputs.thresholds, "thresholds")) for step in cutting}
    origin = verify.origin(model, variant, base)
    if calibrated:
        drawn = _given(inputs.calibration, "calibration data")
        origin["calibration"] = windows.read(drawn)[1]
        windows.check_model(drawn, origin["calibration"], base.source)
    return origin, {"keep": keep.mode, "shard_size": keep.shard_size, "cuts": cuts}


def _make(
    variant: Variant, base: Base, inputs: Inputs, how: Mapping[str, Any], out: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make and check an archive. Returns (what its manifest says of it, what of it stays in `out`)."""
    keep = Keep(how["keep"], how["shard_size"])
    with storage.workplace(out, keep.mode) as place:
        work = work_on(base, how["cuts"], place, inputs.calibration, inputs.device)
        stream = Stream(base)
        plan = planned(variant, work, keep.shard_size, stream.watched)
        if keep.mode in storage.WHOLE:
            made = Made(plan, write_full(plan, place), stream, Checkpoint(place).tensors)
        else:
            made = Made(plan, describe_full(plan), stream, plan.tensors)
        manifest = verify.manifest(variant, made, verify.check(made))
        kept = storage.store(keep, plan, place, out, manifest["files"])
        shutil.rmtree(place / SCRATCH, ignore_errors=True)
    return manifest, kept


def _summary(manifest: dict[str, Any]) -> str:
    scopes_of_steps = dict.fromkeys(scope_key(s.grouping, s.scope) for s in parse(manifest["variant"]).steps)
    entries = manifest["parameters"]["scope"]
    sparse = [f"{entries[scope]['sparsity']:.1%} of {scope} is zero" for scope in scopes_of_steps]
    return ", ".join([*sparse, f"{manifest['bytes']['disk'] / 1e6:.1f} MB"])
