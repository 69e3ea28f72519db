"""The facts of the explorer as the page holds them: in itself, up to a limit, and the rest as scripts beside it.

Browsers let a page that was opened from disk load scripts that lie beside it, and nothing else. The folder of these
scripts is always there, since Snakemake wants what a rule names: without one, it holds nothing but its seal and what it
was made from.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowcost.aggregate import tables
from knowcost.aggregate.explore import stored
from knowcost.common import paths, seal
from knowcost.common.display import some
from knowcost.common.errors import InputError
from knowcost.common.files import atomic

FOLDER = Path(paths.REPORT_FACTS).name
LIMIT = 15_000_000  # bytes of base64 that the page itself holds


@dataclass(frozen=True)
class Explored:
    """index: JSON, fit for a script element; parts: {place: base64} of those in the page; beside: {name below the
    page's folder: script} of the others; left_out: what is not among the facts, in words."""

    index: str
    parts: dict[int, str]
    beside: dict[str, str]
    left_out: str
    folder: str = FOLDER

    @property
    def has_facts(self) -> bool:
        """Whether there is anything to look up."""
        return bool(self.parts or self.beside)

    @property
    def megabytes_beside(self) -> float:
        """In millions of bytes, what lies beside the page."""
        return sum(map(len, self.beside.values())) / 1e6


def read(folder: str | Path, tables_dir: str | Path) -> Explored:
    """What a folder of aggregate/explore has, placed. Raises InputError where it is damaged, or was made beside other
    tables."""
    index, parts = stored.read(folder)
    if tables.made_from(folder) != {str(tables_dir): seal.check_folder(tables_dir)}:
        raise InputError(f"{folder}: was made beside other tables than {tables_dir}; delete {folder} and run again")
    return explored(index, parts, LIMIT)


def write_beside(facts: Explored, page: str | Path, made_from: str | Path) -> None:
    """Make the folder beside a page afresh, and seal it. made_from: the folder that the facts were read from."""
    folder = Path(page).with_name(FOLDER)
    folder.mkdir(exist_ok=True)
    tables.clear(folder)
    for name, script in facts.beside.items():
        with atomic(folder.parent / name) as temporary:
            temporary.write_text(script, encoding="ascii")
    tables.finish(folder, {str(page): seal.check(page), str(made_from): seal.check_folder(made_from)})


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
        left_out=some(index["left_out"]),
    )


def escaped(value: Any) -> str:
    """A value as JSON that ends no script element and begins no comment, whatever its texts hold; ASCII alone."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()[:12]
