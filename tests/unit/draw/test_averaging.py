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
    b, a = averaging.subjects(mine, "decoder", "Who.", 1)
    assert (b.title("T"), b.group, a.title("T"), a.group) == ("T: b", "", "T: a", averaging.MODEL_BY_MODEL)
    assert [list(averaging.drops_of(mine, one)["variant"]) for one in (b, a)] == [["x", "y"], ["x"]]
    assert (
        b.drawn("n", "T", "C. ", None).entry | {"name": "n_decoder_b", "caption": "C. Who."}
        == b.drawn("n", "T", "C. ", None).entry
    )
    (mean,) = averaging.subjects(mine | {"parameters": pd.DataFrame({"total": [15.0, 16.0]})}, "decoder", "", 1)
    assert mean.title("T") == "T: decoder models" and mean.drawn("n", "T", "", None).name == "n_decoder"
    assert averaging.drops_of(mine, mean) is drops and averaging.own(each, mean) is each
