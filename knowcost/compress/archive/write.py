"""A variant's full checkpoint, written tensor by tensor, without asserting anything of it."""

import shutil
from pathlib import Path

from knowcost.common import files
from knowcost.compress import registry
from knowcost.compress.method import Work
from knowcost.models import checkpoint
from knowcost.spec.architectures import architecture

WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
SCRATCH = ".scratch"  # folder in an archive's, there only while it is made


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
    if base.tied and base.head in touched and not architecture(base.model_type).keeps_tie_key:
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
