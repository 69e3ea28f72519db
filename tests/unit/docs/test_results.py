"""docs/results.md beside the columns of the tables."""

import re

import pytest
from helpers import explained, fake_results

from knowcost.aggregate import tables
from knowcost.aggregate.job import aggregate

TOLD = {"drops_by_model", "drops", "affordable", "cheapest", "front", "halves", "facts", "scores", "matching",
        "matching_levels", "claims", "claims_levels", "answer_bias", "phrasings", "probabilities", "forgotten_by",
        "forgotten_first", "overlap", "recovered", "recovered_overlap", "relearned", "training", "controls",
        "domains", "disciplines", "similarity", "audit_final", "noise", "capacity", "written", "judged", "judges",
        "examples", "benchmarks"}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{table: its columns} of a small run."""
    folder = tmp_path_factory.mktemp("run")
    inputs = fake_results.make(folder, {"a": "encoder", "b": "decoder"}, facts=10, levels=(20, 40))
    aggregate(*inputs, folder / "tables", fake_results.SETTINGS)
    return {name: set(frame.columns) for name, frame in tables.read(folder / "tables").items()}


@pytest.fixture(scope="module")
def told(root):
    """{tables that a section is about: columns that it explains}; () for those that all share."""
    found = explained.names(root / "docs/results.md")
    return {tuple(re.findall(r"`(\w+)`", title)): names for title, names in found.items()}


def test_every_column_of_a_told_table_is_explained(made, told):
    explained = {table: names for about, names in told.items() for table in about}
    assert not TOLD - explained.keys() and not TOLD - made.keys()
    for table in explained.keys() & made.keys():
        assert not made[table] - explained[table] - told[()], table


def test_no_column_is_explained_that_is_not_there(made, told):
    for about, names in told.items():
        there = [made[table] for table in about or made if table in made]
        assert not there or not names - set().union(*there), about
