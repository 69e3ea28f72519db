"""Draw one model's calibration windows."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], resources=snakemake.resources)

from knowcost.compress.calibration import windows as calibration

calibration.draw(
    snakemake.input.texts,
    Path(snakemake.input.model).parent,
    snakemake.params.options,
    snakemake.output[0],
    remote_code=snakemake.params.remote_code,
)
