"""The values that Hoang et al. 2024 printed, to be held against a run's own: Tables 1 to 3.

The file is printed.csv beside this one, digits as printed, in the paper's order; docs/recovery.md names the slips in
it. `model` is a name of config/presets/recovery.models.tsv, `recovery` a recovery as slugs have it (empty: none, or
for Table 3's concatenated prompts none of ours), `type` and `param` are what the paper writes. Table 1 is GPTQ with 3
bits, Table 2 SparseGPT at 50%; Table 3 is of Table 1's models with two prompts, of which the text says 26 and 100
tokens where Table 1's are 50 and 100. The text at hand has no page numbers: Tables 1 and 2 stand in its section 4.1
and belong to 3.2.2, Table 3 stands in 4.2.
"""

import csv
import functools
from collections.abc import Mapping
from pathlib import Path

from knowcost.spec.variants import parse

FILE = Path(__file__).with_name("printed.csv")
COMPRESSED = {1: "gptq-3bit@overall", 2: "sparsegpt-50@overall", 3: "gptq-3bit@overall"}  # of each table
TASKS = {  # a table's columns, and the benchmark of config/presets/recovery.benchmarks.tsv
    "arcE": "arc-easy", "arcC": "arc-challenge", "sciq": "sciq", "webqs": "webquestions", "triviaqa": "triviaqa",
    "piqa": "piqa", "hellaswag": "hellaswag", "lambada": "lambada", "winogrande": "winogrande",
}  # fmt: skip
MEANS = {  # the columns of means, and the tasks that each is of, in the paper's words
    "World": ("arcE", "arcC", "sciq", "webqs", "triviaqa"),
    "Common": ("piqa",),
    "Language": ("hellaswag", "lambada", "winogrande"),
    "Average": tuple(TASKS),
}

Row = Mapping[str, str]


@functools.cache
def rows() -> list[dict[str, str]]:
    """Every row of Tables 1 to 3 as a dict of strings, as printed."""
    with open(FILE, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def slug(row: Row) -> str:
    """The variant of a row. Table 3's concatenated prompts are none: ask its type."""
    recovery = f"^{row['recovery']}" if row["recovery"] else ""
    return COMPRESSED[int(row["table"])] + recovery


@functools.cache
def _found() -> dict[tuple[str, str], dict[str, str]]:
    """Tables 1 and 2, and what Table 3 alone has: its single prompts repeat rows of Table 1, one under another name."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows():
        if row["type"] != "Concat":
            found.setdefault((row["model"], slug(row)), row)
    return found


def of(model: str, variant: str) -> Row | None:
    """What the paper printed of a variant, None where it did not."""
    return _found().get((model, variant))


def gain(model: str, variant: str, column: str) -> float | None:
    """The points that a recovered variant has beyond the compressed one in a column, as printed; None where either was
    not printed."""
    row, before = of(model, variant), of(model, parse(variant).unrecovered.slug)
    return float(row[column]) - float(before[column]) if row and before else None


def recomputed(row: Row) -> dict[str, float]:
    """The means of a row, from its own tasks."""
    return {name: sum(float(row[task]) for task in tasks) / len(tasks) for name, tasks in MEANS.items()}
