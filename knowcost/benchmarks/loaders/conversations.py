"""What is said to a model turn by turn: MT-Bench, Vicuna's 80 questions, and a file of one's own.

JSON lines or Parquet; CSV where a conversation has one turn. The column `question` is the first turn. A conversation
is a cluster of its own, whatever its category, unless a file of one's own says otherwise.
"""

from pathlib import Path

from knowcost.benchmarks.loaders import own as files_of_ones_own
from knowcost.benchmarks.loaders.tasks import load
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.fields import amount, optional, text, texts
from knowcost.common.reading import shown
from knowcost.common.records import Record

_OPTIONAL = ("relation", "cluster", "fact", "phrasing", "stated_in")


def mt_bench(source: Path) -> Loaded:
    """Zheng et al. 2023, FastChat's question.jsonl: `question_id`, `category`, and two `turns`."""
    return _official(source, 2)


def vicuna(source: Path) -> Loaded:
    """The 80 questions of Vicuna, which LLM-KICK asks: `question_id`, `category`, and one turn, in `turns` as FastChat
    has it, or as a `text`, as its first version and LLM-KICK's code have it."""
    return _official(source, 1)


def own(source: Path) -> Loaded:
    """A file of one's own: `id` and `turns`, a list of texts, or a text where there is one turn.

    Optional columns: `relation`, `cluster`, `popularity`, `stated_in`, and `fact` with `phrasing`. White space around
    values is removed, nothing is dropped.
    """
    rows = []
    for where, record in files_of_ones_own.checked(source, {"id", "turns"}, {*_OPTIONAL, "popularity"}):
        turns = [turn.strip() for turn in _turns(where, record)]
        said = {name: optional(where, record, name) for name in _OPTIONAL}
        row: Record = {"id": text(where, record, "id"), **said, "popularity": amount(where, record, "popularity")}
        rows.append({**row, "turns": turns, "question": turns[0]})
    return Loaded(rows, [source])


def _official(source: Path, count: int) -> Loaded:
    def conversation(where: str, record: Record) -> Record:
        turns = _turns(where, record if "turns" in record or "text" not in record else {"turns": record["text"]})
        if len(turns) != count:
            raise InputError(f"{where}: 'turns' must hold {count} of them, found {len(turns)}: {shown(turns)}")
        return {"relation": optional(where, record, "category"), "turns": turns, "question": turns[0]}

    return load(source, conversation, "question_id")


def _turns(where: str, record: Record) -> list[str]:
    """The turns of a conversation, one at least; a text is one turn."""
    if isinstance(record.get("turns"), str):
        return [text(where, record, "turns")]
    turns = texts(where, record, "turns")
    if not turns:
        raise InputError(f"{where}: 'turns' is empty; a conversation has one turn at least")
    return turns
