"""Bring one model of the table into resources/models, checked and hashed."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], online=True)

from knowcost.fetch import model as fetch

fetch.fetch_model(snakemake.params.row, Path(snakemake.output[0]).parent, lock_path=snakemake.params.revision_lock)
