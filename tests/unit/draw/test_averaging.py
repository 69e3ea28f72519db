"""Which models are averaged, and what figures are drawn of where they are not."""

from math import nan

import pandas as pd
import pytest

from knowcost.draw import averaging


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([], True), ([7000.0], True), ([nan], True), ([110.0, 330.0], True), ([110.0, 331.0], False),
     ([15.0, 135.0], False), ([110.0, nan], False)],
)  # fmt: skip
def test_models_of_a_size_are_averaged(sizes, expected):
    assert averaging.alike(pd.DataFrame({"total": sizes})) == expected


def test_models_that_are_not_averaged_are_drawn_each_by_itself():
    drops = pd.DataFrame({"variant": ["x", "y"]})
    each = pd.DataFrame({"model": ["b", "b", "a"], "variant": ["x", "y", "x"]})
    mine = {"drops": drops, "drops_by_model": each, "parameters": pd.DataFrame({"total": [15.0, 135.0]})}
    assert [(name, list(rows["variant"])) for name, rows in averaging.parts(mine)] == [("b", ["x", "y"]), ("a", ["x"])]
    ((name, rows),) = averaging.parts(mine | {"parameters": pd.DataFrame({"total": [15.0, 16.0]})})
    assert name == "" and rows is drops
