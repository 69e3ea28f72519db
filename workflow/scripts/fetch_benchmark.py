"""Bring one benchmark of the table into resources/benchmarks, one row per fact."""

from knowcost import log

log.setup(snakemake.log[0], online=True)

from knowcost import benchmarks, fetch

source = fetch.fetch_benchmark_source(snakemake.params.row, snakemake.params.downloads)
benchmarks.prepare(snakemake.params.row, source, snakemake.output[0])
