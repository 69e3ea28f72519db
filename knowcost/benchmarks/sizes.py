"""Size classes: small, medium and large rows, by the words (what stands between white space) of one of their texts.

Words are counted and not tokens, so that a story is of the same class whatever model is asked. A class is what lies
between two bounds, so no text is in two; of LLM-KICK's 90 stories 18 are. Light at import: Snakemake parses this.
"""

from collections.abc import Sequence

from knowcost.common.errors import InputError
from knowcost.common.records import Record

CLASSES = ("small", "medium", "large")
TERCILES = "terciles"

Bounds = tuple[int, int]  # the words from which on a text is medium, and large


def given(cell: str) -> Bounds | None:
    """The bounds that a cell `size_bounds` of the benchmark table names; None for TERCILES. Raises InputError."""
    if cell == TERCILES:
        return None
    medium, large = map(int, cell.split(","))
    if medium >= large:
        raise InputError(
            f"size_bounds: {cell!r}; expected the words from which on a text is medium, and more words from which on "
            "it is large, such as 300,700"
        )
    return medium, large


def terciles(texts: Sequence[str]) -> Bounds:
    """The bounds between which lie a third of the texts each, as far as texts of as many words allow it."""
    counts = sorted(map(words, texts))
    return counts[len(counts) // 3], counts[2 * len(counts) // 3]


def classify(rows: Sequence[Record], column: str, bounds: Bounds) -> None:
    """Make the size class of the text in a column the relation of every row, in place."""
    for row in rows:
        row["relation"] = CLASSES[sum(words(row[column]) >= bound for bound in bounds)]


def words(text: str) -> int:
    """How many words a text has."""
    return len(text.split())
