"""Patterns of layer names as people write them in architectures.yaml, made out of names."""

import re
from collections.abc import Iterable

Parts = tuple[tuple[str, ...], ...]  # a name's dotted parts, each with its alternatives


def compact(names: Iterable[str]) -> list[str]:
    """Few patterns that match these and nothing else: what differs in one dotted part becomes {a,b}.

    names: may have such parts already.
    """
    patterns: list[Parts] = [tuple(tuple(part.strip("{}").split(",")) for part in name.split(".")) for name in names]
    for from_end in range(max((len(parts) for parts in patterns), default=0)):
        patterns = _merged(patterns, from_end)
    return [".".join(each[0] if len(each) == 1 else f"{{{','.join(each)}}}" for each in parts) for parts in patterns]


def _merged(patterns: list[Parts], from_end: int) -> list[Parts]:
    groups: dict[tuple[Parts, Parts], list[str]] = {}
    for parts in patterns:
        at = len(parts) - 1 - from_end
        key, own = ((parts[:at], parts[at + 1 :]), parts[at]) if at >= 0 else ((parts, ()), ())
        groups.setdefault(key, []).extend(own)
    return [(*before, tuple(own), *after) if own else before for (before, after), own in groups.items()]


def either(name: str, other: str) -> str:
    """The pattern of two names of one layer, which may differ in parts, and one of which may have more in front."""
    one, two = name.split("."), other.split(".")
    length = min(len(one), len(two))
    pairs = zip(one[-length:], two[-length:], strict=True)
    return ".".join(a if a == b else f"{{{a},{b}}}" for a, b in pairs)


def numbered(name: str) -> str:
    """A name with a number where its kind has #."""
    return name.replace("#", "0")


def unnumbered(name: str) -> str:
    """A name with # for the numbers of layers, as all of its kind have it."""
    return re.sub(r"(?<=\.)\d+(?=\.|$)", "#", name)
