"""List what the study no longer names, and remove it where the number of that list is given."""

from knowcost.common import log

log.setup(snakemake.log[0])

from knowcost.plan import config
from knowcost.plan.named import named
from knowcost.report.stale import stale

stale(named(config.load(snakemake.config)), snakemake.config.get("delete"))
