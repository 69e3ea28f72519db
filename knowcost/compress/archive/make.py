"""Archives: a variant of a model as a folder of safetensors with a manifest, written and checked tensor by tensor.

The job holds one block of one tensor at a time, and imports no torch unless a method needs it.
"""

import logging
import shutil
from pathlib import Path

from knowcost.common import files
from knowcost.common.errors import InputError
from knowcost.compress import registry
from knowcost.compress.archive import storage
from knowcost.compress.archive.verify import verified_manifest
from knowcost.compress.archive.write import SCRATCH, clear, write_full
from knowcost.compress.calibration import windows as calibration_data
from knowcost.compress.methods.magnitude import thresholds
from knowcost.models.base import Base
from knowcost.spec import scopes
from knowcost.spec.variants import parse, scope_key

log = logging.getLogger(__name__)


def make_thresholds(model_folder, wanted, out):
    """Write thresholds.json: the exact cuts of every magnitude step of a model's variants.

    wanted: [(grouping, scope, [levels])].
    """
    base = Base(model_folder)
    cuts = _cuts(base, wanted)
    files.write_json(out, {"base": base.hashes, "scopes": cuts})
    log.info("%s: thresholds of %d scopes, %s weights", model_folder, len(cuts), f"{base.parameters:,}")


def _cuts(base, wanted):
    """{scope key: {level: cut}} (magnitude.thresholds) for [(grouping, scope, [levels])]."""
    scoped = {}
    for grouping, scope, levels in wanted:
        names = scopes.layers(base.model_type, base.modules, grouping, scope)
        scoped[scope_key(grouping, scope)] = [base.tensors[f"{name}.weight"] for name in names], levels
    return thresholds(scoped)


def _cut_of(step, base, thresholds_file):
    """The cut of one magnitude step: from thresholds.json, or taken here when the level is newer than that file."""
    known = files.read_json(thresholds_file)
    if known["base"] != base.hashes:
        raise InputError(f"{thresholds_file} was taken from other weights than {base.folder}; delete it and rerun")
    key, level = scope_key(step.grouping, step.scope), str(step.level)
    if level in known["scopes"].get(key, {}):
        return known["scopes"][key][level]
    return _cuts(base, [(step.grouping, step.scope, [step.level])])[key][level]


def make_archive(
    model, model_folder, slug, thresholds_file, out, mode="full", shard_size=storage.SHARD_SIZE, *, calibration=None,
    device="cpu",
):  # fmt: skip
    """Compress one model into one archive, check that it holds what the variant says, and write its manifest last.

    thresholds_file, calibration: as make_thresholds and calibration.draw wrote them, for methods that need them;
    device: where methods with torch compute (`auto`, `cpu`, `cuda`, ...). mode: what stays (storage.MODES);
    of a recipe with calibration data the changed tensors stay too, since what such a method computes depends to the
    last digit on the device and the number of threads. shard_size: bytes of its files at most.
    Raises InputError for an impossible variant, BrokenPromise when the result is not what was promised.
    """
    variant = parse(slug)
    registry.check_steps(variant)
    out = Path(out)
    clear(out)
    base = Base(model_folder)
    calibrated = any(registry.METHODS[step.method].needs_data for step in variant.steps)
    mode = "changed" if calibrated and mode == "recipe" else mode
    cuts = {}
    for step in variant.steps:
        if registry.METHODS[step.method].needs_thresholds:
            cuts[str(step)] = _cut_of(step, base, thresholds_file)
    with storage.workplace(out, mode) as full:
        done, touched, written = write_full(variant, base, cuts, shard_size, full, calibration, device)
        manifest = verified_manifest(model, variant, base, done, touched, full, written)
        if calibrated:
            manifest["calibration"] = calibration_data.read(calibration)[1]
        kept = storage.store(mode, full, out, base, manifest, shard_size)
        shutil.rmtree(full / SCRATCH, ignore_errors=True)
    storage.write_manifest(out, manifest, {"keep": mode, "shard_size": shard_size, "cuts": cuts} | kept)
    log.info("%s %s: %s", model, slug, _summary(manifest))


def _summary(manifest):
    scopes_of_steps = dict.fromkeys(scope_key(s.grouping, s.scope) for s in parse(manifest["variant"]).steps)
    entries = manifest["parameters"]["scope"]
    sparse = [f"{entries[scope]['sparsity']:.1%} of {scope} is zero" for scope in scopes_of_steps]
    return ", ".join([*sparse, f"{manifest['bytes']['disk'] / 1e6:.1f} MB"])
