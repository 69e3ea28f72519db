"""The page's examples of what models write: the dense model's answers beside those of a few variants, from the table
`examples`, which says by what rule they are chosen."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from knowcost.aggregate.examples import QUESTIONS
from knowcost.recover.wording import in_words
from knowcost.report.table import whole
from knowcost.score.rows import LENGTH, WINDOW

Record = Mapping[Hashable, Any]
RULE = (
    f"Nobody picked these: of each benchmark the first question of each of its first {QUESTIONS} classes; beside the "
    "dense model the variant whose answers keep most of the dense model's, the one in the middle, and the one that "
    "keeps least."
)
STOPPED = {LENGTH: "stopped at the most tokens allowed", WINDOW: "stopped at the end of the model's window"}


@dataclass(frozen=True)
class Text:
    """A text with who wrote it, and in small letters below how much of it is shown and why it ended."""

    who: str
    text: str
    below: str


@dataclass(frozen=True)
class Turn:
    """What was asked in a turn, and the answers, the dense model's first."""

    question: Text
    answers: list[Text]


@dataclass(frozen=True)
class Examples:
    """Those of a model on a benchmark: [(name of the question, its turns)]."""

    title: str
    questions: list[tuple[str, list[Turn]]]


def examples(frame: pd.DataFrame) -> Iterator[Examples]:
    """For each model and benchmark the questions of the table, in its order."""
    for (model, benchmark), rows in frame.groupby(["model", "benchmark"], sort=False):
        questions = [
            (_named(mine.iloc[0].to_dict()), [_turn(turn) for _, turn in mine.groupby("turn", sort=True)])
            for _, mine in rows.groupby("id", sort=False)
        ]
        yield Examples(f"{model} on {benchmark}", questions)


def _named(record: Record) -> str:
    relation = f" ({record['relation']})" if record["relation"] else ""
    return f"Question {record['id']}{relation}"


def _turn(rows: pd.DataFrame) -> Turn:
    records = rows.to_dict("records")
    first = records[0]
    asked = Text(f"Asked, turn {first['turn']}", first["question"], _cut(first["question"], first["question_length"]))
    return Turn(asked, [_answer(record) for record in records])


def _answer(record: Record) -> Text:
    below = [_cut(record["text"], record["length"]), STOPPED.get(record["ended"], "")]
    if not record["length"]:
        below = ["no text at all"]
    return Text(in_words(record["variant"]), record["text"], "; ".join(filter(None, below)))


def _cut(text: str, length: int) -> str:
    """How much of a text is shown, empty where it is all of it."""
    return f"the first {whole(len(text))} of {whole(length)} characters" if len(text) < length else ""
