"""The report: one self-contained page."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0])

from knowcost.report import page as report

report.write(
    snakemake.input.tables,
    snakemake.input.figures,
    list(snakemake.input.manifests),
    list(snakemake.input.sources),
    snakemake.params.config,
    sorted(Path("logs").glob("**/*.timing.tsv")),
    snakemake.output[0],
)
