"""Rows of the model table with a `parent`."""

import pytest

from knowcost.common.errors import InputError
from knowcost.plan import names
from knowcost.plan.brought import parted

DENSE = {"name": "dense-one", "family": "decoder"}


def row(name, parent="dense-one", family="decoder", **columns):
    return {"name": name, "family": family, "parent": parent, **columns}


def rows(*more):
    return {each["name"]: each for each in (DENSE, *more)}


def test_dense_models_and_versions_are_parted_in_the_table_s_order():
    dense, brought = parted(
        "t.tsv", {"v": row("v"), **rows(row("w"), {"name": "d", "family": "encoder", "parent": ""})}
    )
    assert (list(dense), list(brought)) == (["dense-one", "d"], ["v", "w"])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (rows(row("v", "nobody")), ["row 'v'", "no row named 'nobody'", "dense models here: dense-one"]),
        (rows(row("v"), row("w", "v")), ["row 'w'", "'v' is a compressed version itself, of 'dense-one'"]),
        (rows(row("v", "v")), ["row 'v'", "'v' is a compressed version itself"]),
        (rows(row("v", family="encoder")), ["family is 'encoder'", "'dense-one' is 'decoder'"]),
        (rows(row("v", archive="full")), ["archive is 'full'", "leave the column empty"]),
        ({"v": row("v", "w"), "w": row("w", "v")}, ["dense models here: none"]),
    ],
    ids=["missing", "of a version", "of itself", "family", "archive", "a circle"],
)
def test_a_parent_that_is_none_is_refused(table, words):
    with pytest.raises(InputError) as caught:
        parted("t.tsv", table)
    assert str(caught.value).startswith("t.tsv: ")
    assert not [word for word in words if word not in str(caught.value)]


def test_a_version_may_not_be_called_as_a_model_in_other_capitals():
    with pytest.raises(InputError, match="'dense-one' and 'Dense-One' differ in nothing but capitals"):
        names.check({"models": "t.tsv", "benchmarks": "b.tsv"}, rows(row("Dense-One")), [], [])
