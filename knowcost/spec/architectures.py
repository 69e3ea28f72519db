"""What the project knows of each architecture: the rows of architectures.yaml, which says what every key means."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowcost.common.errors import InputError
from knowcost.common.files import parse_yaml

TABLE = Path(__file__).with_name("architectures.yaml")


@dataclass(frozen=True)
class Architecture:
    """A block of the table. A key that is misspelt there raises TypeError when the table is read."""

    family: str
    blocks: list[str]
    embedding: str
    final: str
    layers: Mapping[str, list[str] | Mapping[str, list[str]]]
    other: list[str] = field(default_factory=list)
    transposed: list[str] = field(default_factory=list)
    stacked: list[str] = field(default_factory=list)
    final_bias: str | None = None
    keeps_tie_key: bool = False
    padding_positions: bool = False
    fresh_head: Mapping[str, Any] | None = None
    published_space: bool = False
    own_attention: bool = False

    @property
    def heads(self) -> list[str]:
        """The names that `final` allows for the final layer; a copy that is written gets the first."""
        before, _, rest = self.final.partition("{")
        inside, _, after = rest.partition("}")
        return [before + each + after for each in inside.split(",")]


@functools.cache
def architectures() -> dict[str, Architecture]:
    """The table: {config.json's model_type: Architecture}."""
    return read(TABLE.read_text(encoding="utf-8"))


def read(text: str) -> dict[str, Architecture]:
    """The contents of such a table. Raises InputError where `like` names no block above its own."""
    blocks: dict[str, dict[str, Any]] = {}
    for name, block in parse_yaml(text).items():
        model = block.pop("like", None)
        if model is not None and model not in blocks:
            raise InputError(
                f"knowcost/spec/{TABLE.name}, {name!r}: `like: {model}` is no block above it, where `like` looks; "
                f"above it are: {', '.join(blocks) or 'none'}"
            )
        blocks[name] = blocks.get(model, {}) | block
    return {name: Architecture(**block) for name, block in blocks.items()}


def architecture(model_type: str | None) -> Architecture:
    """The table's block for config.json's `model_type`. Raises InputError when there is none."""
    try:
        return architectures()[model_type or ""]
    except KeyError:
        raise InputError(unknown(model_type)) from None


def unknown(model_type: str | None, folder: str | Path = "FOLDER") -> str:
    """What to do about an architecture without a block; folder: of its config.json."""
    return (
        f"architecture {model_type!r} is not known; `knowcost propose {folder}` prints the block that it takes, to be "
        f"looked at and put at the end of {TABLE}"
    )


def family_of(model_type: str | None) -> str:
    """encoder, encoder_decoder or decoder. Raises InputError for an unknown architecture."""
    return architecture(model_type).family


def positions(config: Any) -> int | None:
    """How many tokens a text may have by its architecture's table of positions; None where config names none.

    config: transformers'.
    """
    mpt = getattr(config, "max_seq_len", None)
    rows = getattr(config, "max_position_embeddings", mpt)
    if rows is not None and architecture(config.model_type).padding_positions:
        rows -= config.pad_token_id + 1
    return rows


def fresh_head_deviation(config: Mapping[str, Any]) -> float:
    """Standard deviation of a freshly drawn final layer; config: the contents of a config.json."""
    fresh = architecture(config["model_type"]).fresh_head
    if fresh is None:
        raise InputError(f"architecture {config['model_type']!r} has no `fresh_head` in knowcost/spec/{TABLE.name}")
    return config.get(fresh["key"], fresh["default"])


def families_with_fresh_head() -> tuple[str, ...]:
    """The families whose final layer the published code loses, in the table's order."""
    return tuple(dict.fromkeys(block.family for block in architectures().values() if block.fresh_head))
