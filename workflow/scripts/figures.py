"""Figures from the tables."""

from knowcost.common import log

log.setup(snakemake.log[0])

from knowcost.draw import job as draw

draw.draw(snakemake.input[0], snakemake.output[0])
