"""The few words of a label: short, and no two variants alike that differ."""

import pytest

from knowcost.recover.wording import in_few_words, methods_in_few_words
from knowcost.spec.variants import parse

WORDS = {
    "dense": "dense",
    "int8@overall": "int8",
    "magnitude-40@attention": "pruned 40%, attention",
    "magnitude-40@canonical.attention": "pruned 40%, attention (canonical)",
    "magnitude-20@overall+int8@overall": "pruned 20% + int8",
    "magnitude-20@attention+int8@feed_forward": "pruned 20%, attention + int8, feed-forward",
    "wanda-2of4@overall~c4": "2:4 Wanda (c4)",
    "gptq-4bit-g128-actorder@overall": "GPTQ 4 bit g128 act",
    "rtn-3bit@overall^lora-r4": "RTN 3 bit + LoRA r4",
    "brought-mine.Q4": "mine.Q4",
}


@pytest.mark.parametrize(("slug", "words"), WORDS.items())
def test_a_variant_in_few_words(slug, words):
    assert in_few_words(slug) == words


def test_methods_in_the_words_of_labels():
    slugs = ["magnitude-20@overall+int8@overall", "wanda-50@overall~c4+int8@overall~c4", "gptq-3bit@overall^lora-r4"]
    slugs += ["brought-mine", "dense"]
    words = ["pruned + int8", "Wanda + int8", "GPTQ", "compressed elsewhere", "dense"]
    assert [methods_in_few_words(parse(slug).method) for slug in slugs] == words
