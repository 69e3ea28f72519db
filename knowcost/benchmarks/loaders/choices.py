"""ARC, SciQ and HellaSwag: questions with given answers, in their official files or as the Hugging Face hub has them.

The texts go to lm-eval's templates with every space as it stands. `id` and `relation` are as in tasks.py; HellaSwag's
own number, `ind`, is not unique.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from knowcost.benchmarks.kinds import LETTERS
from knowcost.benchmarks.loaders.tasks import load
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.records import Record, text


def arc(source: Path) -> Loaded:
    """Clark et al. 2018: `question`, `choices` {text, label} and `answerKey` (a letter or a number from 1); or the
    form of earlier harnesses, `query` ("Question: ...\\nAnswer:"), `choices` (texts) and `gold` (an index)."""

    def fact(where: str, record: Record) -> Record:
        if "query" in record:
            question = text(where, record, "query").removeprefix("Question: ").removesuffix("\nAnswer:")
            return {"question": question, **_options(where, record["choices"], record["gold"])}
        choices = record.get("choices") or {}
        labels, key = list(choices.get("label") or []), text(where, record, "answerKey")
        if key not in labels:
            raise InputError(f"{where}: 'answerKey' must be one of the labels {labels}, found {key!r}")
        return {"question": text(where, record, "question"), **_options(where, choices["text"], labels.index(key))}

    return load(source, fact)


def sciq(source: Path) -> Loaded:
    """Welbl et al. 2017: `question`, `support` (may be empty), `distractor1` to `distractor3`, `correct_answer`."""
    names = ("question", "distractor1", "distractor2", "distractor3", "correct_answer")

    def fact(where: str, record: Record) -> Record:
        return {**{name: text(where, record, name) for name in names}, "support": record.get("support") or ""}

    return load(source, fact)


def hellaswag(source: Path) -> Loaded:
    """Zellers et al. 2019: `activity_label`, `ctx_a`, `ctx_b` (may be empty), `endings`, and `label`, an index."""

    def fact(where: str, record: Record) -> Record:
        endings = record.get("endings")
        options = _options(where, endings, record.get("label"))
        row = {name: text(where, record, name) for name in ("activity_label", "ctx_a")}
        return {**row, "ctx_b": record.get("ctx_b") or "", "endings": options["options"], "label": options["label"]}

    return load(source, fact)


def _options(where: str, options: Iterable[Any] | None, label: Any) -> Record:
    """{"options", "label"} of texts and the index of the right one, which the hub sometimes has as text."""
    options = list(options if options is not None else [])
    if not 2 <= len(options) <= len(LETTERS) or not all(isinstance(each, str) and each.strip() for each in options):
        raise InputError(f"{where}: expected 2 to {len(LETTERS)} non-empty answers to choose from, found {options}")
    if str(label) not in map(str, range(len(options))):
        raise InputError(
            f"{where}: the right answer must be a number below {len(options)}, found {label!r}; "
            "a split without labels (test) cannot be scored"
        )
    return {"options": options, "label": int(label)}
