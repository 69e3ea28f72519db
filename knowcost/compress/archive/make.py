"""Archives: a variant of a model as a folder of safetensors with a manifest, written and asserted tensor by tensor.

The job holds one block of one tensor at a time, and imports no torch unless a method needs it.
"""

import logging
import shutil
from pathlib import Path

from knowcost.common import files
from knowcost.common.errors import InputError
from knowcost.compress import registry
from knowcost.compress.archive import storage
from knowcost.compress.calibration import windows as calibration_data
from knowcost.compress.method import Archived, Work
from knowcost.compress.methods.magnitude import count_zeros, thresholds
from knowcost.models import checkpoint, formats
from knowcost.models.base import Base
from knowcost.models.checkpoint import Checkpoint
from knowcost.spec import scopes
from knowcost.spec.variants import GROUPINGS, parse, scope_key

log = logging.getLogger(__name__)

WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
SCRATCH = ".scratch"  # folder in an archive's, there only while it is made


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
    """Compress one model into one archive, assert that it holds what the variant says, and write its manifest last.

    thresholds_file, calibration: as make_thresholds and calibration.draw wrote them, for methods that need them;
    device: where methods with torch compute (`auto`, `cpu`, `cuda`, ...). mode: what stays (storage.MODES);
    of a recipe with calibration data the changed tensors stay too, since what such a method computes depends to the
    last digit on the device and the number of threads. shard_size: bytes of its files at most.
    Raises InputError for an impossible variant, AssertionError when the result is not what was promised.
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
        manifest = _verified_manifest(model, variant, base, done, touched, full, written)
        if calibrated:
            manifest["calibration"] = calibration_data.read(calibration)[1]
        kept = storage.store(mode, full, out, base, manifest, shard_size)
        shutil.rmtree(full / SCRATCH, ignore_errors=True)
    storage.write_manifest(out, manifest, {"keep": mode, "shard_size": shard_size, "cuts": cuts} | kept)
    log.info("%s %s: %s", model, slug, _summary(manifest))


def write_full(variant, base, cuts, shard_size, out, calibration=None, device="cpu"):
    """Write a variant's full checkpoint, without asserting anything of it.

    cuts: {magnitude step: its cut}. Returns ([(step, {name: Tensor before the step}, what it prepared)], names of the
    weights that the steps act on, {weight file: {"sha256", "size"}}).
    """
    taken = [
        (step, registry.weights(step.method, step.grouping, step.scope, base.model_type, base.modules))
        for step in variant.steps
    ]
    for step, names in taken:
        registry.METHODS[step.method].check(step, {name: base.tensors[name] for name in names})
    work = Work(base, dict(base.tensors), out / SCRATCH, lambda step: cuts[str(step)], calibration, device)
    done, made = [], {}
    for step, names in taken:
        before = {name: work.tensors[name] for name in names}
        prepared = _apply(step, before, work, made)
        done.append((step, before, prepared))
    touched = sorted({name for _, before, _ in done for name in before}, key=checkpoint.natural)
    written = _write(base, work.tensors, made, touched, shard_size, out, _prefix(variant))
    _write_config(base, touched, out, done)
    return done, touched, written


def clear(out):
    """Remove what an earlier or interrupted run left, but not the scores beside it."""
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    for path in out.glob("*") if out.is_dir() else ():
        if path.is_file():
            path.unlink()


def _apply(step, before, work, made):
    """Put what a step makes of its weights into `made` {weight: [Tensors in its place]} and into work.tensors."""
    method = registry.METHODS[step.method]
    prepared = method.prepare(step, before, work)
    for name, tensor in before.items():
        made[name] = method.compress(tensor, prepared)
        work.tensors.update((each.name, each) for each in made[name])
    return prepared


def _prefix(variant):
    """The prefix of the weight files' names: that of the last step's method."""
    return registry.METHODS[variant.steps[-1].method].prefix if variant.steps else ""


def _write(base, tensors, made, touched, shard_size, out, prefix):
    """Write the weights in the base's order. Returns {file: {"sha256", "size"}}."""
    untie = not base.tied or base.head in touched
    names = [name for shard in base.shards.values() for name in shard if untie or name not in base.copies]
    written = [tensor for name in names for tensor in made.get(name, [tensors[name]])]
    return write_shards(checkpoint.layout(written, shard_size, f"{prefix}model"), prefix + checkpoint.INDEX, out)


def write_shards(shards, index, out):
    """Write {file name: [Tensor]}, and the index if there are several. Returns {file: {"sha256", "size"}}."""
    written = {shard: checkpoint.write_shard(out / shard, tensors) for shard, tensors in shards.items()}
    if len(shards) > 1:
        checkpoint.write_index(out / index, shards)
    return written


def _write_config(base, touched, out, done):
    """config.json, and the tokenizer and other small files as they are."""
    config = dict(base.config)
    if base.tied and base.head in touched and base.model_type != "t5":
        # T5 reads this key as "scale the decoder's output", and unties by itself when the tensors differ.
        config["tie_word_embeddings"] = False
    for step, before, _ in done[-1:]:
        if quantization := registry.METHODS[step.method].quantization_config(step, list(before), base.modules):
            config["quantization_config"] = quantization
    files.write_json(out / "config.json", config)
    copy_small(base, out)


def copy_small(base, out):
    """Copy the tokenizer and whatever else was fetched beside config.json and the weights."""
    for name in base.hashes:
        if name != "config.json" and not any(Path(name).match(pattern) for pattern in WEIGHTS):
            files.copy(base.folder / name, out / name)


def _verified_manifest(model, variant, base, done, touched, out, written):
    """Read the archive back, assert every promise, and return what it holds."""
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
            raise AssertionError(f"{out}: {name} changed, though no step touches it")
    others = {p.name: storage.describe(p) for p in sorted(out.iterdir()) if p.is_file() and p.name not in written}
    return {
        "model": model,
        "variant": variant.slug,
        "steps": [str(step) for step in variant.steps],
        "family": scopes.family_of(base.model_type),
        "architecture": base.model_type,
        "stage_version": registry.STAGE_VERSION,
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
    for scope in scopes.scopes_of(scopes.family_of(base.model_type)):
        for grouping in GROUPINGS:
            if grouping != GROUPINGS[0] and not scopes.grouping_matters(scopes.family_of(base.model_type), scope):
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


def _summary(manifest):
    scopes_of_steps = dict.fromkeys(scope_key(s.grouping, s.scope) for s in parse(manifest["variant"]).steps)
    entries = manifest["parameters"]["scope"]
    sparse = [f"{entries[scope]['sparsity']:.1%} of {scope} is zero" for scope in scopes_of_steps]
    return ", ".join([*sparse, f"{manifest['bytes']['disk'] / 1e6:.1f} MB"])
