"""Figures from the tables."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], resources=snakemake.resources)

from knowcost.draw import job as draw

draw.draw(Path(snakemake.input.tables).parent, snakemake.output[0], snakemake.params.margin)
