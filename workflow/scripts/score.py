"""Ask several variants of one model; what is kept is not asked again."""

from knowcost.common import log

log.setup(snakemake.log[0], threads=snakemake.threads, resources=snakemake.resources)

from knowcost.score import job as score
from knowcost.score.cells import Settings

score.score(
    snakemake.params.model,
    snakemake.params.variants,
    snakemake.params.benchmarks,
    Settings(
        options=snakemake.config["score"],
        dtype=snakemake.params.dtype,
        limit=snakemake.params.limit,
        remote_code=snakemake.params.remote_code,
        generation=snakemake.params.generation,
        stage_models=snakemake.config["stage_models"],
    ),
)
