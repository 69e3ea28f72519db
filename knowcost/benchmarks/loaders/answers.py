"""WebQuestions, TriviaQA and FreebaseQA: questions whose answer is not given to choose from.

A row has the `answers` that count as right, the one to show first.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.records import Record, records, text

EVIDENCE = 3072  # characters of evidence, as LLM-KICK's code cuts it


def webquestions(source: Path) -> Loaded:
    """Berant et al. 2013: a JSON array (.json) of `qText` and `answers`; on the hub `question` and `answers`."""
    found = _array(source) if source.suffix == ".json" else records(source)
    rows = []
    for number, (where, record) in enumerate(found):
        question = text(where, record, "qText" if "qText" in record else "question")
        row = {"id": record.get("qId") or str(number), "question": question}
        rows.append(_row(where, row, record.get("answers")))
    return Loaded(rows, [source])


def triviaqa(source: Path) -> Loaded:
    """Joshi et al. 2017, without evidence: `question_id`, `question`, `answer` {value, aliases}."""
    return Loaded([_trivia(where, record) for where, record in records(source)], [source])


def triviaqa_open(source: Path) -> Loaded:
    """TriviaQA with its evidence (the configurations rc and rc.wikipedia of the hub): also `entity_pages`
    {wiki_context} and `search_results` {search_context}, lists of whole documents.

    The evidence is the beginning of the first page of Wikipedia followed by the first search result, EVIDENCE
    characters in all. Questions without any are dropped.
    """
    loaded = Loaded([], [source])
    for where, record in records(source):
        pages = [(record.get("entity_pages") or {}).get("wiki_context")]
        pages.append((record.get("search_results") or {}).get("search_context"))
        evidence = "".join(page[0] for page in pages if page)[:EVIDENCE]
        if evidence.strip():
            loaded.rows.append({**_trivia(where, record), "evidence": evidence})
        else:
            loaded.dropped["no_evidence"] += 1
    return loaded


def freebaseqa(source: Path) -> Loaded:
    """Jiang et al. 2019: the official JSON (`Questions`, each with `RawQuestion` and its parses' answers), or lines of
    `question | answer`."""
    if source.suffix != ".json":
        return _freebase_lines(source)
    document = _document(source)
    if not isinstance(document, dict) or not isinstance(document.get("Questions"), list):
        raise InputError(f"{source}: expected FreebaseQA's JSON, an object with `Questions`")
    rows = []
    for number, record in enumerate(document["Questions"]):
        where = f"{source}, question {number}"
        answers = [answer for parse in record["Parses"] for answer in parse["Answers"]]
        row = {"id": text(where, record, "Question-ID"), "question": text(where, record, "RawQuestion")}
        rows.append(_row(where, row, [name for answer in answers for name in answer["AnswersName"] or ()]))
    return Loaded(rows, [source])


def _freebase_lines(source: Path) -> Loaded:
    rows = []
    with open(source, encoding="utf-8-sig") as f:
        for number, line in enumerate(f):
            question, bar, answer = (part.strip() for part in line.rpartition("|"))
            if question.startswith('"') and question.endswith('"'):  # quoted as in CSV
                question = question[1:-1].replace('""', '"')
            if not (question and bar and answer):
                raise InputError(f"{source}:{number + 1}: expected `question | answer`, found {line.strip()!r}")
            rows.append(_row(f"{source}:{number + 1}", {"id": str(number), "question": question}, [answer]))
    return Loaded(rows, [source])


def _trivia(where: str, record: Record) -> Record:
    answer = record.get("answer") or {}
    row = {"id": text(where, record, "question_id"), "question": text(where, record, "question")}
    return _row(where, row, [answer.get("value"), *(answer.get("aliases") or ())])


def _row(where: str, row: Record, answers: Iterable[object] | None) -> Record:
    distinct = list(dict.fromkeys(each for each in answers or () if isinstance(each, str) and each.strip()))
    if not distinct:
        raise InputError(f"{where}: expected at least one answer, found {answers}; a test split may hide them")
    return {"relation": None, **row, "answers": distinct}


def _array(source: Path) -> list[tuple[str, Record]]:
    document = _document(source)
    if not isinstance(document, list):
        raise InputError(f"{source}: expected a JSON array of questions, found {type(document).__name__}")
    return [(f"{source}, question {number}", record) for number, record in enumerate(document)]


def _document(source: Path) -> Any:
    try:
        return json.loads(source.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise InputError(f"{source}: not JSON ({error}); fetch it again") from None
