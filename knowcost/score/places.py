"""Which facts of a benchmark, by their place in its order, rows and counts of a cell speak of.

With them a cell that was asked the first so many facts says what one of fewer would, and two cells of neighbouring
facts are one (score/kept.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from knowcost.benchmarks import sample

if TYPE_CHECKING:
    import pyarrow as pa

ALL = slice(None)

Places = dict[str, Any]  # {"rows": of each row, "dropped": {reason: places}, and of COUNTS what there is: places}

COUNTS = ("truncated", "not_finite", "own_contexts")  # of a cell's metadata, beside `dropped`


def rows_in(table: "pa.Table", part: slice) -> list[tuple[int, dict[str, Any]]]:
    """(place, row) of a part of a benchmark's facts."""
    numbers = range(len(table))[part]
    return list(zip(numbers, table.slice(numbers.start, len(numbers)).to_pylist(), strict=True))


def windows_in(count: int, part: slice) -> list[tuple[int, int]]:
    """(place, number in the text) of a part of a running text's windows, in the order in which they are drawn."""
    return list(enumerate(sample.windows(count)))[part]


def metadata(places: Mapping[str, Any]) -> dict[str, Any]:
    """What a cell's metadata says of its places: how many rows were asked and facts dropped, by reason, the COUNTS, and
    the places themselves, but for those that its rows have."""
    found = {name: len(places[name]) for name in COUNTS if name in places}
    dropped = {reason: list(facts) for reason, facts in sorted(places["dropped"].items()) if facts}
    asked = {"asked": len(places["rows"]), "dropped": {reason: len(facts) for reason, facts in dropped.items()}}
    kept = {name: list(places[name]) for name in found}
    return asked | found | {"places": kept | {"dropped": dropped}}


def placed(facts: Iterable[tuple[int, str | None]]) -> dict[str, list[int]]:
    """{reason: places of the facts that were dropped for it} of (place, reason or None)."""
    found: dict[str, list[int]] = {}
    for place, reason in facts:
        if reason:
            found.setdefault(reason, []).append(place)
    return found


def before(places: Mapping[str, Any], stop: int) -> Places:
    """Those before a place."""

    def first(each: Sequence[int]) -> list[int]:
        return [place for place in each if place < stop]

    dropped = {reason: first(each) for reason, each in places["dropped"].items()}
    return {name: first(each) for name, each in places.items() if name != "dropped"} | {"dropped": dropped}


def joined(first: Mapping[str, Any], more: Mapping[str, Any]) -> Places:
    """Those of two cells of the same model and benchmark."""
    reasons = dict.fromkeys([*first["dropped"], *more["dropped"]])
    dropped = {reason: [*first["dropped"].get(reason, []), *more["dropped"].get(reason, [])] for reason in reasons}
    names = [name for name in ("rows", *COUNTS) if name in first or name in more]
    return {name: [*first.get(name, []), *more.get(name, [])] for name in names} | {"dropped": dropped}
