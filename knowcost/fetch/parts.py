"""Checkpoints that are more, or other, than a model of text: what their config.json says, read without torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowcost.common.errors import InputError


def check_text_alone(path: Path, config: Mapping[str, Any]) -> None:
    """Raise InputError for a model of text and images or sound; config: the contents of the config.json at `path`."""
    text = config.get("text_config")
    others = [key for key, value in config.items() if key.endswith(("vision_config", "audio_config")) and value]
    if not isinstance(text, Mapping) or not others:
        return
    raise InputError(
        f"{path}: {config.get('model_type')!r} is a model of text and more ({', '.join(others)}), and knowledge is "
        f"asked of its text part ({text.get('model_type', 'text_config')}). Save that as a model of its own, with the "
        'lines of config/README.md, "The text part of a larger model", and name its folder as the source'
    )
