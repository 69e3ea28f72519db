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

from knowcost import archive, benchmarks, files, paths
from knowcost.errors import InputError

log = logging.getLogger(__name__)

STAGE_VERSION = "1"
META = b"knowcost"


def score(model, variants, names, *, dtype="float32", limit=None, options, remote_code=False):
    """Score every (variant, benchmark) of one model; results/<model>/<variant>/scores/<benchmark>.parquet.

    dtype: what to compute in; limit: the first so many facts, or None; options: the config's `score` section, with
    tokens_per_batch, batch_size, device and int8_engine. Raises InputError for an archive that is not whole.
    """
    for variant in variants:
        manifest = archive.verify(paths.archive_dir(model, variant))
        keys = {name: cell_key(manifest, name, dtype, limit, options) for name in names}
        stale = {name: key for name, key in keys.items() if not _is_valid(paths.kept_scores(model, variant, name), key)}
        for name in keys.keys() - stale.keys():
            _hand_over(model, variant, name)
        if not stale:
            log.info("%s %s: up to date", model, variant)
            continue
        _score_variant(manifest, stale, dtype, limit, options, remote_code)


def cell_key(manifest, benchmark, dtype, limit, options):
    """Hex digest of all that a cell's rows depend on: weights, facts, how they are asked, and this code's version."""
    depends = {
        "weights": manifest["files"],
        "benchmark": files.sha256(paths.benchmark(benchmark)),
        "dtype": dtype,
        "limit": limit,
        "options": {
            key: value for key, value in options.items() if key not in ("variants_per_job", "threads", "device")
        },
        "version": STAGE_VERSION,
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def read(path):
    """(pyarrow.Table of the rows, dict of the cell's metadata) of a scores file."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    return table, json.loads((table.schema.metadata or {}).get(META, b"{}"))


def _is_valid(path, key):
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata
        return json.loads(metadata[META])["key"] == key
    except (OSError, KeyError, TypeError, ValueError):  # no file, cut short, or not one of ours
        return False


def _score_variant(manifest, stale, dtype, limit, options, remote_code):
    import torch

    from knowcost.load import load

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    model, variant = manifest["model"], manifest["variant"]
    folder = paths.archive_dir(model, variant)
    module, tokenizer = load(folder, dtype, options["device"], options["int8_engine"], remote_code)
    for name, key in stale.items():
        start = time.perf_counter()
        rows, metadata = ask(module, tokenizer, paths.benchmark(name), limit, options)
        metadata |= {
            "key": key,
            "model": model,
            "variant": variant,
            "benchmark": name,
            "engine": options["int8_engine"],
            "dtype": dtype,
            "limit": limit,
        }
        _write(paths.kept_scores(model, variant, name), rows, metadata)
        _hand_over(model, variant, name)
        correct = sum(rows["correct"].to_pylist())
        log.info("%s %s %s: %d of %d facts right, %.1f s",
                 model, variant, name, correct, len(rows), time.perf_counter() - start)  # fmt: skip


def _hand_over(model, variant, name):
    """Link a kept cell to its place among the results, as of now; copy it where the file system has no links."""
    kept, cell = paths.kept_scores(model, variant, name), paths.scores(model, variant, name)
    Path(cell).unlink(missing_ok=True)
    try:
        os.link(kept, cell)
        os.utime(cell)
    except OSError:
        files.copy(kept, cell)


def ask(module, tokenizer, benchmark_file, limit, options):
    """The rows and metadata of one benchmark: clozes by the probe engine, questions by lm-evaluation-harness."""
    table, about = benchmarks.read(benchmark_file)
    if about["kind"] == "cloze":
        from knowcost.probe import cloze_rows

        return cloze_rows(module, tokenizer, table, limit=limit, tokens_per_batch=options["tokens_per_batch"])
    from knowcost.harness import task_rows

    return task_rows(module, tokenizer, benchmark_file, limit=limit, batch_size=options["batch_size"])


def _write(path, rows, metadata):
    import pyarrow.parquet as pq

    if not len(rows):
        raise InputError(f"{path}: none of the benchmark's facts can be asked of this model: {metadata.get('dropped')}")
    rows = rows.replace_schema_metadata({META: json.dumps(metadata, sort_keys=True)})
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with files.atomic(path) as temporary:
        pq.write_table(rows, temporary, compression="zstd")
