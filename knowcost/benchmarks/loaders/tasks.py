"""BoolQ, PIQA and WinoGrande, in their official files or as the Hugging Face hub has them (JSON lines or parquet).

The columns are those that lm-eval's task templates read, with every space as it stands. `id` is the file's own where it
has one, else the 0-based number of the row; `relation`, `cluster`, `popularity` and `stated_in` are kept where the file
has them (the embedded world does, the public data does not). Other columns are ignored.
"""

import re
from collections.abc import Callable
from pathlib import Path

from knowcost.benchmarks import clusters, layouts
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.fields import amount, index, optional, text
from knowcost.common.reading import lines, shown
from knowcost.common.records import Record, records

_TWIN = re.compile(r"(.+)-[12]")  # an id of WinoGrande's


def boolq(source: Path) -> Loaded:
    """Clark et al. 2019: `question`, `passage`, and `answer` (bool) or `label` (0 no, 1 yes)."""

    def fact(where: str, record: Record) -> Record:
        key = "label" if "label" in record else "answer"
        return {
            "question": text(where, record, "question"),
            "passage": text(where, record, "passage"),
            "label": _yes_or_no(where, record, key),
            "cluster": clusters.of_text(record["passage"]),
        }

    return load(source, fact, "idx")


def piqa(source: Path) -> Loaded:
    """Bisk et al. 2020: `goal`, `sol1`, `sol2`, and `label` (0, 1) or a file `<name>-labels.lst` beside `<name>.jsonl`.

    A folder is searched as layouts.piqa says.
    """
    source, *_ = layouts.piqa(source)

    def fact(where: str, record: Record) -> Record:
        row: Record = {key: text(where, record, key) for key in ("goal", "sol1", "sol2")}
        row["cluster"] = clusters.of_text(row["goal"])
        return row | ({"label": index(where, record, "label", 2)} if "label" in record else {})

    loaded = load(source, fact)
    without = [row for row in loaded.rows if "label" not in row]
    if without:
        _read_labels(layouts.labels_of(source), without, loaded)
    return loaded


def _read_labels(beside: Path, without: list[Record], loaded: Loaded) -> None:
    """Give PIQA's rows the labels of a file of lines beside theirs."""
    source = loaded.files[0]
    if len(without) < len(loaded.rows):
        raise InputError(f"{source}: row {shown(without[0]['id'])} has no 'label', but others have; give all or none")
    if not beside.is_file():
        raise InputError(f"{source}: no column 'label', and no {beside.name} beside it")
    labels = [(where, line.strip()) for where, line in lines(beside) if line.strip()]
    wrong = [(where, label) for where, label in labels if label not in ("0", "1")]
    if wrong:
        raise InputError(f"{wrong[0][0]}: expected 0 or 1, found {shown(wrong[0][1])}")
    if len(labels) != len(without):
        raise InputError(
            f"{beside}: expected {len(without)} lines of 0 or 1, one for each row of {source.name}, found {len(labels)}"
        )
    for row, (_, label) in zip(without, labels, strict=True):
        row["label"] = int(label)
    loaded.files.append(beside)


def winogrande(source: Path) -> Loaded:
    """Sakaguchi et al. 2020: `sentence` with one `_`, `option1`, `option2`, `answer` ("1" or "2").

    Most sentences have a twin that differs in a word or two; `qID` names it where the file has it.
    """

    def fact(where: str, record: Record) -> Record:
        row = {key: text(where, record, key) for key in ("sentence", "option1", "option2", "answer")}
        if row["sentence"].count("_") != 1:
            raise InputError(f"{where}: 'sentence' needs exactly one _, found {shown(row['sentence'])}")
        if row["answer"] not in ("1", "2"):
            raise InputError(f"{where}: 'answer' must be 1 or 2, found {shown(row['answer'])}")
        twin = _TWIN.fullmatch(optional(where, record, "qID") or "")
        return row | {"cluster": twin[1] if twin else None}

    loaded = load(source, fact, "qID")
    alike = clusters.twins([(row["sentence"], row["option1"], row["option2"]) for row in loaded.rows])
    for row, twins in zip(loaded.rows, alike, strict=True):
        row["cluster"] = row["cluster"] or twins
    return loaded


def load(source: Path, fact: Callable[[str, Record], Record], official_id: str = "id") -> Loaded:
    """Make a row of every record by `fact(where, record)`, and add id and relation."""
    rows = []
    for number, (where, record) in enumerate(records(source)):
        name = optional(where, record, "id") or optional(where, record, official_id) or str(number)
        row = {"id": name, "relation": optional(where, record, "relation"), **fact(where, record)}
        said: Record = {name: optional(where, record, name) for name in ("cluster", "stated_in")}
        said["popularity"] = amount(where, record, "popularity")
        rows.append(row | {key: value for key, value in said.items() if value is not None})
    return Loaded(rows, [source])


def _yes_or_no(where: str, record: Record, key: str) -> int:
    """1 for true, 0 for false, which CSV has as words."""
    value = record.get(key)
    words = {"true": 1, "false": 0}
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    return index(where, record, key, 2)
