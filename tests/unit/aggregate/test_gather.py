"""What scores files say, gathered: sizes from manifests."""

from pathlib import Path

import pytest
from helpers import fake_results

from knowcost.aggregate.gather import Cell, _sizes


@pytest.mark.parametrize(
    ("slug", "zeros"),
    [
        ("dense", None),
        ("magnitude-40@attention", 8_400_000),
        ("magnitude-40@canonical.attention", 4_000_000),
        ("magnitude-20@attention+int8@attention", 4_200_000),
        ("magnitude-20@attention+int8@overall", None),
    ],
)
def test_zeros_are_those_of_the_one_scope_that_a_variant_acts_on(slug, zeros):
    """Attention has 21 million weights as the paper draws it; drawn canonically, 10 million here. Mixed scopes have no
    zeros of their own."""
    manifest = fake_results.manifest("m", slug, "decoder")
    manifest["parameters"]["scope"]["canonical.attention"] = {"zeros": 4_000_000, "sparsity": 0.4}
    cell = Cell("m", "decoder", slug, "facts", "question", Path("facts.parquet"))
    assert _sizes(cell, {("m", slug): manifest})["zeros"] == zeros
