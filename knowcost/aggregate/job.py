"""The aggregate stage: from per-fact rows to the tables of a run. Light at import: Snakemake parses this."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from knowcost import compress
from knowcost.aggregate import (
    audit,
    by_task,
    drops,
    forgotten,
    matching,
    metrics,
    noise,
    paper_tables,
    statistics,
    tables,
    verdicts,
)
from knowcost.aggregate.statistics import Group
from knowcost.benchmarks.formats import is_published
from knowcost.benchmarks.kinds import KINDS
from knowcost.common.errors import InputError
from knowcost.common.files import read_json
from knowcost.common.parquet import from_metadata
from knowcost.papers.cost_of_compression import claims
from knowcost.papers.llm_kick import claims as claims_kick
from knowcost.score.cells import metadata, read
from knowcost.spec.variants import AS_PUBLISHED, DENSE, GROUPINGS

log = logging.getLogger(__name__)

COLUMNS = ["id", "relation", "correct", "rank", "unprompted", "again"]  # of a scores file: all that the metrics need
DENSE_COLUMNS = ["answer", "logprob", "choice_logprobs"]  # and of the dense model's, to say which facts are forgotten


def aggregate(cells, manifests, benchmarks, out_dir, *, domains=None, tolerance=0.05):
    """Write every table of a run into `out_dir`, as Parquet and CSV, and return their names.

    cells: paths of scores files, each saying itself which cell it is; manifests: paths of manifest.json; benchmarks:
    paths of benchmark files; domains: {benchmark: domain} of those that have one; tolerance: of matching.table. Models
    and benchmarks keep their order. Raises InputError when there is nothing to tabulate, when a manifest or benchmark
    is missing, or when a variant was asked other facts than the dense model.
    """
    if not cells:
        raise InputError("aggregate: no cells. Name at least one model, variant and benchmark in the configuration.")
    manifests = [_manifest(path) for path in manifests]
    models = {manifest["model"]: manifest["family"] for manifest in manifests}
    cells = [_cell(path, models) for path in cells]
    files = {_metadata(path).get("name") or Path(path).stem: path for path in benchmarks}
    texts, cells = _texts(cells)
    rows, groups, noises = _score_rows(cells, {(m.get("model"), m.get("variant")): m for m in manifests}, files)
    scores = drops.scores(rows)
    corrected = scores[scores["experiment"] != AS_PUBLISHED]
    by_model = drops.drops_by_model(corrected)
    perplexity = by_task.perplexity(texts)
    borders, matching_levels = matching.table(groups, tolerance)
    made = {
        "scores": scores,
        "drops_by_model": by_model,
        "drops": drops.drops(by_model),
        "cheapest": drops.cheapest(by_model),
        "parameters": paper_tables.parameters(models, manifests),
        "benchmarks": paper_tables.benchmarks(
            pd.concat([scores, perplexity]),
            {name: _metadata(path) for name, path in files.items()},
            {name: paper_tables.example(path) for name, path in files.items()},
        ),
        "perplexity": perplexity,
        "domains": by_task.domains(corrected, domains or {}),
        "disciplines": by_task.disciplines(groups),
        "matching": borders,
        "matching_levels": matching_levels,
        "facts": statistics.facts(groups),
        "noise": noise.table(noises),
        "how_asked": tables.how_asked([*rows, *texts]),
        "forgotten_by": forgotten.forgotten_by(groups),
        "overlap": forgotten.overlap(groups),
        "claims": verdicts.verdicts(groups, (*claims.CLAIMS, *claims_kick.CLAIMS)),
        "audit_final": audit.final_layer(scores),
        "audit_published": audit.beside_published(paper_tables.grid(scores)),
    }
    for family in dict.fromkeys(models.values()):
        for grouping in GROUPINGS:
            wide = paper_tables.int8(corrected, family, grouping)
            if wide is not None:
                made[paper_tables.int8_name(family, grouping)] = wide
    for name, frame in made.items():
        tables.write(frame, out_dir, name)
    log.info("%d tables from %d cells", len(made), len(cells) + len(texts))
    return list(made)


def _manifest(path):
    manifest = read_json(path)
    if manifest["stage_version"] != compress.STAGE_VERSION:
        raise InputError(f"{path}: compressed by another version of knowcost; delete it and run Snakemake again")
    return manifest


def _cell(path, families):
    """Which cell a scores file is: a dict with model, family, variant, benchmark and path."""
    about = metadata(path)
    if about.get("model") not in families:
        raise InputError(f"{path}: says it is of model {about.get('model')!r}, of which there is no manifest")
    cell = {key: about[key] for key in ("model", "variant", "benchmark", "kind")}
    return {**cell, "family": families[about["model"]], "path": path}


def _texts(cells):
    """(what by_task.perplexity takes of the cells that measure perplexity, the cells that ask facts)."""
    texts = []
    for cell in cells:
        if KINDS[cell["kind"]].measures == "perplexity":
            rows, about = read(cell["path"])
            how = {name: about.get(name) or "" for name in tables.HOW}
            more = {"limit": about.get("limit"), "dropped": tables.counts(about.get("dropped"))}
            texts.append(cell | how | more | {"rows": rows.to_pandas()})
    asked = [cell for cell in cells if KINDS[cell["kind"]].measures == "accuracy"]
    if not asked:
        raise InputError("aggregate: no cell asks for facts. Name a benchmark beside the texts of perplexity.")
    return texts, asked


def _score_rows(cells, manifests, benchmarks):
    """(one dict per cell for drops.scores, one statistics.Group per model and benchmark, one dict per cell that was
    asked twice for noise.table); a file is read once."""
    by_group = {}
    for cell in cells:
        by_group.setdefault((cell["model"], cell["benchmark"]), []).append(cell)
    rows, groups, noises = [], [], []
    for (model, benchmark), group in by_group.items():
        dense = next((cell["path"] for cell in group if cell["variant"] == DENSE), None)
        if dense is None:
            log.warning("%s, %s: the dense model was not scored, so drops stay empty", model, benchmark)
        base = _read(dense or group[0]["path"], DENSE_COLUMNS)
        majority = _majority(base[0]["id"], benchmark, benchmarks)
        kind = group[0]["kind"]
        groups.append(Group(group[0]["family"], model, benchmark, _facts(base[0]), {}, majority, kind))
        measured, first = {}, len(rows)
        for cell in group:
            frame, metadata = base if cell["path"] == dense else _read(cell["path"])
            row = _score_row(cell, frame, metadata) | {"majority": majority}
            row |= _versus(frame, base[0], cell["path"], dense) if dense else {"dense_accuracy": None}
            rows.append(row | _sizes(manifests, model, cell["variant"]))
            if moved := noise.measure(frame):
                measured[cell["variant"]] = moved
                noises.append(cell | moved)
            if row["experiment"] != AS_PUBLISHED:  # the audit's alone: no fact is forgotten by compression there
                groups[-1].right[cell["variant"]] = frame["correct"].to_numpy(bool)
        for row in rows[first:]:
            row["noise_points"] = noise.floor(row["variant"], measured)
        log.info("%s, %s: %d variants", model, benchmark, len(group))
    return rows, groups, noises


def _facts(frame):
    """The facts of a statistics.Group. Confidence is among the choices where there are choices: a choice's own
    log-likelihood says more about its length."""
    choices = [0.0 if each is None else np.logaddexp.reduce(each) for each in frame["choice_logprobs"]]
    return frame[["id", "relation", "answer"]].assign(confidence=frame["logprob"] - np.array(choices))


def _score_row(cell, frame, metadata):
    """What one scores file says by itself."""
    treatment = tables.describe(cell["variant"])
    if is_published(cell["benchmark"]):
        treatment["experiment"] = AS_PUBLISHED
    return {
        "model": cell["model"],
        "family": cell["family"],
        **treatment,
        "benchmark": cell["benchmark"],
        **metrics.summary(frame),
        "dropped": tables.counts(metadata.get("dropped")),
        "limit": metadata.get("limit"),
        **{name: metadata.get(name) or "" for name in tables.HOW},
    }


def _versus(frame, base, path, dense_path):
    """What one scores file says beside the dense model's. Raises InputError when the two hold different facts."""
    if not frame["id"].equals(base["id"]):
        raise InputError(
            f"{path}: these are not the facts of {dense_path} ({len(frame)} against {len(base)} rows, or another "
            "order), so no drop can be computed. Delete the older of the two files and run again."
        )
    versus = {} if path == dense_path else metrics.versus_dense(base["correct"], frame["correct"])
    return {"dense_accuracy": metrics.accuracy(base), **versus}


def _sizes(manifests, model, variant):
    """Sizes and zeros of a variant from its manifest, and the bytes it saves against the dense model's; lenient."""
    manifest, dense = manifests.get((model, variant), {}), manifests.get((model, DENSE), {})
    what, parameters = tables.describe(variant), manifest.get("parameters", {})
    grouping = "" if what["grouping"] in ("", "paper") else f"{what['grouping']}."
    scope = parameters.get("scope", {}).get(f"{grouping}{what['scope']}", {})
    nominal, whole = manifest.get("bytes", {}).get("nominal"), dense.get("bytes", {}).get("nominal")
    return {
        "touched_parameters": parameters.get("touched"),
        "zeros": scope.get("zeros"),
        "sparsity": scope.get("sparsity"),
        "nominal_bytes": nominal,
        "disk_bytes": manifest.get("bytes", {}).get("disk"),
        "bytes_saved_percent": 100 * (1 - nominal / whole) if nominal is not None and whole else None,
    }


def _majority(ids, benchmark, files):
    """The majority baseline over the facts that were asked (fewer than all under a limit)."""
    if benchmark not in files:
        known = ", ".join(files) or "none"
        raise InputError(f"aggregate: there are scores of benchmark {benchmark!r}, but no file of it; known: {known}")
    table = parquet.read_table(files[benchmark])
    asked = compute.is_in(table.column("id"), value_set=pyarrow.array(ids, table.schema.field("id").type))
    return metrics.majority(table.filter(asked), _metadata(files[benchmark]))


def _read(path, more=()):
    """A scores file as (frame of COLUMNS and `more`, metadata). Raises InputError when columns are missing."""
    names = [*COLUMNS, *more]
    table, about = read(path, names)
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}. Delete the file and score the cell again.")
    return table.to_pandas(), about


def _metadata(path):
    """The project's own metadata of a parquet file."""
    return from_metadata(parquet.read_schema(path).metadata)
