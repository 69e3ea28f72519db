"""Which answers a fact is given to choose from where its relation has more than it can be asked among."""

import hashlib
from collections.abc import Iterable


def draw(fact: str, answer: str, objects: Iterable[str], count: int) -> list[str]:
    """The answer and others, `count` in all at most, drawn by a hash of fact and object: the same file, same choice."""
    others = sorted(set(objects) - {answer}, key=lambda word: hashlib.sha256(f"{fact} {word}".encode()).digest())
    return sorted([answer, *others[: count - 1]])
