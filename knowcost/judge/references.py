"""Files of reference answers, against which the published way holds every answer."""

from collections.abc import Iterable
from pathlib import Path

from knowcost.common.errors import InputError
from knowcost.common.fields import as_text, text
from knowcost.common.reading import shown
from knowcost.common.records import Record, records
from knowcost.judge.pairs import Texts

IDS = ("question_id", "id")


def read(path: str | Path) -> Texts:
    """The answers of a file by id and turn: FastChat's (`question_id`, `choices` with `turns`), LLM-KICK's
    (`question_id`, `text`), or one's own (`id`, `text`).

    Raises InputError naming file and line for what is none of these, and for an id that occurs twice.
    """
    found: dict[tuple[str, int], str] = {}
    for where, record in records(Path(path)):
        id = _id(where, record)
        if (id, 1) in found:
            raise InputError(f"{where}: a second answer to {id!r}; leave one of them")
        found |= {(id, turn): answer for turn, answer in enumerate(_answers(where, record), start=1)}
    if not found:
        raise InputError(f"{path}: no answers in it")
    return found


def check(path: str | Path, texts: Texts, ids: Iterable[str], benchmark: str) -> None:
    """Raise InputError where a file has no answer to a row that a benchmark asks."""
    asked = list(ids)
    missing = [id for id in asked if (id, 1) not in texts]
    if missing:
        some = ", ".join(repr(id) for id, _ in list(texts)[:3])
        raise InputError(
            f"judge.references: {path} has no answer to {len(missing)} of the {len(asked)} rows of {benchmark}, the "
            f"first is {missing[0]!r}; its own ids are {some}, ... The ids of both files must be the same"
        )


def _id(where: str, record: Record) -> str:
    for name in IDS:
        if name in record:
            return text(where, record, name)
    raise InputError(f"{where}: neither of {', '.join(IDS)}, only {shown(', '.join(record))}")


def _answers(where: str, record: Record) -> list[str]:
    """The answers of a line, turn by turn."""
    if "choices" not in record:
        return [text(where, record, "text")]
    choices = record["choices"]
    first = choices[0] if isinstance(choices, list) and choices else None
    turns = first.get("turns") if isinstance(first, dict) else None
    said = [as_text(turn) for turn in turns] if isinstance(turns, list) else []
    answers = [turn for turn in said if turn and turn.strip()]
    if not answers or len(answers) < len(said):
        raise InputError(f"{where}: 'choices' must begin with {{\"turns\": [texts]}}, found {shown(choices)}")
    return answers
