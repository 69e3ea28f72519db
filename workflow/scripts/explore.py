"""The facts of the page's explorer, from the per-fact rows of all cells."""

from pathlib import Path

from knowcost.common import log, paths

log.setup(snakemake.log[0], resources=snakemake.resources)

from knowcost.aggregate.explore import job

job.explore(
    paths.among(snakemake.input, paths.SCORES),
    paths.among(snakemake.input, paths.MANIFEST),
    list(snakemake.input.benchmarks),
    Path(snakemake.input.tables).parent,
    snakemake.output[0],
)
