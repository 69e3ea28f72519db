"""A variant in words."""

import pytest

from knowcost.compress.registry import METHODS
from knowcost.compress.wording import in_words


@pytest.mark.parametrize(
    ("slug", "words"),
    [
        ("dense", "dense"),
        ("magnitude-40@overall", "everything pruned by 40%"),
        ("magnitude-40@canonical.attention", "attention (canonical grouping) pruned by 40%"),
        ("wanda-2of4@feed_forward~c4", "feed-forward layers pruned 2:4 (Wanda on c4)"),
        ("int8@attention", "attention in int8"),
        ("gptq-4bit-g128@overall", "everything in 4 bit, groups of 128 (GPTQ)"),
        ("magnitude-20@attention+int8@attention", "attention pruned by 20%, then in int8"),
        ("sparsegpt-2of4@overall+rtn-4bit@final", "everything pruned 2:4 (SparseGPT), then the final layer in 4 bit "
         "(round to nearest)"),
        ("magnitude_structured-20@final", "20% of the final layer's rows removed"),
        ("magnitude-20@final+lost@final", "the final layer pruned by 20%, then lost as published"),
        ("brought-mine.Q4_K_M", "mine.Q4_K_M"),
    ],
)  # fmt: skip
def test_slugs(slug, words):
    assert in_words(slug) == words


def test_every_method_is_explained_in_two_sentences():
    for method in METHODS.values():
        assert method.about.count(". ") == 1 and method.about.endswith("."), method.name
