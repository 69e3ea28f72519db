"""The score stage: one job asks several variants of one model, cell by cell, and keeps every answer that still holds.

A cell's key is a hash of everything its answers depend on. What was asked under that key is not asked again (kept.py),
so adding a benchmark or a level, more facts or fewer, or resuming after a crash, costs only the answers that are new;
torch is imported only when there is something to ask.

Answers are kept under scores/.kept and handed over to the place where Snakemake looks for them. Snakemake deletes all
outputs of a job that fails, runs into its time limit or loses its node: the next attempt hands over what was kept. (Its
own means, `update`, puts back the cells from before the job instead, with a note that they are what the new
configuration asks for, and so takes old results for new ones.)
"""

import functools
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import KINDS
from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.compress.archive import storage
from knowcost.compress.registry import is_dynamic
from knowcost.score import STAGE_VERSION, kept
from knowcost.score.cells import Settings, asked_of, cell_key, depends_on_batch, is_beside_dense, read
from knowcost.score.plan import Sampling, asked_twice, plan
from knowcost.spec.variants import DENSE

if TYPE_CHECKING:
    from knowcost.score.loaded import Loader

log = logging.getLogger(__name__)


def score(model: str, variants: Sequence[str], names: Sequence[str], settings: Settings) -> None:
    """Score every (variant, benchmark) of one model; results/<model>/<variant>/scores/<benchmark>.parquet.

    names: of benchmarks. Raises InputError for an archive that is not whole.
    """
    dense, loader = _Dense(model, settings), functools.cache(lambda: _loader(model, settings))
    for variant in sorted(variants, key=is_dynamic):  # which take the base in float32, whatever the others compute in
        folder = Path(paths.archive_dir(model, variant))
        manifest = storage.verify(folder, of=(model, variant))
        lacking = {}
        for name in names:
            key = cell_key(manifest, name, settings, dense.of(name))
            cell = model, variant, name
            found = kept.whole(cell, key)
            if not (found and found.covers(settings.limit)):
                found = kept.take_over(cell, key, found.facts if found else 0) or found
            if found and found.covers(settings.limit):
                kept.hand_over(cell, found, settings.limit)
            else:
                lacking[name] = _Lacking(key, found)
        if not lacking:
            log.info("%s %s: up to date", model, variant)
            continue
        _score_variant(manifest, lacking, settings, loader(), dense)


@dataclass(frozen=True)
class _Lacking:
    """A cell that lacks answers. kept: those that it has, to fewer facts, or None."""

    key: str
    kept: kept.Kept | None


class _Dense:
    """The dense model of those that a job asks, for the benchmarks that hold them against it: read once, if at all."""

    def __init__(self, model: str, settings: Settings) -> None:
        self.model, self.settings = model, settings

    @functools.cached_property
    def manifest(self) -> dict[str, Any]:
        """Of its archive, every byte of which was read."""
        return storage.verify(Path(paths.archive_dir(self.model, DENSE)), of=(self.model, DENSE))

    def of(self, benchmark: str) -> dict[str, Any] | None:
        """The manifest for a benchmark that holds models against the dense one, else None."""
        return self.manifest if is_beside_dense(prepared.metadata(paths.benchmark(benchmark))) else None

    @functools.cached_property
    def module(self) -> Any:
        """It, loaded as those are that are held against it, so that they differ by what was done to them."""
        return _loader(self.model, self.settings).load(self.manifest).module


def _loader(model: str, settings: Settings) -> "Loader":
    """What loads the variants of a model."""
    import torch

    from knowcost.score.loaded import Loader

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    return Loader(model, settings)


def _score_variant(
    manifest: dict[str, Any], lacking: Mapping[str, _Lacking], settings: Settings, loader: "Loader", dense: _Dense
) -> None:
    """Ask one variant the benchmarks of `lacking`."""
    from knowcost.score import ask as asking
    from knowcost.score.measures import MEASURES
    from knowcost.score.respondent import Respondent

    loaded, options = loader.load(manifest), settings.options
    model, variant = manifest["model"], manifest["variant"]
    batches = plan(loaded.module.device.type, options, Sampling(**settings.generation), int8=is_dynamic(variant))
    load_dense = None if variant == DENSE else lambda: dense.module
    taken, states = loaded.virtual_tokens, loaded.states
    respondent = Respondent(loaded.module, loaded.tokenizer, manifest["family"], taken, load_dense, states)
    twice = asked_twice(variant)
    for name, lacks in lacking.items():
        start = time.perf_counter()
        part = slice(_begin(name, lacks, manifest, settings), settings.limit)
        try:
            rows, metadata = asking.ask(respondent, paths.benchmark(name), part, batches, twice=twice)
        except InputError as error:
            raise InputError(f"{model} {variant}, benchmark {name}: {error}") from error
        if lacks.kept:
            rows, metadata = kept.together(read(lacks.kept.path(model, variant)), (rows, metadata))
        metadata |= {"key": lacks.key, "version": STAGE_VERSION, "benchmark": name}
        metadata |= asked_of(manifest, name, dense.of(name)) | _about(manifest, settings)
        cell = model, variant, name
        kept.hand_over(cell, kept.keep(cell, rows, metadata), metadata["limit"])
        found = MEASURES[KINDS[metadata["kind"]].measure].summary(rows)
        log.info("%s %s %s: %s, %.1f s", model, variant, name, found, time.perf_counter() - start)


def _begin(name: str, lacks: _Lacking, manifest: Mapping[str, Any], settings: Settings) -> int | None:
    """The place of the first fact that is to be asked; says what is kept."""
    model, variant = manifest["model"], manifest["variant"]
    if lacks.kept:
        log.info("asking %s %s of %s only what is new: %s facts are kept", model, variant, name, lacks.kept.through)
        return lacks.kept.through
    others = [each for each in kept.listed(model, variant) if each.benchmark == name]
    if others and depends_on_batch(variant, settings.options):
        log.info(
            "asking %s %s all of %s, whatever is kept: answers of such a variant depend on what is asked together",
            *(model, variant, name),
        )
    return None


def _about(manifest: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What every cell of a variant says of the model that was asked, and how it computed."""
    model = {"model": manifest["model"], "variant": manifest["variant"]}
    if not is_dynamic(manifest["variant"]):
        return model | {"dtype": settings.dtype}
    int8 = {name: settings.options[name] for name in ("int8_engine", "int8_activations")}
    return model | {"dtype": "float32"} | int8
