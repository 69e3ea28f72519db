"""Figures from the tables."""

from pathlib import Path

from knowcost.common import log

if __name__ == "__main__":  # the processes that draw read this file, too
    log.setup(snakemake.log[0], threads=snakemake.threads, resources=snakemake.resources)

    from knowcost.draw import job as draw

    tables = Path(snakemake.input.tables).parent
    draw.draw(tables, snakemake.output[0], snakemake.params.margin, processes=snakemake.threads)
