"""Invent the people and facts of the embedded world, and write the files that ask about them."""

from pathlib import Path

from knowcost.common import log

log.setup(snakemake.log[0], resources=snakemake.resources)

from knowcost.world import facts, questions

people = facts.invent(people=snakemake.params.people, seed=snakemake.params.seed)
questions.write(Path(snakemake.output[0]).parent, people)
