"""How the report says in words what an estimate bears; every word follows the column `decision` of its row."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from knowcost.aggregate.rule import COSTS, EQUAL, GAINS, SMALL, UNSURE
from knowcost.compress.wording import LAYERS
from knowcost.report.table import MINUS, number

MOST = 3  # losses that a clause tells one by one

Row = Mapping[Any, Any]  # of drops or drops_by_model


class Item(NamedTuple):
    """Something that was compressed, in words, and its row of the table of drops."""

    name: str
    row: Row


def points(value: float, low: float, high: float, unit: str = "", more: str = "") -> str:
    """ "8.3 points (6.1 to 10.5; more)" with unit " points", and without an interval nothing in brackets."""
    ends = "" if pd.isna(low) or pd.isna(high) else f" ({minus(low)} to {minus(high)}{more})"
    return f"{minus(value)}{unit}{ends}"


def minus(value: float) -> str:
    """A number with one decimal and a minus sign."""
    return number(value).replace("-", MINUS)


def listed(parts: Sequence[str], last: str = " and ") -> str:
    """ "a, b and c"."""
    return last.join([", ".join(parts[:-1])] * (len(parts) > 1) + list(parts[-1:]))


def losses(items: Iterable[Item]) -> str:
    """What each of several things costs, the largest loss first; empty where none has an estimate.

    "everything costs 8.3 points of accuracy (6.1 to 10.5), attention is practically equal to the uncompressed model in
    accuracy and what feed-forward layers cost is not measured precisely enough (about 900 facts would be)".
    """
    known = [item for item in items if pd.notna(item.row["drop_points"])]
    known.sort(key=lambda item: -item.row["drop_points"])
    by_word = {word: [item for item in known if item.row["decision"] == word] for word in (COSTS, SMALL, GAINS)}
    parts = _told(by_word[COSTS])
    parts += [_small(item) for item in by_word[SMALL]]
    parts += [f"{item.name} {_verb(item, 'gain')} {_size(item.row, -1)}" for item in by_word[GAINS][-MOST:]]
    parts += _equal([item.name for item in known if item.row["decision"] == EQUAL])
    parts += _unsure([item for item in known if item.row["decision"] == UNSURE])
    return listed(parts)


def _told(items: Sequence[Item]) -> list[str]:
    """Losses beyond the margin, the largest ones one by one; the first with its worst benchmark."""
    parts = []
    for place, item in enumerate(items[:MOST]):
        verb = "" if place else _verb(item, "cost") + " "
        size = _size(item.row, 1, "" if place else " points of accuracy", "" if place else _worst(item.row))
        parts.append(f"{item.name} {verb}{size}")
    rest = len(items) - MOST
    return parts + ([f"{rest} {'other' if rest == 1 else 'others'} less"] if rest > 0 else [])


def _small(item: Item) -> str:
    loses = item.row["drop_points"] >= 0
    verb = _verb(item, "cost" if loses else "gain")
    return f"{item.name} {verb} a small but real {_size(item.row, 1 if loses else -1)}"


def _size(row: Row, sign: int, unit: str = " points", more: str = "") -> str:
    low, high = sorted((sign * row["drop_low"], sign * row["drop_high"]))
    return points(sign * row["drop_points"], low, high, unit, more)


def _worst(row: Row) -> str:
    """The worst benchmark beside a mean over several."""
    if not row["knowing"] > 1 or not row["worst_points"] > row["drop_points"]:
        return ""
    return f"; {minus(row['worst_points'])} on {row['worst_benchmark']}"


def _equal(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    verb = "are" if _many(names) else "is"
    return [f"{listed(_few(names))} {verb} practically equal to the uncompressed model in accuracy"]


def _few(names: Sequence[str]) -> list[str]:
    """The first of many names, and how many more there are."""
    rest = len(names) - MOST
    return [*names[:MOST], f"{rest} more"] if rest > 1 else list(names)


def _unsure(items: Sequence[Item]) -> list[str]:
    if not items:
        return []
    names = _few([item.name + _ends(item.row) for item in items])
    verb = "cost" if len(names) > 1 or _many([items[0].name]) else "costs"
    return [f"what {listed(names)} {verb} is not measured precisely enough{enough([item.row for item in items])}"]


def _ends(row: Row) -> str:
    low, high = row["drop_low"], row["drop_high"]
    return "" if pd.isna(low) or pd.isna(high) else f" ({minus(low)} to {minus(high)} points)"


def enough(rows: Iterable[Row]) -> str:
    """ " (about 900 facts would be)": how many facts would decide; why none can be named where there is no interval."""
    wanted = [row["needed"] for row in rows]
    known = sorted({_rounded(count) for count in wanted if pd.notna(count)})
    if not known:
        return " (facts that all belong together bear no interval)"
    span = f"{known[0]:,}" if len(known) == 1 else f"{known[0]:,} to {known[-1]:,}"
    return f" (about {span} facts would be)"


def _rounded(count: float) -> int:
    """A count to two digits, upwards: it is an estimate."""
    step = 10 ** max(0, len(str(int(count))) - 2)
    return int(-(-count // step) * step)


def _verb(item: Item, verb: str) -> str:
    return verb if _many([item.name]) else verb + "s"


def _many(names: Sequence[str]) -> bool:
    return len(names) > 1 or names[0].startswith(LAYERS["feed_forward"])
