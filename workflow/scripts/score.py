"""Ask several variants of one model; cells that are still valid are kept."""

from knowcost.common import log

log.setup(snakemake.log[0], threads=snakemake.threads)

from knowcost.score import job as score

score.score(
    snakemake.params.model,
    snakemake.params.variants,
    snakemake.params.benchmarks,
    dtype=snakemake.params.dtype,
    limit=snakemake.params.limit,
    options=snakemake.params.options | {"device": snakemake.config["score"]["device"]},
    remote_code=snakemake.params.remote_code,
)
