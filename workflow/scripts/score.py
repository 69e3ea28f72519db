"""Ask several variants of one model; cells that are still valid are kept."""

from knowcost import log

log.setup(snakemake.log[0], threads=snakemake.threads)

from knowcost import score

row = snakemake.params.row
score.score(
    snakemake.params.model,
    snakemake.params.variants,
    snakemake.params.benchmarks,
    dtype=row.get("dtype") or "float32",
    limit=snakemake.params.limit,
    options=snakemake.params.options,
    remote_code="remote_code" in row.get("allow", ""),
)
