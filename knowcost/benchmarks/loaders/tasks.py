"""BoolQ, PIQA and WinoGrande, in their official files or as the Hugging Face hub has them (JSON lines or parquet).

The columns are those that lm-eval's task templates read, with every space as it stands. `id` is the file's own where it
has one, else the 0-based number of the row; `relation` is kept where the file has it (the embedded world does, the
public data does not). Other columns are ignored.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from knowcost.benchmarks import layouts
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.records import Record, optional, records, text


def boolq(source: Path) -> Loaded:
    """Clark et al. 2019: `question`, `passage`, and `answer` (bool) or `label` (0 no, 1 yes)."""

    def fact(where: str, record: Record) -> Record:
        key = "label" if "label" in record else "answer"
        return {
            "question": text(where, record, "question"),
            "passage": text(where, record, "passage"),
            "label": _label(where, key, record.get(key)),
        }

    return load(source, fact, "idx")


def piqa(source: Path) -> Loaded:
    """Bisk et al. 2020: `goal`, `sol1`, `sol2`, and `label` (0, 1) or a file `<name>-labels.lst` beside `<name>.jsonl`.

    A folder is searched as layouts.piqa says.
    """
    source, *_ = layouts.piqa(source)

    def fact(where: str, record: Record) -> Record:
        row = {key: text(where, record, key) for key in ("goal", "sol1", "sol2")}
        return {**row, "label": _label(where, "label", record["label"])} if "label" in record else row

    loaded = load(source, fact)
    if not all("label" in row for row in loaded.rows):
        listed = layouts.labels_of(source)
        if not listed.is_file():
            raise InputError(f"{source}: no column 'label', and no {listed.name} beside it")
        labels = listed.read_text().split()
        if len(labels) != len(loaded.rows) or not set(labels) <= {"0", "1"}:
            raise InputError(
                f"{listed}: expected {len(loaded.rows)} lines of 0 or 1, one for each row of "
                f"{source.name}, found {len(labels)} lines with {sorted(set(labels))[:5]}"
            )
        loaded.rows = [{**row, "label": int(label)} for row, label in zip(loaded.rows, labels, strict=True)]
        loaded.files.append(listed)
    return loaded


def winogrande(source: Path) -> Loaded:
    """Sakaguchi et al. 2020: `sentence` with one `_`, `option1`, `option2`, `answer` ("1" or "2")."""

    def fact(where: str, record: Record) -> Record:
        row = {key: text(where, record, key) for key in ("sentence", "option1", "option2", "answer")}
        if row["sentence"].count("_") != 1:
            raise InputError(f"{where}: 'sentence' needs exactly one _, found {row['sentence']!r}")
        if row["answer"] not in ("1", "2"):
            raise InputError(f"{where}: 'answer' must be 1 or 2, found {row['answer']!r}")
        return row

    return load(source, fact, "qID")


def load(source: Path, fact: Callable[[str, Record], Record], official_id: str = "id") -> Loaded:
    """Make a row of every record by `fact(where, record)`, and add id and relation."""
    if not source.is_file():
        raise InputError(f"{source}: expected one file: JSON lines, CSV or parquet")
    rows = []
    for number, (where, record) in enumerate(records(source)):
        name = optional(where, record, "id") or optional(where, record, official_id) or str(number)
        rows.append({"id": name, "relation": optional(where, record, "relation"), **fact(where, record)})
    return Loaded(rows, [source])


def _label(where: str, key: str, value: Any) -> int:
    if value not in (0, 1):  # True == 1 and False == 0; -1 is how the hub hides the labels of a test split
        raise InputError(
            f"{where}: {key!r} must be 0, 1, true or false, found {value!r}; "
            "a split without labels (test) cannot be scored"
        )
    return int(value)
