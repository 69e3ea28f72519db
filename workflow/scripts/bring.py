"""Say in a manifest what a version of a model is that was compressed elsewhere."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], threads=snakemake.threads, resources=snakemake.resources)

from knowcost.compress.archive import brought

version, parent = (
    brought.Fetched(Path(source).parent, allowed)
    for source, allowed in zip(
        (snakemake.input.brought, snakemake.input.model), snakemake.params.remote_code, strict=True
    )
)
place = snakemake.wildcards.model, snakemake.wildcards.variant
brought.describe(place, version, parent, Path(snakemake.output[0]).parent)
