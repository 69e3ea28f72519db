"""MMLU (Hendrycks et al. 2021): 57 subjects, four answers each.

Either the official folder, of test/<subject>_test.csv and dev/<subject>_dev.csv without header (question, four answers,
a letter), or one file as the hub has it: `question`, `subject`, `choices`, `answer` (an index). The subject is the
row's relation.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from knowcost.benchmarks import clusters, layouts
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.fields import index, text, texts
from knowcost.common.reading import cells, shown
from knowcost.common.records import Record, records

LETTERS = "ABCD"
SHOTS = 5


def without_examples(source: Path) -> Loaded:
    """Questions by themselves, as LLM-KICK prints its prompt."""
    if source.is_dir():
        asked, read = _folder(source, "test")
    else:
        asked, read = _file(source), [source]
    return Loaded(_rows(asked, dict.fromkeys(asked, "")), read)


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
    return Loaded(_rows(asked, examples), [*read, *also])


def _rows(asked: Mapping[str, list[Record]], examples: Mapping[str, str]) -> list[Record]:
    """The questions of all subjects, each with its subject's examples and an id out of its number there."""
    rows = [
        {"id": f"{subject}-{number}", "relation": subject, "examples": examples[subject]} | row
        for subject, found in asked.items()
        for number, row in enumerate(found)
    ]
    clusters.by_relation(rows)
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
        found[path.name[: -len(f"_{split}.csv")]] = rows = [_official(where, row) for where, row in cells(path)]
        if not rows:
            raise InputError(f"{path}: no question in it; fetch MMLU again, or delete the file")
    return found, paths


def _official(where: str, row: list[str]) -> Record:
    """A row of the official files: a question, the answers, a letter."""
    *said, letter = row
    if len(said) != 1 + len(LETTERS) or not all(cell.strip() for cell in said) or letter.strip() not in list(LETTERS):
        raise InputError(f"{where}: expected a question, four answers and one of A to D, found {shown(row)}")
    return {"question": said[0], "options": said[1:], "label": LETTERS.index(letter.strip())}


def _file(source: Path) -> dict[str, list[Record]]:
    found = defaultdict(list)
    for where, record in records(source):
        options = texts(where, record, "choices")
        if len(options) != len(LETTERS):
            raise InputError(f"{where}: expected four `choices`, found {shown(options)}")
        row: Record = {"question": text(where, record, "question"), "options": options}
        row["label"] = index(where, record, "answer", len(LETTERS))
        found[text(where, record, "subject")].append(row)
    return found
