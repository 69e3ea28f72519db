"""The facts of the explorer as the page holds them: in itself, up to a limit, and the rest as scripts beside it.

Browsers let a page that was opened from disk load scripts that lie beside it, and nothing else.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FOLDER = "report.facts"  # beside the page
LIMIT = 15_000_000  # bytes of base64 that the page itself holds


@dataclass(frozen=True)
class Explored:
    """index: JSON, fit for a script element; parts: {place: base64} of those in the page; beside: {name below the
    page's folder: script} of the others."""

    index: str
    parts: dict[int, str]
    beside: dict[str, str]

    @property
    def megabytes_beside(self) -> float:
        """In millions of bytes, what lies beside the page."""
        return sum(map(len, self.beside.values())) / 1e6


def explored(index: Mapping[str, Any], parts: Sequence[bytes], limit: int = LIMIT) -> Explored:
    """Place parts in the page or beside it. index: without `parts`, which it gets here; limit: bytes of base64.

    Texts of benchmarks come into the page before what models said of them, and of each kind the small before the large,
    as long as there is room.
    """
    coded = [base64.b64encode(part).decode() for part in parts]
    texts = {each["part"] for each in index["benchmarks"]}
    inside: dict[int, str] = {}
    room = limit
    for place in sorted(range(len(coded)), key=lambda place: (place not in texts, len(coded[place]), place)):
        if len(coded[place]) <= room:
            inside[place] = coded[place]
            room -= len(coded[place])
    scripts = {place: f'knowcost.part({place}, "{text}");\n' for place, text in enumerate(coded) if place not in inside}
    names = {place: f"{FOLDER}/{place}-{_digest(script)}.js" for place, script in scripts.items()}
    listed = [{"script": names.get(place), "size": len(text)} for place, text in enumerate(coded)]
    return Explored(
        index=escaped({**index, "parts": listed}),
        parts=dict(sorted(inside.items())),
        beside={names[place]: script for place, script in scripts.items()},
    )


def escaped(value: Any) -> str:
    """A value as JSON that ends no script element and begins no comment, whatever its texts hold; ASCII alone."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()[:12]
