"""The recover stage: one job brings one compressed variant of one model as far back as its recovery can."""

import functools
import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from knowcost import recover
from knowcost.common import again, files, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import rebuild, storage, write
from knowcost.compress.archive.again import check_place, restore
from knowcost.compress.archive.renamed import take_over
from knowcost.compress.calibration import windows
from knowcost.models import fetched, footprint
from knowcost.recover import archive, registry
from knowcost.recover.method import Checkpoints, Made, Settings, Work
from knowcost.spec.variants import DENSE, Variant, parse

log = logging.getLogger(__name__)

STATE = ".training"  # folder in an archive's, of unfinished work; Snakemake knows nothing of it
SAME = ("model", "base", "steps", "family", "architecture", "tied", "touched")  # as of the archive it stands on
BYTES = 4  # of a number that is stored or cached: adapters are float32


@dataclass(frozen=True)
class Inputs:
    """What a recovery is made from. texts: the Arrow file to learn from; calibration: the model's calibration windows,
    for methods that are calibrated; device: where to compute (`auto`, `cpu`, ...); remote_code: whether the model's own
    code may run."""

    texts: Path
    calibration: Path | None = None
    device: str = "auto"
    remote_code: bool = False


def make(model: str, slug: str, inputs: Inputs, settings: Settings, out: Path) -> None:
    """Recover one variant and write its manifest last. One that is there already, made of the same and whole by its
    hashes, is kept as it is, and one that another model has is taken over.

    Raises InputError for one that cannot be had, and for a loss that is no number; then nothing is kept.
    """
    variant = parse(slug)
    check_place(out, model, slug)
    compressed = storage.verify(paths.archive_dir(model, variant.unrecovered.slug), (model, variant.unrecovered.slug))
    storage.bytes_of(compressed)  # before the hours that training may take
    registry.check_variant(variant, compressed["family"])
    made_of = _made_of(compressed, variant, inputs, settings)
    if restore(out, made_of):
        return
    write.clear(out)
    there = take_over(out, model, {"base": compressed["base"], "archive": {}} | made_of)
    if there:
        same = {key: compressed[key] for key in SAME}
        size = there["bytes"] | {"beside": compressed["bytes"]["disk"]}
        manifest, kept = there | same | made_of | {"bytes": size}, there["archive"]
    else:
        out.mkdir(parents=True, exist_ok=True)
        made = _make(variant, compressed, inputs, settings, out)
        for path in out.iterdir():
            if path.is_file():  # safetensors makes files that nobody else may read
                files.settle(path)
        manifest, kept = _manifest(compressed, made, made_of, out)
    storage.write_manifest(out, manifest, kept)
    again.remember(out / paths.MANIFEST, made_of)
    shutil.rmtree(out / STATE, ignore_errors=True)
    log.info("%s %s: %s numbers beside the weights", model, slug, f"{manifest['parameters']['adapter']:,}")


def _made_of(compressed: dict[str, Any], variant: Variant, inputs: Inputs, settings: Settings) -> dict[str, Any]:
    """What a recovered variant is made of, as its manifest says."""
    model = compressed["model"]
    made_of = {
        "variant": variant.slug,
        "stage_version": recover.STAGE_VERSION,
        "stands_on": {"variant": compressed["variant"], "files": compressed["files"]},
        "texts": {"name": inputs.texts.stem, "sha256": seal.check(inputs.texts)},
        "parts": {each.slug: _part(model, each)["files"] for each in registry.parts(variant)},
    }
    if inputs.calibration:
        made_of["calibration"] = windows.read(inputs.calibration)[1]
    return made_of | ({"settings": asdict(settings)} if _is_trained(variant) else {})


def _is_trained(variant: Variant) -> bool:
    return variant.recovery is not None and registry.method_of(variant.recovery).trained


def _part(model: str, variant: Variant) -> dict[str, Any]:
    """The manifest of an archive that another is put together from."""
    found = storage.verify(paths.archive_dir(model, variant.slug), (model, variant.slug))
    archive.stands_on(found)
    return found


def _make(variant: Variant, compressed: dict[str, Any], inputs: Inputs, settings: Settings, out: Path) -> Made:
    recovery, model = variant.recovery, compressed["model"]
    if recovery is None:
        raise InputError(f"variant {variant.slug!r} names no recovery")
    from knowcost.models.load import load

    base = Path(paths.model_dir(model))
    read = functools.partial(load, dtype=settings.dtype, device=inputs.device, remote_code=inputs.remote_code)

    def dense() -> Any:
        found = storage.verify(paths.archive_dir(model, DENSE), (model, DENSE))
        with rebuild.full(found, Path(paths.archive_dir(model, DENSE)), base) as folder:
            return read(folder)[0].requires_grad_(False)

    with rebuild.full(compressed, Path(paths.archive_dir(model, compressed["variant"])), base) as folder:
        module, tokenizer = read(folder)
    parts = {each.recovery.sizes[0]: Path(paths.archive_dir(model, each.slug))
             for each in registry.parts(variant) if each.recovery}  # fmt: skip
    state = out / STATE
    state.mkdir(exist_ok=True)
    work = Work(recovery, compressed["family"], module.requires_grad_(False), tokenizer, inputs.texts, settings, state,
                dense, parts, _checkpoints(compressed, inputs))  # fmt: skip
    return registry.method_of(recovery).make(work, out)


def _checkpoints(compressed: dict[str, Any], inputs: Inputs) -> Checkpoints | None:
    """The files that a calibrated method works with. Raises InputError where the dense model there is another than the
    one that was compressed."""
    if inputs.calibration is None:
        return None
    model, slug = compressed["model"], compressed["variant"]
    base = Path(paths.model_dir(model))
    if fetched.digests(fetched.read_source(base)) != compressed["base"]["files"]:
        path = paths.manifest(model, slug)
        raise InputError(f"{path} was made from other weights than those in {base}; delete {path} and run again")
    whole = functools.partial(rebuild.full, compressed, Path(paths.archive_dir(model, slug)), base)
    return Checkpoints(base, whole, inputs.calibration)


def _manifest(
    compressed: dict[str, Any], made: Made, made_of: dict[str, Any], out: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what the manifest says, what of it is `archive`)."""
    written = {path.name: files.describe(path) for path in sorted(out.iterdir()) if path.is_file()}
    size = storage.bytes_of(compressed)
    manifest = {key: compressed[key] for key in SAME} | made_of | {
        "recovery": made.about,
        "parameters": compressed["parameters"] | {"adapter": made.parameters, "cached": made.cached},
        "bytes": {
            **footprint.with_adapter(size, BYTES * made.parameters),
            "adapter": BYTES * made.parameters,
            "cached": BYTES * made.cached,
            "beside": size["disk"],
        },
        "files": written,
    }  # fmt: skip
    return manifest, {"keep": archive.KEPT, "files": written}
