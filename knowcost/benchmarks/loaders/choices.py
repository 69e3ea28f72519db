"""ARC, SciQ and HellaSwag: questions with given answers, in their official files or as the Hugging Face hub has them.

The texts go to lm-eval's templates with every space as it stands. `id` and `relation` are as in tasks.py; HellaSwag's
own number, `ind`, is not unique.
"""

from pathlib import Path

from knowcost.benchmarks import clusters
from knowcost.benchmarks.kinds import LETTERS
from knowcost.benchmarks.loaders.tasks import load
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.fields import index, or_empty, part, text, texts
from knowcost.common.reading import shown
from knowcost.common.records import Record


def arc(source: Path) -> Loaded:
    """Clark et al. 2018: `question`, `choices` {text, label} and `answerKey` (a letter or a number from 1); or the
    form of earlier harnesses, `query` ("Question: ...\\nAnswer:"), `choices` (texts) and `gold` (an index)."""

    def fact(where: str, record: Record) -> Record:
        if "query" in record:
            question = text(where, record, "query").removeprefix("Question: ").removesuffix("\nAnswer:")
            options = _options(where, record, "choices")
            return {"question": question, "options": options, "label": index(where, record, "gold", len(options))}
        choices, key = part(where, record, "choices"), text(where, record, "answerKey")
        options, labels = _options(where, choices, "text"), texts(where, choices, "label")
        if len(labels) != len(options) or len(set(labels)) != len(labels):
            raise InputError(f"{where}: 'label' must name each of the {len(options)} choices, found {shown(labels)}")
        if key not in labels:
            raise InputError(f"{where}: 'answerKey' must be one of the labels {shown(labels)}, found {shown(key)}")
        return {"question": text(where, record, "question"), "options": options, "label": labels.index(key)}

    return load(source, fact)


def sciq(source: Path) -> Loaded:
    """Welbl et al. 2017: `question`, `support` (may be empty), `distractor1` to `distractor3`, `correct_answer`."""
    names = ("question", "distractor1", "distractor2", "distractor3", "correct_answer")

    def fact(where: str, record: Record) -> Record:
        row = {**{name: text(where, record, name) for name in names}, "support": or_empty(where, record, "support")}
        return row | {"cluster": clusters.of_text(row["support"])}

    return load(source, fact)


def hellaswag(source: Path) -> Loaded:
    """Zellers et al. 2019: `activity_label`, `ctx_a`, `ctx_b` (may be empty), `endings`, and `label`, an index.

    Facts of one video or article (`source_id`), else of one context, belong together.
    """

    def fact(where: str, record: Record) -> Record:
        endings = _options(where, record, "endings")
        row: Record = {
            **{name: text(where, record, name) for name in ("activity_label", "ctx_a")},
            "ctx_b": or_empty(where, record, "ctx_b"),
            "endings": endings,
            "label": index(where, record, "label", len(endings)),
        }
        context = clusters.of_text(row["ctx_a"], row["ctx_b"])
        return row | {"cluster": clusters.first(record, "source_id") or context}

    return load(source, fact)


def _options(where: str, record: Record, key: str) -> list[str]:
    options = texts(where, record, key)
    if not 2 <= len(options) <= len(LETTERS):
        raise InputError(
            f"{where}: {key!r} must hold 2 to {len(LETTERS)} answers to choose from, found {shown(options)}"
        )
    return options
