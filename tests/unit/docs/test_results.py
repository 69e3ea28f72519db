"""docs/results.md beside the columns of the tables."""

import re

import pytest
from helpers import fake_results

from knowcost.aggregate import tables
from knowcost.aggregate.job import aggregate

TOLD = {"drops_by_model", "drops", "cheapest", "halves", "facts", "scores", "matching", "matching_levels", "claims",
        "claims_levels", "answer_bias", "phrasings", "noise"}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{table: its columns} of a small run."""
    folder = tmp_path_factory.mktemp("run")
    inputs = fake_results.make(folder, {"a": "encoder", "b": "decoder"}, facts=10, levels=(20, 40))
    aggregate(*inputs, folder / "tables", fake_results.SETTINGS)
    return {name: set(frame.columns) for name, frame in tables.read(folder / "tables").items()}


@pytest.fixture(scope="module")
def told(root):
    """{table: columns that its section explains}; "" for those that all share."""
    found = {}
    for section in (root / "docs/results.md").read_text().split("\n## ")[1:]:
        title = section.split("\n")[0]
        firsts = re.findall(r"^\| (`[^|]+) \| \S", section, re.M)
        found[title.strip("`") if "`" in title else ""] = {
            name for first in firsts for name in re.findall(r"`(\w+)`", first)
        }
    return found


def test_every_column_of_a_told_table_is_explained(made, told):
    assert not TOLD - told.keys() and not TOLD - made.keys()
    for table in told.keys() & made.keys():
        assert not made[table] - told[table] - told[""], table


def test_no_column_is_explained_that_is_not_there(made, told):
    for table in told.keys() & made.keys():
        assert not told[table] - made[table], table
    assert not told[""] - set().union(*made.values())
