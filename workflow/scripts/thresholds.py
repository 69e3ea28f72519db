"""Exact pruning thresholds of one model, for all levels of all scopes."""

from pathlib import Path

from knowcost import log

log.setup(snakemake.log[0])

from knowcost import archive, config, design

study = config.load(snakemake.config)
levels = design.threshold_levels(study, study.models[snakemake.wildcards.model]["family"])
archive.make_thresholds(Path(snakemake.input[0]).parent, levels, snakemake.output[0])
