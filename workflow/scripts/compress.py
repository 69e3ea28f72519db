"""Archive one variant of one model."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], threads=snakemake.threads, resources=snakemake.resources)

from knowcost.compress.archive import make as archive
from knowcost.compress.archive import storage
from knowcost.models import staged

inputs = archive.Inputs(
    model=staged.folder(Path(snakemake.input.model).parent, snakemake.config["stage_models"]),
    thresholds=snakemake.input.get("thresholds"),
    calibration=snakemake.input.get("calibration"),
    device=snakemake.config["compress"]["device"],
)
archive.make_archive(
    snakemake.wildcards.model,
    snakemake.wildcards.variant,
    inputs,
    Path(snakemake.output[0]).parent,
    storage.Keep(snakemake.params.archive, storage.parse_size(snakemake.config["shard_size"])),
)
