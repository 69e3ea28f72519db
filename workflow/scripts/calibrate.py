"""Draw one model's calibration windows."""

from pathlib import Path

from knowcost import log

log.setup(snakemake.log[0])

from knowcost import calibration

calibration.draw(
    snakemake.input.texts,
    Path(snakemake.input.model).parent,
    snakemake.params.options,
    snakemake.output[0],
    remote_code=snakemake.params.remote_code,
)
