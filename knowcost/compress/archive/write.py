"""A variant's full checkpoint, written tensor by tensor, without checking anything of it."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowcost.common import again, files, paths
from knowcost.common.files import Entries
from knowcost.compress import registry
from knowcost.compress.method import Cut, Work
from knowcost.models import checkpoint, layout
from knowcost.models.base import Base
from knowcost.models.checkpoint import Tensor
from knowcost.spec.architectures import architecture
from knowcost.spec.variants import Step, Variant

WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
SCRATCH = ".scratch"  # folder in an archive's, there only while it is made


@dataclass(frozen=True)
class Applied:
    """A step that was applied: the weights of its scope as it found them, by name, and what its method prepared."""

    step: Step
    before: dict[str, Tensor]
    prepared: Any


@dataclass(frozen=True)
class Made:
    """What steps make of a model: done: the steps; tensors: all of the full checkpoint, in the order of its base's."""

    done: list[Applied]
    tensors: list[Tensor]


def work_on(
    base: Base, cuts: Mapping[str, Cut], out: Path, calibration: Path | None = None, device: str = "cpu"
) -> Work:
    """The Work of making an archive of `base` in folder `out`."""
    return Work(base, dict(base.tensors), out / SCRATCH, cuts, calibration, device)


def apply(variant: Variant, work: Work) -> Made:
    """What the steps of a variant make of a model. Nothing is written.

    Raises InputError, before any work begins, when a layer cannot hold what a step asks.
    """
    base = work.base
    taken = [
        (step, registry.weights(step.method, step.grouping, step.scope, base.model_type, base.modules))
        for step in variant.steps
    ]
    for step, names in taken:
        registry.METHODS[step.method].check(step, {name: base.tensors[name] for name in names})
    done: list[Applied] = []
    made: dict[str, list[Tensor]] = {}
    for step, names in taken:
        done.append(_apply(step, {name: work.tensors[name] for name in names}, work, made))
    untie = not base.tied or base.head in touched(done)
    names = [name for shard in base.shards.values() for name in shard if untie or name not in base.copies]
    return Made(done, [tensor for name in names for tensor in made.get(name, [work.tensors[name]])])


def write_full(variant: Variant, work: Work, shard_size: int, out: Path) -> tuple[list[Applied], Entries]:
    """Write a variant's full checkpoint, without checking anything of it. Returns (what was applied, weight files).

    Raises InputError as apply.
    """
    base, made = work.base, apply(variant, work)
    prefix, quantization = _stored_as(base, made.done)
    tensors = layout.folded(base.model_type, made.tensors)
    written = write_shards(checkpoint.sharded(tensors, shard_size, f"{prefix}model"), prefix + paths.INDEX, out)
    _write_config(base, made.done, quantization, out)
    return made.done, written


def touched(done: Iterable[Applied]) -> list[str]:
    """The names of the weights that steps acted on, in the documented order."""
    return sorted({name for applied in done for name in applied.before}, key=checkpoint.natural)


def clear(out: Path) -> None:
    """Remove what an earlier or interrupted run left, but not the scores beside it."""
    again.forget(out / paths.MANIFEST)  # these two first: they say that the rest is whole
    (out / paths.MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    for path in out.glob("*") if out.is_dir() else ():
        if path.is_file():
            path.unlink()


def _apply(step: Step, before: dict[str, Tensor], work: Work, made: dict[str, list[Tensor]]) -> Applied:
    """Put what a step makes of its weights into `made` {weight: [Tensors in its place]} and into work.tensors."""
    method = registry.METHODS[step.method]
    prepared = method.prepare(step, before, work)
    for name, tensor in before.items():
        made[name] = method.compress(tensor, prepared)
        work.tensors.update((each.name, each) for each in made[name])
    return Applied(step, before, prepared)


def write_shards(shards: Mapping[str, list[Tensor]], index: str, out: Path) -> Entries:
    """Write {file name: [Tensor]}, and the index if there are several."""
    written = {shard: checkpoint.write_shard(out / shard, tensors) for shard, tensors in shards.items()}
    if len(shards) > 1:
        checkpoint.write_index(out / index, shards)
    return written


def _stored_as(base: Base, done: list[Applied]) -> tuple[str, dict[str, Any] | None]:
    """What the method of the last step says (method.Compressor.stored_as)."""
    if not done:
        return "", None
    last = done[-1]
    return registry.METHODS[last.step.method].stored_as(last.step, base, list(last.before))


def _write_config(base: Base, done: list[Applied], quantization: dict[str, Any] | None, out: Path) -> None:
    """config.json, and the tokenizer and other small files as they are."""
    config = dict(base.config)
    if base.tied and base.head in touched(done) and not architecture(base.model_type).keeps_tie_key:
        config["tie_word_embeddings"] = False
    if quantization:
        config["quantization_config"] = quantization
    files.write_json(out / "config.json", config)
    copy_small(base, out)


def copy_small(base: Base, out: Path) -> None:
    """Copy the tokenizer and whatever else was fetched beside config.json and the weights."""
    for name in base.hashes:
        if name != "config.json" and not any(Path(name).match(pattern) for pattern in WEIGHTS):
            files.copy(base.folder / name, out / name)
