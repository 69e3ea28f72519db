"""MMLU (Hendrycks et al. 2021): 57 subjects, four answers each.

Either the official folder, of test/<subject>_test.csv and dev/<subject>_dev.csv without header (question, four answers,
a letter), or one file as the hub has it: `question`, `subject`, `choices`, `answer` (an index). The subject is the
row's relation. Subjects take turns (the first question of each, then the second, ...), so that a limit asks about as
many of each.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from knowcost.benchmarks import layouts
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.records import Record, records, text

LETTERS = "ABCD"
SHOTS = 5


def without_examples(source: Path) -> Loaded:
    """Questions by themselves, as LLM-KICK prints its prompt."""
    if source.is_dir():
        asked, read = _folder(source, "test")
    else:
        asked, read = _file(source), [source]
    return Loaded(_in_turns(asked, dict.fromkeys(asked, "")), read)


def with_examples(source: Path) -> Loaded:
    """Questions after their subject's first SHOTS examples of the dev split, as LLM-KICK's code and MMLU's own ask."""
    if not source.is_dir():
        raise InputError(f"{source}: the examples are in the dev split; expected the official folder with dev and test")
    asked, read = _folder(source, "test")
    shown, also = _folder(source, "dev")
    for subject in asked:
        if len(shown.get(subject, ())) < SHOTS:
            raise InputError(f"{source / 'dev'}: expected {SHOTS} examples of {subject}")
    examples = {subject: "".join(map(_solved, shown[subject][:SHOTS])) for subject in asked}
    return Loaded(_in_turns(asked, examples), [*read, *also])


def _in_turns(asked: Mapping[str, list[Record]], examples: Mapping[str, str]) -> list[Record]:
    rows = []
    for number, turn in enumerate(zip_longest(*asked.values())):
        for subject, row in zip(asked, turn, strict=True):
            if row:
                about = {"id": f"{subject}-{number}", "relation": subject, "examples": examples[subject]}
                rows.append(about | row)
    return rows


def _solved(row: Record) -> str:
    """An example with its answer, as lm-eval's mmlu writes it."""
    answers = "".join(f"\n{letter}. {option}" for letter, option in zip(LETTERS, row["options"], strict=True))
    return f"{row['question'].strip()}{answers}\nAnswer: {LETTERS[row['label']]}\n\n"


def _folder(source: Path, split: str) -> tuple[dict[str, list[Record]], list[Path]]:
    """({subject: rows without id}, the files read) of one split."""
    paths = layouts.mmlu(source, (split,))
    found = {}
    for path in paths:
        with open(path, encoding="utf-8", newline="") as f:
            reader = csv.reader(f)
            rows = [_row(f"{path}:{reader.line_num}", *_cells(path, reader.line_num, cells)) for cells in reader]
        found[path.name[: -len(f"_{split}.csv")]] = rows
    return found, paths


def _cells(path: Path, line: int, cells: list[str]) -> tuple[str, list[str], int]:
    if len(cells) != 6 or cells[5] not in LETTERS:
        raise InputError(f"{path}:{line}: expected a question, four answers and one of A to D, found {cells}")
    return cells[0], cells[1:5], LETTERS.index(cells[5])


def _file(source: Path) -> dict[str, list[Record]]:
    found = defaultdict(list)
    for where, record in records(source):
        row = _row(where, text(where, record, "question"), record.get("choices"), record.get("answer"))
        found[text(where, record, "subject")].append(row)
    return found


def _row(where: str, question: str, options: object, label: Any) -> Record:
    if not isinstance(options, list) or len(options) != 4 or label not in range(4):
        raise InputError(f"{where}: expected four `choices` and an `answer` from 0 to 3, found {options} and {label!r}")
    return {"question": question, "options": [str(each) for each in options], "label": label}
