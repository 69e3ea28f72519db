"""A variant's full checkpoint, planned, and written tensor by tensor or described without being written."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowcost.common import again, files, paths
from knowcost.common.files import Entries
from knowcost.compress import registry
from knowcost.compress.method import Cut, Work
from knowcost.models import checkpoint, layout, shard_files
from knowcost.models.base import Base
from knowcost.models.checkpoint import Tensor
from knowcost.spec.architectures import architecture
from knowcost.spec.variants import Step, Variant

WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
CONFIG = "config.json"
SCRATCH = ".scratch"  # folder in an archive's, there only while it is made


@dataclass(frozen=True)
class Applied:
    """A step that was applied: the weights of its scope as it found them, by name, and what its method prepared."""

    step: Step
    before: dict[str, Tensor]
    prepared: Any


@dataclass(frozen=True)
class Planned:
    """A variant's full checkpoint as it will be.

    base: what it is made of; done: by which steps; tensors: all of it by name, as Checkpoint gives them, in the order
    of the base's files; shards: {weight file: its Tensors, as files hold them}; index: what the index is called;
    config: its config.json.
    """

    base: Base
    done: list[Applied]
    tensors: dict[str, Tensor]
    shards: dict[str, list[Tensor]]
    index: str
    config: dict[str, Any]

    @property
    def touched(self) -> list[str]:
        """The names of the weights that steps acted on, in the documented order."""
        return sorted({name for applied in self.done for name in applied.before}, key=checkpoint.natural)


def work_on(
    base: Base, cuts: Mapping[str, Cut], out: Path, calibration: Path | None = None, device: str = "cpu"
) -> Work:
    """The Work of making an archive of `base` in folder `out`."""
    return Work(base, dict(base.tensors), out / SCRATCH, cuts, calibration, device)


def planned(
    variant: Variant, work: Work, shard_size: int, watched: Callable[[Tensor], Tensor] = lambda tensor: tensor
) -> Planned:
    """What the steps of a variant make of a model. Weights are read, or computed, when a Tensor of it is.

    watched: gives what is written in the place of each Tensor. Raises InputError, before any work begins, when a layer
    cannot hold what a step asks.
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
    unties = base.tied and any(base.head in applied.before for applied in done)
    left_out = base.copies if base.tied and not unties else ()
    names = [name for shard in base.shards.values() for name in shard if name not in left_out]
    tensors = [tensor for name in names for tensor in made.get(name, [work.tensors[name]])]
    prefix, quantization = _stored_as(base, done)
    held = layout.folded(base.model_type, map(watched, tensors))
    return Planned(
        base,
        done,
        {tensor.name: tensor for tensor in tensors},
        shard_files.sharded(held, shard_size, f"{prefix}model"),
        prefix + paths.INDEX,
        _config(base, unties, quantization),
    )


def write_full(plan: Planned, out: Path) -> Entries:
    """Write a full checkpoint, without checking what it holds. Returns {file: {"sha256", "size"}} of all of it."""
    written = write_shards(plan.shards, plan.index, out)
    files.write_json(out / CONFIG, plan.config)
    copy_small(plan.base, out)
    names = [CONFIG, *small(plan.base), *([plan.index] if len(plan.shards) > 1 else [])]
    return written | {name: files.describe(out / name) for name in names}


def describe_full(plan: Planned) -> Entries:
    """What write_full would return; nothing is written."""
    said = {shard: shard_files.describe_shard(shard, tensors) for shard, tensors in plan.shards.items()}
    if len(plan.shards) > 1:
        said[plan.index] = files.describe_json(shard_files.index(plan.shards))
    said[CONFIG] = files.describe_json(plan.config)
    return said | {name: files.describe(plan.base.folder / name) for name in small(plan.base)}


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


def write_shards(shards: Mapping[str, Sequence[Tensor]], index: str, out: Path) -> Entries:
    """Write {file name: [Tensor]}, and the index if there are several."""
    written = {shard: shard_files.write_shard(out / shard, tensors) for shard, tensors in shards.items()}
    if len(shards) > 1:
        files.write_json(out / index, shard_files.index(shards))
    return written


def _stored_as(base: Base, done: list[Applied]) -> tuple[str, dict[str, Any] | None]:
    """What the method of the last step says (method.Compressor.stored_as)."""
    if not done:
        return "", None
    last = done[-1]
    return registry.METHODS[last.step.method].stored_as(last.step, base, list(last.before))


def _config(base: Base, untied: bool, quantization: dict[str, Any] | None) -> dict[str, Any]:
    """The config.json of a full checkpoint; untied: whether its head is one no more that is its embedding."""
    config = dict(base.config)
    if untied and not architecture(base.model_type).keeps_tie_key:
        config["tie_word_embeddings"] = False
    if quantization:
        config["quantization_config"] = quantization
    return config


def small(base: Base) -> list[str]:
    """The names of the tokenizer's files and whatever else was fetched beside config.json and the weights."""
    return [n for n in base.hashes if n != CONFIG and not any(Path(n).match(pattern) for pattern in WEIGHTS)]


def copy_small(base: Base, out: Path) -> None:
    for name in small(base):
        files.copy(base.folder / name, out / name)
