"""What figures of costs are called, and what their captions say was done."""

import matplotlib
import pandas as pd
import pytest
from helpers.plotted import TWO_MODELS, cells

from knowcost.aggregate import tables
from knowcost.compress.registry import METHODS
from knowcost.draw import costs
from knowcost.draw.style import COLOURS, MARKERS, STYLE


def test_numbers_in_captions_are_those_nearest_to_forty_percent():
    assert costs._numbers(TWO_MODELS) == "Mean drop at 40%: everything 15.0%, attention 4.0%."
    assert costs._numbers(TWO_MODELS.assign(level=None)).startswith("Mean drop: ")
    assert costs._numbers(TWO_MODELS.assign(level=62.5)).startswith("Mean drop at 62.5%: ")


def test_panels_of_levels_keep_their_fractions():
    rows = costs._by_level(TWO_MODELS.assign(level=62.5), "pruned")
    assert set(rows["panel"]) == {"62.5% pruned"}
    rows = costs._by_level(TWO_MODELS.assign(panel="trex"), "pruned")
    assert list(rows["panel"].unique()) == ["trex, 20% pruned", "trex, 40% pruned"]


def test_scopes_have_colours_and_markers_of_their_own():
    for scopes in (costs.MAIN, costs.PARTS):
        assert len({COLOURS[scope] for scope in scopes}) == len(scopes)
        assert len({MARKERS[scope] for scope in scopes}) == len(scopes)


def drawn(slug):
    """The first figure of one variant that loses a tenth on one benchmark."""
    row = {"model": "m", "benchmark": "x", "drop_percent": 10.0, **tables.describe(slug)}
    each = cells(**{name: [value] for name, value in row.items()})
    with matplotlib.rc_context(STYLE):
        return next(costs.figures(pd.concat([each, each.assign(panel="x")]), "encoder", "Who."))


@pytest.mark.parametrize(
    ("slug", "title", "what"),
    [
        ("magnitude-50@overall", "Magnitude pruning", "Setting the smallest weights of a scope to zero"),
        ("magnitude_layer-50@overall", "Magnitude pruning by layer", METHODS["magnitude_layer"].what),
        ("wanda-50@overall", "Wanda", METHODS["wanda"].what),
        ("sparsegpt-50@overall~c4", "SparseGPT (c4)", METHODS["sparsegpt"].what),
        ("int8@overall", "Int8", "Computing a scope's layers in 8-bit integers"),
        ("wanda-50@overall+int8@overall", "Wanda, then int8", "Pruning a scope, then quantizing it"),
    ],
)
def test_captions_say_what_the_method_does(slug, title, what):
    made = drawn(slug)
    assert made.title == f"{title}: encoder models"
    assert made.caption.rpartition(" of the thesis. ")[2].startswith(f"{what}: accuracy lost")
    assert made.caption.endswith("Who.")


def test_no_two_pruners_say_the_same():
    words = [method.what for method in METHODS.values()]
    assert all(words) and len(set(words)) == len(words)
