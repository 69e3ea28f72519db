"""Exact pruning thresholds of one model, for all levels of all scopes."""

from pathlib import Path

from knowcost import log

log.setup(snakemake.log[0])

from knowcost import archive

archive.make_thresholds(Path(snakemake.input[0]).parent, snakemake.params.levels, snakemake.output[0])
