"""The values that Namburi et al. 2023 printed, to be held against a run's own.

Source: "Investigating the Impact of Compression on Parametric Knowledge in Language Models" (NeurIPS 2023 workshop text
of "The Cost of Compression"), Tables 1-5 in its section 10. The files are resources/published/*.csv; the README there
names each file's table and the slips in it.
"""

import csv
import functools
from pathlib import Path

from knowcost.common.errors import InputError
from knowcost.spec import variants

FOLDER = Path(__file__).resolve().parents[3] / "resources" / "published"
SCORES = ("table3", "table4", "table5")  # encoders, decoders, encoder-decoders
TABLES = ("table1", "table2", *SCORES, "majority")

_EXPONENT = {"percent": "e-2", "share": ""}  # applied to the printed digits, so that 30.27 percent is the float 0.3027


def table(name: str) -> list[dict[str, str]]:
    """The rows of a published table as dicts of strings, exactly as printed and in the paper's order.

    table1: benchmark, printed_name, type, examples. table2: model, printed_name and millions of parameters: overall,
    attention, feed_forward, final, total. table3, table4, table5: model, printed_name, benchmark, variant (slug),
    value, unit (percent or share). majority: benchmark, value, unit (the captions of Tables 4 and 5).
    Raises InputError for another name.
    """
    if name not in TABLES:
        raise InputError(f"no published table {name!r}; there are: {', '.join(TABLES)}")
    with open(FOLDER / f"{name}.csv", newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def value(model: str, variant: str, benchmark: str) -> float | None:
    """The printed accuracy (top-1 in Table 3) as a share in [0, 1], or None where none was printed.

    model: a name of config/presets/paper.models.tsv; variant: a slug. Raises InputError for a malformed slug.
    """
    return _values().get((model, variants.parse(variant).slug, benchmark))


@functools.cache
def _values() -> dict[tuple[str, str, str], float]:
    return {
        (row["model"], row["variant"], row["benchmark"]): float(row["value"] + _EXPONENT[row["unit"]])
        for name in SCORES
        for row in table(name)
    }
