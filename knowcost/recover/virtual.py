"""What virtual tokens in front of a decoder ask of it, by its config.json. Imports no torch: the plan reads it."""

from collections.abc import Mapping
from typing import Any

from knowcost.common.errors import InputError

# Scalings of rotary positions by how long a text is: keys that were computed once would not be those of a longer one.
_BY_LENGTH = ("dynamic", "longrope")


def check_rotary(method: str, config: Mapping[str, Any]) -> None:
    """Raise InputError for a model in whose cache the virtual tokens of a method (its name) cannot be kept. config:
    what its config.json holds."""
    scaling = next((each for each in _scalings(config) if each in _BY_LENGTH), None)
    if scaling:
        raise InputError(
            f"{method}: rotary positions of kind {scaling!r} depend on how long a text is, so the keys of virtual "
            "tokens cannot be computed once and kept; leave this recovery out for this model, or take lora"
        )


def _scalings(config: Mapping[str, Any]) -> list[Any]:
    """The kinds of scaling that a config.json names, of old and new transformers, for all layers or by their type."""
    given = [config.get("rope_scaling"), config.get("rope_parameters")]
    sections = [each for each in given if isinstance(each, Mapping)]
    sections += [inner for each in sections for inner in each.values() if isinstance(inner, Mapping)]
    return [section.get(key) for section in sections for key in ("rope_type", "type")]
