"""Words that several captions share."""

import re
from collections.abc import Iterable

import pandas as pd

from knowcost.compress.registry import methods_of
from knowcost.judge import world_server

MEASURES = {  # of texts, as figures and tables call them
    "unique_tokens": "unique tokens per answer", "unique_same_length": "unique tokens at equal length",
    "distinct_1": "distinct tokens", "distinct_2": "distinct pairs of tokens", "repeated": "repeated",
    "loops": "answers in loops", "tokens": "tokens per answer", "empty": "empty answers",
    "unfinished": "unfinished answers", "rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L",
    "kept": "kept of the dense model's", "same": "same as the dense model's",
}  # fmt: skip
PERCENT = set(MEASURES) - {"unique_tokens", "unique_same_length", "tokens"}  # of these, which are in percent
WORLDS_JUDGE = "a small local server that compares statements with the world's facts, no language model"
RARE_FIRST = "Are the rare forgotten first?"  # what the page's tables of the table forgotten_first are called


def everything(methods: Iterable[str]) -> str:
    """What the scope "everything" takes in, a sentence; methods: Variant.methods whose figures speak of it."""
    of_methods = [methods_of(method) for method in methods]
    steps = {step.label: step.takes_head for each in of_methods for step in each}
    taking = [name for name, takes in steps.items() if takes]
    start = "Everything means every linear layer"
    if not taking:
        return f"{start} but the final one. "
    if len(taking) == len(steps):
        return f"{start}, the final one too. "
    return f"{start} but the final one, which {' and '.join(taking)} take{'s' * (len(taking) == 1)} in too. "


def interval(value: float, low: float, high: float, unit: str = "points") -> str:
    """ "1.5 points (0.7 to 2.4)"; without brackets where there is no interval."""
    words = f"{value:z.1f} {unit}".strip()
    return words if pd.isna(low) or pd.isna(high) else f"{words} ({low:z.1f} to {high:z.1f})"


def of_first_judge(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the study's own judge, which stand first; a second one is there to check it."""
    return rows[rows["judge"] == rows["judge"].iloc[0]] if len(rows) else rows


def judge_named(judge: str) -> str:
    """A judge's name; of the embedded world's, what it is as well."""
    return f"{judge} ({WORLDS_JUDGE})" if judge == world_server.MODEL else judge


def file_name(words: str) -> str:
    """Words as a part of a file's name, which links of the page can name too."""
    return re.sub(r"[^\w.-]", "_", words)
