"""Tables from the per-fact rows of all cells."""

from pathlib import Path

from knowcost.common import log, paths

log.setup(snakemake.log[0], resources=snakemake.resources)

from knowcost.aggregate import job as aggregate
from knowcost.aggregate.affordable import Budget

SETTINGS = ("tolerance", "margin", "domains", "experiments", "series")

settings = {name: snakemake.params[name] for name in SETTINGS}

aggregate.aggregate(
    paths.among(snakemake.input, paths.SCORES),
    paths.among(snakemake.input, paths.MANIFEST),
    list(snakemake.input.benchmarks),
    Path(snakemake.output[0]).parent,
    aggregate.Settings(**settings, budget=Budget.of(snakemake.params.budget)),
    paths.among(snakemake.input, paths.JUDGED),
)
