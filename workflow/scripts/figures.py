"""Figures from the tables."""

from knowcost import log

log.setup(snakemake.log[0])

from knowcost import figures

figures.draw(snakemake.input[0], snakemake.output[0])
