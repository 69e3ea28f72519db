"""The score stage: one job asks several variants of one model, cell by cell, and keeps every cell that is still valid.

A cell's key is a hash of everything its rows depend on. A cell whose file carries the right key is not asked again, so
adding a benchmark or a level, or resuming after a crash, costs only the cells that are new; torch is imported only when
there is something to ask.
"""

import hashlib
import json
import logging
import os
import time
from pathlib import Path

from knowcost import archive, files, paths
from knowcost.compress import METHODS
from knowcost.errors import InputError
from knowcost.variants import parse

log = logging.getLogger(__name__)

STAGE_VERSION = "2"
META = b"knowcost"


def score(model, variants, names, *, dtype="float32", limit=None, options, remote_code=False):
    """Score every (variant, benchmark) of one model; results/<model>/<variant>/scores/<benchmark>.parquet.

    dtype: what to compute in; limit: the first so many facts, or None; options: the config's `score` section, with
    tokens_per_batch, batch_size, device, int8_engine and int8_activations. Raises InputError for an archive that is not
    whole.
    """
    for variant in variants:
        manifest = archive.verify(paths.archive_dir(model, variant))
        keys = {name: cell_key(manifest, name, dtype, limit, options) for name in names}
        stale = {name: key for name, key in keys.items() if not _is_valid(paths.scores(model, variant, name), key)}
        for name in keys.keys() - stale.keys():
            os.utime(paths.scores(model, variant, name))
        if not stale:
            log.info("%s %s: up to date", model, variant)
            continue
        _score_variant(manifest, stale, dtype, limit, options, remote_code)


def cell_key(manifest, benchmark, dtype, limit, options):
    """Hex digest of all that a cell's rows depend on: weights, facts, how they are asked, and this code's version."""
    names = ["tokens_per_batch", "batch_size"]
    if _is_int8(manifest["variant"]):
        names += ["int8_engine", "int8_activations"]
    depends = {
        "weights": manifest["files"],
        "benchmark": files.sha256(paths.benchmark(benchmark)),
        "dtype": dtype,
        "limit": limit,
        "options": {name: options[name] for name in names},
        "version": STAGE_VERSION,
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _is_int8(variant):
    return any(step.method == "int8" for step in parse(variant).steps)


def _asked_twice(variant):
    """The dense model and those that are only quantized: enough to say how far a score moves by itself (noise.py)."""
    return all(METHODS[step.method].quantizes for step in parse(variant).steps)


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

    from knowcost import asking
    from knowcost.load import load

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    model, variant = manifest["model"], manifest["variant"]
    folder = paths.archive_dir(model, variant)
    module, tokenizer = load(folder, dtype, options["device"], options["int8_engine"], remote_code)
    int8 = _is_int8(variant)
    plan = asking.plan(module, options, int8)
    for name, key in stale.items():
        start = time.perf_counter()
        rows, metadata = asking.ask(module, tokenizer, paths.benchmark(name), limit, plan, twice=_asked_twice(variant))
        metadata |= {
            "key": key,
            "model": model,
            "variant": variant,
            "benchmark": name,
            "dtype": "float32" if int8 else dtype,
            "limit": limit,
        }
        if int8:
            metadata |= {"int8_engine": options["int8_engine"], "int8_activations": options["int8_activations"]}
        _write(paths.scores(model, variant, name), rows, metadata)
        log.info("%s %s %s: %s, %.1f s", model, variant, name, asking.summary(rows), time.perf_counter() - start)


def _write(path, rows, metadata):
    import pyarrow.parquet as pq

    if not len(rows):
        raise InputError(f"{path}: none of the benchmark's facts can be asked of this model: {metadata.get('dropped')}")
    rows = rows.replace_schema_metadata({META: json.dumps(metadata, sort_keys=True)})
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with files.atomic(path) as temporary:
        pq.write_table(rows, temporary, compression="zstd")
