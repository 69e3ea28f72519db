"""A benchmark of one's own: JSON lines or CSV (.csv, .tsv) with `id`, the text (`cloze` or `question`) and `answer`.

Optional columns: `relation`, `subject` (only with cloze) and `candidates`, a JSON list, in CSV separated by `|`. White
space around values is removed. Nothing is dropped: whoever writes a file of their own wants to hear of a wrong line.
"""

from collections.abc import Iterator
from pathlib import Path

from knowcost.benchmarks.kinds import MASK
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.fields import optional, text
from knowcost.common.reading import shown
from knowcost.common.records import Record, records


def cloze(source: Path) -> Loaded:
    """Sentences with one [MASK] each, for masked language models."""
    rows = []
    for where, record in _records(source, {"id", "cloze", "answer"}, {"relation", "subject", "candidates"}):
        row = _row(where, record, "cloze")
        if row["cloze"].count(MASK) != 1:
            raise InputError(
                f"{where}: 'cloze' needs {MASK} exactly once, found it {row['cloze'].count(MASK)} times: "
                f"{shown(row['cloze'])}; write one line per blank"
            )
        rows.append({**row, "subject": optional(where, record, "subject")})
    return Loaded(rows, [source])


def question(source: Path) -> Loaded:
    """Questions with a choice of answers; without `candidates`, among all answers of the row's relation in the file."""
    rows: list[Record] = []
    answers: dict[str | None, set[str]] = {}
    for where, record in _records(source, {"id", "question", "answer"}, {"relation", "candidates"}):
        rows.append(_row(where, record, "question"))
        answers.setdefault(rows[-1]["relation"], set()).add(rows[-1]["answer"])
    for row in rows:
        row["candidates"] = row["candidates"] or sorted(answers[row["relation"]])
        if len(row["candidates"]) < 2:
            raise InputError(
                f"{source}: question {shown(row['id'])} has nothing to choose from: all rows of relation "
                f"{shown(row['relation'])} have the answer {shown(row['answer'])}; give `candidates`"
            )
    return Loaded(rows, [source])


def _records(source: Path, required: set[str], allowed: set[str]) -> Iterator[tuple[str, Record]]:
    """The file's records, checked for missing and unknown columns and for ids that occur twice."""
    seen: dict[str, str] = {}
    for where, record in records(source):
        record = {key: value.strip() if isinstance(value, str) else value for key, value in record.items()}
        unknown = sorted(record.keys() - required - allowed)
        if unknown:
            raise InputError(
                f"{where}: unknown column {', '.join(map(shown, unknown))}; "
                f"known are {', '.join(sorted(required | allowed))}"
            )
        missing = sorted(required - record.keys())
        if missing:
            raise InputError(f"{where}: column {', '.join(map(repr, missing))} is missing")
        name = text(where, record, "id")
        if name in seen:
            raise InputError(
                f"{where}: id {shown(name)} was used before, at {seen[name]}; every row needs an id of its own"
            )
        seen[name] = where
        yield where, record


def _row(where: str, record: Record, key: str) -> Record:
    row: Record = {
        "id": text(where, record, "id"),
        "relation": optional(where, record, "relation"),
        key: text(where, record, key),
        "answer": text(where, record, "answer"),
    }
    return {**row, "candidates": _candidates(where, record.get("candidates"), row["answer"])}


def _candidates(where: str, value: object, answer: str) -> list[str] | None:
    """The distinct candidates in their order, or None where none are given."""
    if value is None:
        return None
    listed = value.split("|") if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(c, str) and c.strip() for c in listed):
        raise InputError(f"{where}: 'candidates' must be a list of texts (in CSV separated by |), found {shown(value)}")
    distinct = list(dict.fromkeys(c.strip() for c in listed))
    if answer not in distinct or len(distinct) < 2:
        raise InputError(
            f"{where}: 'candidates' must hold the answer {shown(answer)} and at least one other, "
            f"found {shown(distinct)}"
        )
    return distinct
