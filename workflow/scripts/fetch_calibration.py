"""Bring the calibration data into resources/calibration, one text per row."""

from knowcost.common import log

log.setup(snakemake.log[0], online=True)

from knowcost.compress.calibration import texts
from knowcost.fetch.source import fetch_benchmark_source

most = snakemake.config["download_gb"] * 1e9
source = fetch_benchmark_source(snakemake.params.row, snakemake.params.downloads, most)
texts.prepare(snakemake.params.row, source, snakemake.output[0])
