"""What the slug grammar says of a step is what its method does."""

import pytest

from knowcost.compress.registry import METHODS
from knowcost.spec.variants import LOST, Step

LEVELS = {"percent": 40, "pattern": "2of4", "bits": "4bit", "actorder": "4bit-actorder"}


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_a_step_is_of_the_kind_of_its_method(method):
    kind = LOST if method.name == LOST else "quantize" if method.quantizes else "prune"
    for level in [LEVELS[name] for name in method.levels] or [None]:
        assert Step(method.name, level, "paper", "overall").kind == kind
