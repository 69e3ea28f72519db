"""What the slug grammar says of a step is what its method does."""

import pytest

from knowcost.compress.registry import METHODS, methods_of, name_of
from knowcost.spec.variants import LOST, Step

LEVELS = {"percent": 40, "pattern": "2of4", "bits": "4bit", "actorder": "4bit-actorder"}


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_a_step_is_of_the_kind_of_its_method(method):
    kind = LOST if method.name == LOST else "quantize" if method.quantizes else "prune"
    for level in [LEVELS[name] for name in method.levels] or [None]:
        assert Step(method.name, level, "paper", "overall").kind == kind


def test_methods_in_words():
    words = {"wanda": "Wanda", "wanda~c4-seed1": "Wanda (c4-seed1)", "magnitude+int8": "magnitude pruning, then int8"}
    words |= {
        "sparsegpt~b+gptq~b": "SparseGPT, then GPTQ (b)",
        "wanda~b+int8": "Wanda, then int8 (b)",
        "dense": "dense",
    }
    assert {method: name_of(method) for method in words} == words


def test_a_caption_says_of_each_method_what_that_one_does():
    words = [method.what for method in METHODS.values()]
    assert len(set(words)) == len(words) and all(what[0].isupper() and what[-1] != "." for what in words)
    assert METHODS["magnitude"].what == "Setting the smallest weights of a scope to zero"
    assert [method.name for method in methods_of("sparsegpt~b+gptq~b")] == ["sparsegpt", "gptq"]
