"""Whether the keys of virtual tokens can be kept, by a model's config.json."""

import pytest

from knowcost.common.errors import InputError
from knowcost.recover.registry import METHODS


@pytest.mark.parametrize("method", ["prompt", "prefix", "dynamic_prompt"])
@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "phi3", "rope_scaling": {"type": "longrope"}},
        {"model_type": "llama", "rope_parameters": {"rope_type": "dynamic"}},
        {"model_type": "gemma3_text", "rope_parameters": {"full_attention": {"rope_type": "dynamic"}}},
    ],
)
def test_rotary_positions_that_depend_on_a_texts_length(config, method):
    with pytest.raises(InputError, match=rf"{method}: rotary positions of kind .* leave this recovery out .*take lora"):
        METHODS[method].check_config(config)
    METHODS[method].check_config(config | {"rope_scaling": None, "rope_parameters": {"rope_type": "yarn"}})
