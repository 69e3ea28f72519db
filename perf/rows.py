"""What a measurement says as rows of one table, which bench.py gathers from the scripts that it runs.

A script calls `say` with its rows. Nothing happens unless the environment's ROWS names a file: then each becomes a line
of JSON in it.
"""

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

ROWS = "KNOWCOST_ROWS"


@dataclass(frozen=True)
class Row:
    """what: was measured; ours, theirs, ratio, goal: as they are printed; reached: the goal, None where there is
    none."""

    what: str
    ours: str
    theirs: str
    ratio: str
    goal: str = ""
    reached: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in a table."""
        verdict = {True: "reached", False: "missed", None: ""}[self.reached]
        return self.what, self.ours, self.theirs, self.ratio, self.goal, verdict


HEAD = ("what", "ours", "theirs", "theirs / ours", "goal", "")


def beside(what: str, ours: float, theirs: float, unit: str, least: float | None = None) -> Row:
    """A row of two amounts, of which less is better. least: what theirs / ours has to be at least, if anything."""
    ratio = theirs / ours
    goal = "" if least is None else f"{least:g}x or more"
    reached = None if least is None else round(ratio, 2) >= least
    return Row(what, f"{ours:.3g} {unit}", f"{theirs:.3g} {unit}", f"{ratio:.2f}x", goal, reached)


def exponent(points: dict[float, float]) -> float:
    """How {amount: seconds} grow: the slope of a line through their logarithms; 1 is linear."""
    x, y = ([math.log(value) for value in each] for each in (points, points.values()))
    middle = sum(x) / len(x)
    return sum((a - middle) * b for a, b in zip(x, y, strict=True)) / sum((a - middle) ** 2 for a in x)


def say(*rows: Row) -> None:
    """Hand rows on."""
    if file := os.environ.get(ROWS):
        with Path(file).open("a", encoding="utf-8") as out:
            out.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


def read(file: Path) -> list[Row]:
    """The rows that scripts handed on."""
    return [Row(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def table(head: tuple[str, ...], lines: list[tuple[str, ...]], markdown: bool = False) -> str:
    """Columns of one width each, or a table of Markdown."""
    if markdown:
        rule = tuple("---" for _ in head)
        return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (head, *lines)
    )
