"""Whether all that there is of a study is what it was when it was made."""

from knowcost.common import log

log.setup(snakemake.log[0])

from knowcost.report.verify import Run, verify

PLANNED = ("models", "benchmarks", "calibrations", "archives", "cells", "judged")
verify(Run(**{name: snakemake.params[name] for name in PLANNED}))
