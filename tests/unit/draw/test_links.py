from urllib.parse import parse_qs, urlsplit

import pytest

from knowcost.draw import links


@pytest.mark.parametrize("model", ["bert", 'a&b="<script>', "ä b+%"])
def test_a_link_says_what_is_compared(model):
    link = links.facts(model, "wanda-2of4@overall", "gptq-4bit@overall", v="forgotten")
    assert link.startswith(links.START)
    query = urlsplit("page?" + link.removeprefix(links.START)).query
    assert parse_qs(query) == {
        "m": [model],
        "a": ["gptq-4bit@overall"],
        "b": ["wanda-2of4@overall"],
        "v": ["forgotten"],
    }
    assert not set(link) & set("<>\"' ")
