"""A benchmark of one's own: JSON lines or CSV (.csv, .tsv) with `id`, the text (`cloze` or `question`) and `answer`.

Optional columns: `relation`, `subject` (only with cloze), `candidates` (a JSON list, in CSV separated by `|`),
`cluster`, `popularity`, `stated_in`, and `fact` with `phrasing` where several rows ask one fact. White space around
values is removed. Nothing is dropped: whoever writes a file of their own wants to hear of a wrong line.
"""

from collections.abc import Iterator
from pathlib import Path

from knowcost.benchmarks import clusters
from knowcost.benchmarks.kinds import MASK
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.fields import amount, optional, text
from knowcost.common.reading import shown
from knowcost.common.records import Record, records

_OF_A_FACT = ("relation", "subject", "cluster", "popularity", "stated_in")  # what all rows of a fact say alike
_OPTIONAL = {"relation", "candidates", "cluster", "fact", "phrasing", "popularity", "stated_in"}


def cloze(source: Path) -> Loaded:
    """Sentences with one [MASK] each, for masked language models."""
    rows, places = [], {}
    for where, record in checked(source, {"id", "cloze", "answer"}, _OPTIONAL | {"subject"}):
        row = _row(where, record, "cloze")
        if row["cloze"].count(MASK) != 1:
            raise InputError(
                f"{where}: 'cloze' needs {MASK} exactly once, found it {row['cloze'].count(MASK)} times: "
                f"{shown(row['cloze'])}; write one line per blank"
            )
        rows.append({**row, "subject": optional(where, record, "subject")})
        places[row["id"]] = where
    _cluster(rows)
    return Loaded(rows, [source], places=places)


def question(source: Path) -> Loaded:
    """Questions with a choice of answers; without `candidates`, among all answers of the row's relation in the file."""
    rows: list[Record] = []
    answers: dict[str | None, set[str]] = {}
    for where, record in checked(source, {"id", "question", "answer"}, _OPTIONAL):
        rows.append(_row(where, record, "question"))
        answers.setdefault(rows[-1]["relation"], set()).add(rows[-1]["answer"])
    for row in rows:
        row["candidates"] = row["candidates"] or sorted(answers[row["relation"]])
        if len(row["candidates"]) < 2:
            raise InputError(
                f"{source}: question {shown(row['id'])} has nothing to choose from: all rows of relation "
                f"{shown(row['relation'])} have the answer {shown(row['answer'])}; give `candidates`"
            )
    _cluster(rows)
    return Loaded(rows, [source])


def _cluster(rows: list[Record]) -> None:
    """Where the file says of no row which cluster it is in, by relation or subject."""
    if not any(row["cluster"] for row in rows):
        clusters.by_relation(rows)


def checked(source: Path, required: set[str], allowed: set[str]) -> Iterator[tuple[str, Record]]:
    """The file's records, checked for missing and unknown columns, and for what only one row may say."""
    seen: dict[str, str] = {}
    facts = _Facts()
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
        facts.check(where, record)
        yield where, record


class _Facts:
    """What earlier rows of a file said of the facts that they ask."""

    def __init__(self) -> None:
        self.first: tuple[str, bool] | None = None  # where the first row stands, and whether it has a fact
        self.asked: dict[tuple[str, str], str] = {}
        self.said: dict[tuple[str, str], tuple[str, str | float | None]] = {}

    def check(self, where: str, record: Record) -> None:
        """Raise InputError for a row that contradicts itself or an earlier one."""
        fact, phrasing = optional(where, record, "fact"), optional(where, record, "phrasing")
        before, phrased = self.first = self.first or (where, fact is not None)
        if (fact is None) != (phrasing is None):
            there, lacking = ("fact", "phrasing") if fact else ("phrasing", "fact")
            raise InputError(f"{where}: a row with {there!r} needs {lacking!r} too; give both or neither")
        if phrased != (fact is not None):
            raise InputError(
                f"{where}: {'no' if phrased else 'a'} 'fact', unlike {before}; give 'fact' and 'phrasing' in all rows "
                "of a file or in none"
            )
        if fact is not None and phrasing is not None:
            self._check_phrasing(where, record, fact, phrasing)

    def _check_phrasing(self, where: str, record: Record, fact: str, phrasing: str) -> None:
        before = self.asked.setdefault((fact, phrasing), where)
        if before != where:
            raise InputError(
                f"{where}: fact {shown(fact)} was asked in phrasing {shown(phrasing)} before, at {before}; every row "
                "of a fact needs a phrasing of its own"
            )
        for name in _OF_A_FACT:
            said = (amount if name == "popularity" else optional)(where, record, name)
            before, other = self.said.setdefault((fact, name), (where, said))
            if said != other:
                raise InputError(
                    f"{where}: {name!r} of fact {shown(fact)} is {shown(said)}, but {shown(other)} at {before}; all "
                    "rows of a fact must say the same"
                )


def _row(where: str, record: Record, key: str) -> Record:
    row: Record = {
        "id": text(where, record, "id"),
        "relation": optional(where, record, "relation"),
        key: text(where, record, key),
        "answer": text(where, record, "answer"),
        "popularity": amount(where, record, "popularity"),
        **{name: optional(where, record, name) for name in ("cluster", "fact", "phrasing", "stated_in")},
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
