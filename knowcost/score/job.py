"""The score stage: one job asks several variants of one model, cell by cell, and keeps every cell that is still valid.

A cell's key is a hash of everything its rows depend on. A cell whose file carries the right key is not asked again, so
adding a benchmark or a level, or resuming after a crash, costs only the cells that are new; torch is imported only when
there is something to ask.

Cells are written under scores/.kept and linked to the place where Snakemake looks for them. Snakemake deletes all
outputs of a job that fails, runs into its time limit or loses its node: the next attempt links what was kept. (Its own
means, `update`, puts back the cells from before the job instead, with a note that they are what the new configuration
asks for, and so takes old results for new ones.)
"""

import logging
import os
import time

from knowcost.benchmarks.kinds import KINDS
from knowcost.common import paths
from knowcost.compress.archive import rebuild, storage
from knowcost.compress.registry import METHODS
from knowcost.score import STAGE_VERSION
from knowcost.score.cells import cell_key, hand_over, is_int8, is_valid, write
from knowcost.spec.variants import parse

log = logging.getLogger(__name__)


def score(model, variants, names, *, dtype="float32", limit=None, options, remote_code=False):
    """Score every (variant, benchmark) of one model; results/<model>/<variant>/scores/<benchmark>.parquet.

    dtype: what to compute in; limit: the first so many facts, or None; options: of the config's `score`
    section those of OPTIONS, and `device`. Raises InputError for an archive that is not
    whole.
    """
    for variant in variants:
        folder = paths.archive_dir(model, variant)
        manifest = storage.verify(folder)
        keys = {name: cell_key(manifest, name, dtype, limit, options) for name in names}
        stale = {name: key for name, key in keys.items() if not is_valid(paths.kept_scores(model, variant, name), key)}
        for name in keys.keys() - stale.keys():
            hand_over(model, variant, name)
        if not stale:
            log.info("%s %s: up to date", model, variant)
            continue
        with rebuild.full(manifest, folder, paths.model_dir(model)) as checkpoint:
            _score_variant(manifest, checkpoint, stale, dtype, limit, options, remote_code)


def _asked_twice(variant):
    """The dense model and those that are in dynamic int8 and no more: enough to say how far a score moves by itself
    (aggregate/noise.py)."""
    return all(METHODS[step.method].dynamic for step in parse(variant).steps)


def _score_variant(manifest, folder, stale, dtype, limit, options, remote_code):
    import torch

    from knowcost.models import int8_linear
    from knowcost.models.load import load
    from knowcost.score import ask as asking
    from knowcost.score.measures import MEASURES
    from knowcost.score.plan import plan

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    model, variant = manifest["model"], manifest["variant"]
    module, tokenizer = load(folder, dtype, options["device"], options["int8_engine"], remote_code)
    int8 = is_int8(variant)
    int8_linear.set_activations(module, options["int8_activations"])
    batches = plan(module.device.type, options, int8=int8)
    for name, key in stale.items():
        start = time.perf_counter()
        rows, metadata = asking.ask(
            module, tokenizer, paths.benchmark(name), limit, batches, twice=_asked_twice(variant)
        )
        metadata |= {
            "key": key,
            "version": STAGE_VERSION,
            "model": model,
            "variant": variant,
            "benchmark": name,
            "dtype": "float32" if int8 else dtype,
        }
        if int8:
            metadata |= {"int8_engine": options["int8_engine"], "int8_activations": options["int8_activations"]}
        write(paths.kept_scores(model, variant, name), rows, metadata)
        hand_over(model, variant, name)
        found = MEASURES[KINDS[metadata["kind"]].measure].summary(rows)
        log.info("%s %s %s: %s, %.1f s", model, variant, name, found, time.perf_counter() - start)
