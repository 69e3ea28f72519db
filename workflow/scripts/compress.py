"""Archive one variant of one model."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], threads=snakemake.threads)

from knowcost.compress.archive import make as archive
from knowcost.compress.archive import storage

archive.make_archive(
    snakemake.wildcards.model,
    Path(snakemake.input.model).parent,
    snakemake.wildcards.variant,
    snakemake.input.get("thresholds"),
    Path(snakemake.output[0]).parent,
    mode=snakemake.params.archive,
    shard_size=storage.parse_size(snakemake.config["shard_size"]),
    calibration=snakemake.input.get("calibration"),
    device=snakemake.config["compress"]["device"],
)
