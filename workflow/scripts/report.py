"""The report: one self-contained page."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0])

from knowcost.report.page import Inputs, write

write(
    Inputs(
        tables=snakemake.input.tables,
        figures=snakemake.input.figures,
        manifests=snakemake.input.manifests,
        sources=snakemake.input.sources,
        timings=sorted(Path("logs").glob("**/*.timing.tsv")),
        config=snakemake.params.config,
    ),
    snakemake.output[0],
)
