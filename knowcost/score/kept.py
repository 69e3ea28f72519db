"""Kept answers: what was asked once is not asked again.

    scores/.kept/<benchmark>.<key>.<through>.parquet

key: the beginning of the digest of all that answers depend on but how many facts were asked (cells.cell_key); through:
how many, the first in the benchmark's order, or `all`. Several lie under one benchmark: those of another `limit` where
answers depend on what is asked together, and those of options or weights that were given up and may come back.

A cell of fewer facts is the beginning of a kept one; of one of more, only the facts that are new are asked, in batches
of their own, and the two are put together. Snakemake knows nothing of this folder: it deletes what a failed job has
written, and a cell that went on to other facts.
"""

import glob
import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost.common import files, paths, seal
from knowcost.score import cells
from knowcost.score.places import before, joined, metadata
from knowcost.spec.variants import Variant
from knowcost.spec.variants import parse as parse_variant

if TYPE_CHECKING:
    import pyarrow as pa

DIGITS = 16  # of a key in a file's name; the file itself has all
ALL = "all"
_IN_PARTS = "; in parts, up to "

log = logging.getLogger(__name__)

_NAME = re.compile(rf"(?P<benchmark>.+)\.(?P<key>[0-9a-f]{{{DIGITS}}})\.(?P<through>{ALL}|[1-9][0-9]*)\.parquet")


@dataclass(frozen=True)
class Kept:
    """What the name of a kept file says. key: its first DIGITS; through: None for all facts."""

    benchmark: str
    key: str
    through: int | None

    @property
    def name(self) -> str:
        return f"{self.benchmark}.{self.key}.{self.through or ALL}.parquet"

    @property
    def facts(self) -> float:
        """How many were asked, or tried."""
        return self.through or inf

    def covers(self, limit: int | None) -> bool:
        """Whether it holds a cell of so many facts (None: all)."""
        return self.facts >= (limit or inf)

    def path(self, model: str, variant: str) -> Path:
        return Path(paths.kept_dir(model, variant), self.name)


def of_key(benchmark: str, key: str, through: int | None) -> Kept:
    """What a file of a whole key is called."""
    return Kept(benchmark, key[:DIGITS], through)


def parse(name: str) -> Kept | None:
    """What a file's name says, None where it is no kept file's."""
    found = _NAME.fullmatch(name)
    if not found:
        return None
    through = found["through"]
    return Kept(found["benchmark"], found["key"], None if through == ALL else int(through))


def listed(model: str, variant: str) -> list[Kept]:
    """All that is kept of a variant's cells."""
    try:
        names = sorted(os.listdir(paths.kept_dir(model, variant)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [kept for kept in map(parse, names) if kept]


def widest(found: Iterable[Kept], benchmark: str, key: str) -> list[Kept]:
    """Those of a cell's key, that of most facts first."""
    mine = [kept for kept in found if kept == of_key(benchmark, key, kept.through)]
    return sorted(mine, key=lambda kept: -kept.facts)


def keep(cell: tuple[str, str, str], rows: "pa.Table", about: Mapping[str, Any]) -> Kept:
    """Write what was asked of a cell (model, variant, benchmark) and remove what of the same key holds fewer facts."""
    model, variant, benchmark = cell
    made = of_key(benchmark, about["key"], about["limit"])
    cells.write(made.path(model, variant), rows, about)
    for other in widest(listed(model, variant), benchmark, about["key"]):
        if other.facts < made.facts:
            for path in (other.path(model, variant), seal.beside(other.path(model, variant))):
                path.unlink(missing_ok=True)
    return made


def whole(cell: tuple[str, str, str], key: str) -> Kept | None:
    """What is kept of a cell to the most facts, undamaged and of this key."""
    model, variant, benchmark = cell
    found = widest(listed(model, variant), benchmark, key)
    return next((each for each in found if cells.is_valid(each.path(model, variant), key)), None)


def take_over(cell: tuple[str, str, str], key: str, more_than: float) -> Kept | None:
    """Keep what the same variant of another model was asked under the same key, of more facts than these: the model was
    renamed, or is a second row of its checkpoint (so may be a version that was compressed elsewhere, whose name is its
    variant's). None where there is no such thing."""
    model, variant, benchmark = cell
    slugs = Variant(brought="*").slug if parse_variant(variant).brought else glob.escape(variant)
    best: tuple[tuple[str, str], Kept] | None = None
    for folder in sorted(Path().glob(paths.kept_dir("*", slugs))):
        other = paths.archive_at(folder.parent)
        found = whole((*other, benchmark), key) if other != (model, variant) else None
        if found and found.facts > more_than:
            best, more_than = (other, found), found.facts
    if best is None:
        return None
    other, found = best
    rows, about = cells.read(found.path(*other))
    log.info("%s %s %s: taken over from %s %s, whose weights are the same", *cell, *other)
    return keep(cell, rows, about | {"model": model, "variant": variant})


def hand_over(cell: tuple[str, str, str], kept: Kept, limit: int | None) -> None:
    """Put a cell of so many facts where Snakemake looks for it, as of now: a link to what is kept, or its beginning.

    Raises InputError where what is kept is damaged, and where none of these facts could be asked."""
    model, variant, _ = cell
    source, target = kept.path(model, variant), paths.scores(*cell)
    rows, about = cells.read(source)
    if limit is None or about["limit"] == limit or (about["limit"] is None and limit >= about["available"]):
        _link(source, target)
    else:
        cells.write(target, *beginning(rows, about, limit))


def _link(source: str | Path, target: str | Path) -> None:
    """Link a file to another place, as of now, and seal it there; copy it where links cannot be."""
    Path(target).unlink(missing_ok=True)
    seal.pass_on(source, target)
    try:
        os.link(source, target)
        os.utime(target)
    except OSError:
        files.copy(source, target)


def beginning(rows: "pa.Table", about: Mapping[str, Any], limit: int) -> tuple["pa.Table", dict[str, Any]]:
    """(rows, metadata) of the first so many facts of a cell that was asked more."""
    import pyarrow.compute as pc

    first = rows.filter(pc.less(rows["place"], limit))
    places = before({**about["places"], "rows": first["place"].to_pylist()}, limit)
    plan = f"{about['batch_plan']}; the first {limit} of {about['limit'] or ALL}"
    return first, {**about, **metadata(places), "limit": limit, "batch_plan": plan}


def together(
    first: tuple["pa.Table", Mapping[str, Any]], more: tuple["pa.Table", Mapping[str, Any]]
) -> tuple["pa.Table", dict[str, Any]]:
    """(rows, metadata) of a cell of neighbouring facts that were asked one after the other.

    Its `parts` say how far each asking went, and so does its batch plan.
    """
    import pyarrow as pa

    (rows, about), (new, said) = first, more
    every = pa.concat_tables([rows, new])
    places = joined({**about["places"], "rows": []}, {**said["places"], "rows": every["place"].to_pylist()})
    parts = [*about.get("parts", [about["limit"]]), said["limit"]]
    earlier, now = about["batch_plan"].partition(_IN_PARTS)[0], said["batch_plan"]
    plan = now if earlier == now else f"{earlier}, then {now}"
    plan += f"{_IN_PARTS}{', '.join(str(part or ALL) for part in parts)}"
    return every, {**about, **said, **metadata(places), "parts": parts, "batch_plan": plan}
