"""Exact pruning thresholds of one model, for all levels of all scopes."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], resources=snakemake.resources)

from knowcost.compress.archive import make as archive
from knowcost.models import staged
from knowcost.plan import config, design

study = config.load(snakemake.config)
levels = design.threshold_levels(study, study.models[snakemake.wildcards.model]["family"])
model = staged.folder(Path(snakemake.input[0]).parent, study.config["stage_models"])
archive.make_thresholds(model, levels, snakemake.output[0])
