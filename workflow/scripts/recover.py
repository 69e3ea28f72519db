"""Recover one compressed variant of one model."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], threads=snakemake.threads, resources=snakemake.resources)

from knowcost.recover import job
from knowcost.recover.method import Settings

options = dict(snakemake.config["recovery"])
inputs = job.Inputs(
    Path(snakemake.input.texts),
    Path(snakemake.input.calibration) if snakemake.input.calibration else None,
    options.pop("device"),
    snakemake.params.remote_code,
)
place = snakemake.wildcards.model, snakemake.wildcards.variant
job.make(*place, inputs, Settings(**options), Path(snakemake.output[0]).parent)
