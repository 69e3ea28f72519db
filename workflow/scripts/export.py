"""The full checkpoint of one archive, with every hash checked."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0])

from knowcost.compress.archive import rebuild

manifest, source, out = (Path(p) for p in (snakemake.input.manifest, snakemake.input.model, snakemake.output[0]))
rebuild.export(manifest.parent, source.parent, out.parent, of=(snakemake.wildcards.model, snakemake.wildcards.variant))
