"""The report: one self-contained page."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], resources=snakemake.resources)

from knowcost.common import seal
from knowcost.common.paths import LOGS, calibration_texts
from knowcost.compress.calibration import texts
from knowcost.report.page import Inputs, write

config = snakemake.params.config

write(
    Inputs(
        tables=Path(snakemake.input.tables).parent,
        figures=snakemake.input.figures,
        explore=snakemake.input.explore,
        manifests=snakemake.input.manifests,
        sources=snakemake.input.sources,
        timings=sorted(Path(LOGS).glob("**/*.timing.tsv")),
        benchmarks=snakemake.input.benchmarks,
        calibrations={name: calibration_texts(texts.texts_of(config, name)) for name in texts.every(config)},
        config=config,
    ),
    snakemake.output[0],
)
seal.write_json(snakemake.output[1], snakemake.params.study)
