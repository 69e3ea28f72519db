"""What a variant forgot or gained, as `knowcost facts` prints it: every question beside both models' answers."""

import shutil
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from knowcost.aggregate import fact_by_fact
from knowcost.aggregate.fact_by_fact import VERDICTS
from knowcost.common.display import cell, visible
from knowcost.report.table import whole

WIDTH = 100  # where no terminal says how wide it is
INDENT = "    "


@dataclass(frozen=True)
class Asked:
    """Which facts are wanted: of a model's variant, of one benchmark or of all, and of one of VERDICTS or of all."""

    model: str
    variant: str
    benchmark: str | None = None
    verdict: str | None = None


def main(asked: Asked, csv: bool = False) -> None:
    """Print the facts, and how many there are of each verdict; csv: all columns of fact_by_fact.COLUMNS instead."""
    found = fact_by_fact.facts(asked.model, asked.variant, asked.benchmark)
    wanted = found[found["verdict"] == asked.verdict] if asked.verdict else found
    if csv:
        made = wanted.copy()
        for name in made.columns[[not is_numeric_dtype(kind) for kind in made.dtypes]]:
            made[name] = made[name].map(cell, na_action="ignore")
        print(made.to_csv(index=False, lineterminator="\n"), end="")
        return
    for line in listed(wanted, asked.variant, shutil.get_terminal_size((WIDTH, 0)).columns):
        print(line)
    for line in counted(found):
        print(line)
    if asked.benchmark is None:
        for name, reason in fact_by_fact.benchmarks(asked.model, asked.variant).items():
            if reason:
                print(visible(f"Left out: {name} ({reason})"))


def listed(found: pd.DataFrame, variant: str, width: int) -> list[str]:
    """Of every fact a line with the question, and below it what is right, what the dense model said, and what the
    variant said; nothing is wider than `width` characters."""
    lines = []
    for row in found.to_dict("records"):
        said = {"right": row["answer"], "dense": row["dense_prediction"], variant: row["prediction"]}
        lines.append(_short(f"{row['benchmark']} {row['id']}, {row['verdict']}: {row['question']}", width))
        lines += [_short(f"{INDENT}{name}: {_words(text)}", width) for name, text in said.items()]
    return lines


def counted(found: pd.DataFrame) -> list[str]:
    """How many facts there are of each verdict, by benchmark and in all."""
    parts = list(found.groupby("benchmark", sort=False))
    parts += [("all", found)] if len(parts) > 1 else []
    lines = []
    for name, rows in parts:
        counts = rows["verdict"].value_counts()
        told = ", ".join(f"{whole(int(counts.get(verdict, 0)))} {verdict}" for verdict in VERDICTS)
        lines.append(visible(f"{name}: {whole(len(rows))} facts: {told}"))
    return lines


def _words(text: Any) -> str:
    if pd.isna(text):
        return "(something else)"
    return text or "(nothing)"


def _short(text: str, width: int) -> str:
    """A text as one line of at most `width` characters; its indent stays."""
    indent = text[: len(text) - len(text.lstrip())]
    line = indent + visible(" ".join(text.split()))
    return line if len(line) <= width else f"{line[: width - 3]}..."
