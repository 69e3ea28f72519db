"""Bring one model of the table into resources/models, checked and hashed."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], online=True)

from knowcost.fetch import model as fetch

most = snakemake.config["download_gb"] * 1e9
folder = Path(snakemake.output[0]).parent
fetch.fetch_model(snakemake.params.row, folder, lock_path=snakemake.params.revision_lock, most=most)
