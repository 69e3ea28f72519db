"""Every hash of every archive and of the models they were made from."""

from knowcost.common import log

log.setup(snakemake.log[0])

from knowcost.compress.archive import rebuild

rebuild.verify_all(zip(snakemake.input.manifests, snakemake.input.models, strict=True))
