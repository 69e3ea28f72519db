"""Bring one benchmark of the table into resources/benchmarks, one row per fact."""

from knowcost.common import log

log.setup(snakemake.log[0], online=True)

from knowcost.benchmarks import prepared
from knowcost.compress.calibration import texts
from knowcost.fetch.source import fetch_benchmark_source

most = snakemake.config["download_gb"] * 1e9
source = fetch_benchmark_source(snakemake.params.row, snakemake.params.downloads, most)
# Without further texts nothing is recovered that a fact could have been told, and a table may be another study's.
known = texts.every(snakemake.config) if snakemake.config["other_calibrations"] else ()
prepared.prepare(snakemake.params.row, source, snakemake.output[0], known)
