"""Recover one compressed variant of one model."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], threads=snakemake.threads)

from knowcost.recover import job
from knowcost.recover.method import Settings

job.make(
    snakemake.wildcards.model,
    snakemake.wildcards.variant,
    job.Inputs(Path(snakemake.input.texts), snakemake.config["recovery"]["device"], snakemake.params.remote_code),
    Settings(**snakemake.params.settings),
    Path(snakemake.output[0]).parent,
)
