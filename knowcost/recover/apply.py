"""A recovered variant as a model that is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost.recover import registry
from knowcost.spec.variants import parse

if TYPE_CHECKING:
    import transformers


def apply(manifest: Mapping[str, Any], model: transformers.PreTrainedModel, folder: Path) -> int:
    """Make a loaded compressed model answer as a variant that was recovered from it. folder: of that one's archive.

    Returns how many of the model's positions this takes from what is asked; nothing happens to other variants.
    """
    recovery = parse(manifest["variant"]).recovery
    if recovery is None:
        return 0
    method = registry.method_of(recovery)
    method.apply(recovery, model, folder)
    return method.positions(recovery, manifest["family"])
