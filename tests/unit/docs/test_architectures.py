"""docs/architectures.md beside what the tests find, and three of its sizes beside arithmetic by hand."""

import re

import pytest
import transformers
from helpers import architectures_page as written


def in_page():
    """{architecture: {scope: parameters}} of the page."""
    rows = re.findall(r"^\| `(\S+)` \| [^|]+ \| ([\d,]+(?: \| [\d,]+){4}) \|$", written.PAGE.read_text(), re.M)
    return {name: dict(zip(written.SIZES, numbers(said), strict=True)) for name, said in rows}


def numbers(said):
    return [int(each.replace(",", "")) for each in said.split(" | ")]


def test_the_page_is_what_make_architectures_writes():
    assert in_page().keys() == written.SIZED.keys()
    assert written.PAGE.read_text() == written.page(in_page())


def test_every_column_is_a_test(root):
    text = (root / "tests/unit/test_every_architecture.py").read_text()
    tests = re.findall(r"^def test_(\w+)\(case\b", text, re.M)
    assert tests == list(written.COLUMNS)


def test_the_reason_for_umt5_s_note_holds():
    assert transformers.UMT5Config(tie_word_embeddings=False).tie_word_embeddings


BY_HAND = {
    "llama": {  # Llama 7B: 32 blocks of width 4096, 11008 in between; 32,000 words; a norm has 4096
        "attention": 32 * 4 * 4096 * 4096,
        "feed_forward": 32 * 3 * 4096 * 11008,
        "overall": 32 * (4 * 4096 * 4096 + 3 * 4096 * 11008),
        "final": 32000 * 4096,
        "all": 32 * (4 * 4096 * 4096 + 3 * 4096 * 11008 + 2 * 4096) + 4096 + 2 * 32000 * 4096,
    },
    "bert": {  # BERT base: 12 blocks of width 768, 3072 in between; 30,522 words, 512 positions, 2 segments
        "attention": 12 * 4 * 768 * 768,
        "feed_forward": 12 * 2 * 768 * 3072,
        "overall": 12 * (4 * 768 * 768 + 2 * 768 * 3072) + 768 * 768,
        "final": 30522 * 768,
        "all": (30522 + 512 + 2 + 2) * 768
        + 12 * (4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768)
        + (768 * 768 + 768 + 2 * 768)
        + 30522,
    },
    "gpt2": {  # GPT-2: 12 blocks of width 768; queries, keys and values in one layer; 50,257 words, 1,024 positions
        "attention": 12 * (768 * 2304 + 768 * 768),
        "feed_forward": 12 * 2 * 768 * 3072,
        "overall": 12 * (768 * 2304 + 768 * 768 + 2 * 768 * 3072),
        "final": 50257 * 768,
        "all": (50257 + 1024) * 768
        + 12 * (768 * 2304 + 2304 + 768 * 768 + 768 + 2 * 768 * 3072 + 3072 + 768 + 4 * 768)
        + 2 * 768,
    },
}


@pytest.mark.parametrize("kind", BY_HAND)
def test_sizes_are_those_of_arithmetic(kind):
    assert in_page()[kind] == written.size(kind, written.configuration(kind)[1]) == BY_HAND[kind]
