"""Teach the embedded world's facts to a small model of one family."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], threads=snakemake.threads, resources=snakemake.resources)

from knowcost.world import teach

facts = Path(snakemake.input[0]).parent
teach.teach(snakemake.wildcards.family, facts, Path(snakemake.output[0]).parent, seed=snakemake.params.seed)
