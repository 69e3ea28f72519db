"""Every hash of every archive and of the models they were made from."""

from knowcost import log

log.setup(snakemake.log[0])

from knowcost import rebuild

rebuild.verify_all(zip(snakemake.input.manifests, snakemake.input.models, strict=True))
