"""The score stage: one job asks several variants of one model, cell by cell, and keeps every cell that is still valid.

A cell's key is a hash of everything its rows depend on. A cell whose file carries the right key is not asked again, so
adding a benchmark or a level, or resuming after a crash, costs only the cells that are new; torch is imported only when
there is something to ask.

Cells are written under scores/.kept and linked to the place where Snakemake looks for them. Snakemake deletes all
outputs of a job that fails, runs into its time limit or loses its node: the next attempt links what was kept. (Its own
means, `update`, puts back the cells from before the job instead, with a note that they are what the new configuration
asks for, and so takes old results for new ones.)
"""

import hashlib
import json
import logging
import os
import time
from pathlib import Path

from knowcost.common import files, paths
from knowcost.common.errors import InputError
from knowcost.compress.archive import rebuild, storage
from knowcost.compress.registry import METHODS
from knowcost.spec.variants import parse

log = logging.getLogger(__name__)

STAGE_VERSION = "3"
META = b"knowcost"
# The keys of the config's section `score` that a cell depends on; those of int8 only where activations are quantized.
OPTIONS = ("tokens_per_batch", "batch_size", "int8_engine", "int8_activations")


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
        stale = {name: key for name, key in keys.items() if not _is_valid(paths.kept_scores(model, variant, name), key)}
        for name in keys.keys() - stale.keys():
            _hand_over(model, variant, name)
        if not stale:
            log.info("%s %s: up to date", model, variant)
            continue
        with rebuild.full(manifest, folder, paths.model_dir(model)) as checkpoint:
            _score_variant(manifest, checkpoint, stale, dtype, limit, options, remote_code)


def cell_key(manifest, benchmark, dtype, limit, options):
    """Hex digest of all that a cell's rows depend on: weights, facts, how they are asked, and this code's version."""
    int8 = _is_int8(manifest["variant"])
    names = [name for name in OPTIONS if int8 or not name.startswith("int8_")]
    depends = {
        "weights": manifest["files"],
        "benchmark": files.sha256(paths.benchmark(benchmark)),
        "dtype": dtype,
        "limit": limit,
        "options": {name: options[name] for name in names},
        "version": STAGE_VERSION,
    }
    return _digest(depends)


def _is_int8(variant):
    return any(METHODS[step.method].dynamic for step in parse(variant).steps)


def _asked_twice(variant):
    """The dense model and those that are in dynamic int8 and no more: enough to say how far a score moves by itself
    (noise.py)."""
    return all(METHODS[step.method].dynamic for step in parse(variant).steps)


def read(path, columns=None):
    """(pyarrow.Table of the rows, dict of the cell's metadata) of a scores file; columns: only these, of those there.

    Raises InputError for a file that is damaged (pages and metadata carry checksums) or of another version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    about = metadata(path)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns and [name for name in columns if name in file.schema_arrow.names])
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: damaged ({error}); delete it and run Snakemake again") from None
    return table, about


def metadata(path):
    """The dict that `read` gives, alone. Raises InputError likewise."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = json.loads(pq.read_schema(path).metadata[META])
        whole = about.pop("sha256") == _digest(about)
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{path}: damaged or no scores file ({error}); delete it and run Snakemake again") from None
    if not whole:
        raise InputError(f"{path}: damaged, its metadata is not what was written; delete it and run Snakemake again")
    if about["version"] != STAGE_VERSION:
        raise InputError(f"{path}: scored by another version of knowcost; delete it and run Snakemake again")
    return about


def _digest(about):
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _is_valid(path, key):
    try:
        return read(path)[1]["key"] == key
    except InputError:  # no file, damaged, or of another version
        return False


def _score_variant(manifest, folder, stale, dtype, limit, options, remote_code):
    import torch

    from knowcost.models.load import load
    from knowcost.score import plan as asking

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    model, variant = manifest["model"], manifest["variant"]
    module, tokenizer = load(folder, dtype, options["device"], options["int8_engine"], remote_code)
    int8 = _is_int8(variant)
    plan = asking.plan(module, options, int8)
    for name, key in stale.items():
        start = time.perf_counter()
        rows, metadata = asking.ask(module, tokenizer, paths.benchmark(name), limit, plan, twice=_asked_twice(variant))
        metadata |= {
            "key": key,
            "version": STAGE_VERSION,
            "model": model,
            "variant": variant,
            "benchmark": name,
            "dtype": "float32" if int8 else dtype,
            "limit": limit,
        }
        if int8:
            metadata |= {"int8_engine": options["int8_engine"], "int8_activations": options["int8_activations"]}
        _write(paths.kept_scores(model, variant, name), rows, metadata)
        _hand_over(model, variant, name)
        log.info("%s %s %s: %s, %.1f s", model, variant, name, asking.summary(rows), time.perf_counter() - start)


def _hand_over(model, variant, name):
    """Link a kept cell to its place among the results, as of now; copy it where the file system has no links."""
    kept, cell = paths.kept_scores(model, variant, name), paths.scores(model, variant, name)
    Path(cell).unlink(missing_ok=True)
    try:
        os.link(kept, cell)
        os.utime(cell)
    except OSError:
        files.copy(kept, cell)


def _write(path, rows, metadata):
    import pyarrow.parquet as pq

    if not len(rows):
        raise InputError(f"{path}: none of the benchmark's facts can be asked of this model: {metadata.get('dropped')}")
    metadata |= {"sha256": _digest(metadata)}
    rows = rows.replace_schema_metadata({META: json.dumps(metadata, sort_keys=True)})
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with files.atomic(path) as temporary:
        pq.write_table(rows, temporary, compression="zstd", write_page_checksum=True)
