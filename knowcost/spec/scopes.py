"""Which linear layers a (grouping, scope) takes: the only place in the project that matches layer names.

The table is architectures.yaml. Names may be those of tensors in a checkpoint (without ".weight") or of modules in a
built model: patterns match the end of a name, so prefixes such as "bert." or "model." do not matter.
"""

import functools
import re
from collections.abc import Collection, Iterable, Mapping

from knowcost.common.errors import InputError
from knowcost.spec.architectures import TABLE, Architecture, architecture, architectures
from knowcost.spec.patterns import unnumbered
from knowcost.spec.variants import ATTENTION_PARTS, GROUPINGS, SCOPES


def scopes_of(family: str) -> list[str]:
    """The scopes a family has, in the order of variants.SCOPES."""
    return [scope for scope in SCOPES if family == "encoder_decoder" or scope not in ATTENTION_PARTS]


def grouping_matters(family: str, scope: str) -> bool:
    """Whether some architecture of the family draws this scope differently under the groupings."""
    drawn = [
        (_scopes(tags, grouping), scope)
        for block in architectures().values()
        if block.family == family
        for tags in block.layers.values()
        if not isinstance(tags, list)
        for grouping in GROUPINGS
    ]
    return any(scope in scopes for scopes, scope in drawn)


@functools.cache
def _regex(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern).replace(r"\#", r"\d+")
    escaped = re.sub(r"\\\{(.*?)\\\}", lambda m: "(?:" + m[1].replace(",", "|") + ")", escaped)
    return re.compile(rf"(?:^|.*\.){escaped}")


def matches(pattern: str, name: str) -> bool:
    """Whether a module name ends in a pattern (whole dotted parts only)."""
    return _regex(pattern).fullmatch(name) is not None


def _scopes(tags: list[str] | Mapping[str, list[str]], grouping: str) -> list[str]:
    return tags if isinstance(tags, list) else tags[grouping]


def layers(
    model_type: str | None, names: Iterable[str], grouping: str, scope: str, quantizing: bool = False
) -> list[str]:
    """The module names that a method acts on, in the order given.

    model_type: config.json's; names: module names; quantizing: `overall` then takes the final layer
    too, as the paper does (section 2.4). Raises InputError when nothing is left: that scope does not exist here.
    """
    block = architecture(model_type)
    if scope == "final":
        taken = [name for name in names if matches(block.final, name)]
    else:
        wanted = [p for p, tags in block.layers.items() if scope == "overall" or scope in _scopes(tags, grouping)]
        if scope == "overall" and quantizing:
            wanted.append(block.final)
        taken = [name for name in names if any(matches(pattern, name) for pattern in wanted)]
    if not taken:
        raise InputError(f"scope {scope!r} has no linear layer in architecture {model_type!r}")
    return taken


def blocks(model_type: str | None, names: Collection[str]) -> list[tuple[int, str]]:
    """[(stack, name)] of the modules that are applied one after another, in that order; stack: 0, 1 for a decoder's."""
    patterns = architecture(model_type).blocks
    return [(stack, name) for stack, pattern in enumerate(patterns) for name in names if matches(pattern, name)]


def in_block(model_type: str | None, name: str) -> bool:
    """Whether a tensor lies in one of the blocks that the architecture's stacks are made of."""
    return any(matches(pattern, owner) for pattern in architecture(model_type).blocks for owner in _owners(name))


def in_final(model_type: str | None, name: str) -> bool:
    """Whether a tensor is the final layer's: its weight, what lies in the place of that, or its bias."""
    return any(matches(architecture(model_type).final, owner) for owner in _owners(name))


def _owners(name: str) -> list[str]:
    """The modules that a tensor lies in, the outermost first."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def claims(block: Architecture, name: str, grouping: str = "canonical") -> list[object]:
    """What an architecture's block says of a name, each once: "final", "embedding", "other" or a tuple of scopes."""
    found: list[object] = [key for key in ("final", "embedding") if matches(getattr(block, key), name)]
    found += ["other"] * any(matches(pattern, name) for pattern in block.other)
    found += [tuple(_scopes(tags, grouping)) for pattern, tags in block.layers.items() if matches(pattern, name)]
    return list(dict.fromkeys(found))


def check_claimed(model_type: str | None, names: Iterable[str]) -> None:
    """Raise InputError unless every name (of a two-dimensional weight) is claimed by the architecture's block."""
    block = architectures().get(model_type or "")
    unclaimed = [name for name in names if block is None or not claims(block, name)]
    if unclaimed:
        raise InputError(
            f"architecture {model_type!r}: no scope claims these layers:\n  "
            + "\n  ".join(sorted(set(map(unnumbered, unclaimed))))
            + f"\nAdd them to knowcost/spec/{TABLE.name}, under `layers` or `other` of {model_type!r}."
        )
