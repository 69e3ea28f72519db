"""WebQuestions, TriviaQA, FreebaseQA and PopQA: questions whose answer is not given to choose from.

A row has the `answers` that count as right, the one to show first. What questions share (`cluster`) is the page or the
entity that they were asked of, where the file names it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowcost.benchmarks import clusters
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.fields import amount, as_text, listed, optional, part, text
from knowcost.common.reading import document, lines, parsed, shown, suffix
from knowcost.common.records import Record, records

HIDDEN = "<unk>"  # what the hub's TriviaQA has as the answer of every question of its test split
EVIDENCE = 3072  # characters of evidence, as LLM-KICK's code cuts it


def webquestions(source: Path) -> Loaded:
    """Berant et al. 2013: a JSON array (.json) of `qText` and `answers`; on the hub `question` and `answers`."""
    found = _questions(source, document(source)) if suffix(source) == ".json" else records(source)
    rows = []
    for number, (where, record) in enumerate(found):
        question = text(where, record, "qText" if "qText" in record else "question")
        row: Record = {"id": optional(where, record, "qId") or str(number), "question": question}
        row["cluster"] = clusters.first(record, "url")
        rows.append(_row(where, row, listed(where, record, "answers")))
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
        pages = listed(where, part(where, record, "entity_pages"), "wiki_context")[:1]
        pages += listed(where, part(where, record, "search_results"), "search_context")[:1]
        if not all(isinstance(page, str) for page in pages):
            raise InputError(f"{where}: the evidence must be lists of texts, found {shown(pages)}")
        evidence = "".join(pages)[:EVIDENCE]
        if evidence.strip():
            loaded.rows.append({**_trivia(where, record), "evidence": evidence})
        else:
            loaded.dropped["no_evidence"] += 1
    return loaded


def freebaseqa(source: Path) -> Loaded:
    """Jiang et al. 2019: the official JSON (`Questions`, each with `RawQuestion` and its parses' answers), or lines of
    `question | answer`."""
    if suffix(source) != ".json":
        return _freebase_lines(source)
    whole = document(source)
    if not isinstance(whole, dict) or "Questions" not in whole:
        raise InputError(f"{source}: expected FreebaseQA's JSON, an object with `Questions`")
    rows = []
    for where, record in _questions(source, whole["Questions"]):
        parses = list(_objects(where, record, "Parses"))
        answers = [
            name
            for parse_where, parse in parses
            for answer_where, answer in _objects(parse_where, parse, "Answers")
            for name in listed(answer_where, answer, "AnswersName")
        ]
        row: Record = {"id": text(where, record, "Question-ID"), "question": text(where, record, "RawQuestion")}
        topics = [clusters.first(parse, "TopicEntityMid", "TopicEntityName") for _, parse in parses]
        row["cluster"] = next(filter(None, topics), None)
        rows.append(_row(where, row, answers))
    return Loaded(rows, [source])


def popqa(source: Path) -> Loaded:
    """Mallen et al. 2023: `question`, `possible_answers` (a list, in TSV as JSON), `prop` (the relation), `subj` (what
    is asked about) and `s_pop` (how often its page is viewed in a month)."""
    rows = []
    for where, record in records(source):
        said = record.get("possible_answers")
        whole = {**record, "possible_answers": parsed(where, said) if isinstance(said, str) else said}
        row: Record = {"id": text(where, record, "id"), "relation": text(where, record, "prop")}
        row |= {"question": text(where, record, "question"), "subject": text(where, record, "subj")}
        row["popularity"] = amount(where, record, "s_pop")
        rows.append(_row(where, row, [record.get("obj"), *listed(where, whole, "possible_answers")]))
    clusters.by_relation(rows)
    return Loaded(rows, [source])


def _freebase_lines(source: Path) -> Loaded:
    rows: list[Record] = []
    for where, line in lines(source):
        if not line.strip():
            continue
        question, bar, answer = (piece.strip() for piece in line.rpartition("|"))
        if question.startswith('"') and question.endswith('"'):  # quoted as in CSV
            question = question[1:-1].replace('""', '"').strip()
        if not (question and bar and answer):
            raise InputError(f"{where}: expected `question | answer`, found {shown(line.strip())}")
        rows.append(_row(where, {"id": str(len(rows)), "question": question}, [answer]))
    return Loaded(rows, [source])


def _trivia(where: str, record: Record) -> Record:
    answer = part(where, record, "answer")
    row: Record = {"id": text(where, record, "question_id"), "question": text(where, record, "question")}
    row["cluster"] = clusters.first(part(where, record, "entity_pages"), "filename", "title")
    row["cluster"] = row["cluster"] or clusters.first(part(where, record, "search_results"), "url", "filename")
    value = None if answer.get("value") == HIDDEN else answer.get("value")
    return _row(where, row, [value, *listed(where, answer, "aliases")])


def _row(where: str, row: Record, answers: list[Any]) -> Record:
    """The row with its distinct answers; null and blanks, which the official files have, say nothing."""
    said = [as_text(each) for each in answers if each is not None]
    if None in said:
        raise InputError(f"{where}: answers must be texts, found {shown(answers)}")
    distinct = list(dict.fromkeys(each for each in said if each and each.strip()))
    if not distinct:
        raise InputError(f"{where}: expected at least one answer, found {shown(answers)}; a test split may hide them")
    return {"relation": None, **row, "answers": distinct}


def _questions(source: Path, found: Any) -> Iterator[tuple[str, Record]]:
    """The questions of a JSON document, each with its place."""
    if not isinstance(found, list):
        raise InputError(f"{source}: expected a JSON array of questions, found {type(found).__name__}")
    for number, record in enumerate(found):
        where = f"{source}, question {number}"
        if not isinstance(record, dict):
            raise InputError(f"{where}: expected a JSON object, found {shown(record)}")
        yield where, record


def _objects(where: str, record: Record, key: str) -> Iterator[tuple[str, Record]]:
    for number, each in enumerate(listed(where, record, key)):
        if not isinstance(each, dict):
            raise InputError(f"{where}: {key!r} must hold JSON objects, found {shown(each)}")
        yield f"{where}, {key} {number}", each
