"""Have judges say what they say of the texts that the study's models wrote."""

from knowcost.common import log

log.setup(snakemake.log[0])

from knowcost.judge import job as judge

judge.judge(list(snakemake.input.cells), snakemake.config["judge"])
