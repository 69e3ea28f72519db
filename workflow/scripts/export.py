"""The full checkpoint of one archive, or a recovered variant's checkpoint and adapter, with every hash checked."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0])

from knowcost.compress.archive import rebuild
from knowcost.recover import export
from knowcost.spec.variants import parse

place, out = (snakemake.wildcards.model, snakemake.wildcards.variant), Path(snakemake.output[0]).parent
if parse(snakemake.wildcards.variant).recovery:
    export.export(*place, out)
else:
    rebuild.export(Path(snakemake.input.manifests[0]).parent, Path(snakemake.input.model).parent, out, of=place)
