"""Spoiled benchmark files of every format: the same rows where it does not matter, else rows that can be asked, or an
InputError that names the file. Never another exception.

KNOWCOST_FUZZ says how many examples; `make fuzz` takes many, other ones each time.
"""

import gzip
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers import mutations
from helpers.benchmark_files import SHARED, prepare_whole
from hypothesis import given
from hypothesis import strategies as st

from knowcost.benchmarks.formats import FORMATS, LAMA
from knowcost.benchmarks.kinds import COMMON, KINDS
from knowcost.common.errors import InputError


@dataclass(frozen=True)
class Case:
    """A source of a format: {name: rows, a JSON document or text} of its files; source: "" for the folder."""

    format: str
    files: dict[str, Any]
    source: str

    def __str__(self):
        return f"{self.format}-{self.source or 'folder'}"


CLOZE = {"cloze": "Köln is in [MASK] .", "answer": "Germany", "relation": "in", "subject": "Köln"}
QUESTION = {"question": "Where is Köln?", "answer": "Germany", "relation": "in"}
QUEST = {"question": "Größe?", "obj": "a", "subj": "Zoë", "prop": "r"}
CHOICE = {"candidates": ["Germany", "France"]}
MMLU = {"question": "Größe?", "subject": "law", "choices": ["1", "2", "3", "4"]}
TRIVIA = {"question": "Wer?", "answer": {"value": "Bo", "aliases": ["Bob", "Bö"]}}
ARC = {"question": "Heiß?", "choices": {"text": ["ice", "fire"], "label": ["A", "B"]}, "answerKey": "B"}
SWAG = {"ind": 3, "activity_label": "L", "ctx_a": "Größe.", "ctx_b": "", "endings": ["w", "x", "y"], "label": "2"}
SCIQ = {"question": "Größe?", "support": "", "distractor1": "a", "distractor2": "b", "distractor3": "c"}
FREE = {"RawQuestion": "Größe?", "Parses": [{"Answers": [{"AnswersName": ["a", "b"]}, {"AnswersName": None}]}]}
FACT = {
    "pred": "/people/born_in",
    "sub_label": "Ada",
    "obj_label": "Köln",
    "masked_sentences": ["Ada, born in [MASK]."],
}
STORY = {"article": "Größe (CNN) a b.", "highlights": "Größe .\nb", "url": "u"}
TALK = {"category": "writing", "turns": ["Größe?", "And b?"]}
PAGES = {"entity_pages": {"wiki_context": ["page", "other"]}, "search_results": {"search_context": ["Größe"]}}

ROWS = {  # format: rows of its records
    "cloze": [{"id": n, **CLOZE, **CHOICE, "fact": "f", "phrasing": n, "popularity": 3, "cluster": "ö"} for n in "ab"],
    "question": [{"id": "a", **QUESTION, **CHOICE}, {"id": "b", **QUESTION, **CHOICE}],
    "boolq": [{"question": "is it", "passage": "Größe ", "label": n} for n in (1, 0)],
    "piqa": [{"goal": "Größe", "sol1": "a ", "sol2": "b", "label": n} for n in (1, 0)],
    "winogrande": [{"sentence": "Zoë saw _ .", "option1": "Ann", "option2": "Eve", "answer": n} for n in "12"],
    "arc": [{"id": "q1", **ARC}, {"id": "q2", **ARC}],
    "sciq": [{**SCIQ, "correct_answer": "d"}, {**SCIQ, "correct_answer": "e"}],
    "hellaswag": [SWAG, {**SWAG, "ctx_b": "then"}],
    "mmlu": [{**MMLU, "answer": 3}, {**MMLU, "subject": "art", "answer": 0}],
    "webquestions": [{"question": "Größe?", "answers": ["Rome", "Roma"]}, {"question": "b?", "answers": ["c"]}],
    "triviaqa": [{"question_id": n, **TRIVIA} for n in ("tc_1", "tc_1", "tc_2")],
    "triviaqa_closed": [{"question_id": n, **TRIVIA} for n in ("tc_1", "tc_2")],
    "triviaqa_open": [{"question_id": n, **TRIVIA, **PAGES} for n in ("tc_1", "tc_2")],
    "popqa": [{"id": n, **QUEST, "s_pop": n, "possible_answers": ["a", "b"]} for n in (1, 2)],
    "lambada": [{"text": "Größe a b"}, {"text": "c\n\nd  e"}],
    "text": [{"text": "Größe \n"}, {"text": ""}, {"text": "b"}],
    "similarity": [{"text": "Größe \n"}, {"text": ""}, {"text": "b"}],
    "c4": [{"text": "Größe", "url": "u"}, {"text": "b", "url": "v"}],
    "lines": [{"text": "Größe b", "id": "x", "relation": "r"}, {"text": "c", "id": "y", "relation": "s"}],
    "cnn_dailymail": [{**STORY, "id": n, "article": STORY["article"] * n} for n in (1, 2, 3)],
    "cnn_dailymail_published": [{**STORY, "id": n} for n in "ab"],
    "mt_bench": [{"question_id": n, **TALK} for n in (81, 82)],
    "vicuna": [{"question_id": n, "text": f"Größe {n}?", "category": "generic"} for n in (1, 2)],
    "conversation": [{"id": n, "turns": ["Größe?", "b", "c"], "relation": "r", "cluster": "ö"} for n in "ab"],
}
# a row says the same whatever the others are
ALONE = set(ROWS) - {"text", "similarity", "c4", "cnn_dailymail", "cnn_dailymail_published"}
FLAT = (  # fit into CSV
    "cloze", "question", "boolq", "piqa", "winogrande", "sciq", "lambada", "text", "lines", "cnn_dailymail", "vicuna",
)  # fmt: skip

OLD_ARC = [{"id": n, "query": "Question: Heiß?\nAnswer:", "choices": ["ice", "fire"], "gold": 1} for n in "ab"]
TEMPLATES = [{"relation": name, "template": f"[X] is {name} in [Y] ."} for name in ("P19", "P20")]
PEOPLE = [{"uuid": f"u{n}", "sub_label": "Zoë", "obj_label": place} for n, place in enumerate(("Köln", "Rom"))]
FACTS = [{"uuid": f"u{n}", "id": f"i{n}", **FACT, "obj_label": place} for n, place in enumerate(("Köln", "Rom", "Ulm"))]
EXAM = 'Größe?,1,2,3,4,A\n"q, ""b""",1,2,3,4,D\n' + "q,1,2,3,4,B\n" * 3
FOLDERS = {  # part of LAMA: its files
    "trex": {"relations.jsonl": TEMPLATES, "TREx/P19.jsonl": PEOPLE, "TREx/P20.jsonl": PEOPLE},
    "google_re": {"Google_RE/a.jsonl": FACTS, "Google_RE/b.jsonl": FACTS[:1]},
    "squad": {"Squad/test.jsonl": FACTS},
    "conceptnet": {"data/ConceptNet/test.jsonl": FACTS},
}
PLACES = [
    {"sub_id": f"Q{n}", "sub_label": "Zoë", "obj_id": f"O{n}", "obj_label": place, "uuid": f"u{n}"}
    for n, place in enumerate(("Köln", "Rom"))
]
BEAR = {
    "P19.jsonl": PLACES,
    "P20.jsonl": PLACES,
    "metadata_relations.json": {
        name: {"templates": ["[X] in [Y].", "[Y] of [X]."], "answer_space_labels": ["Köln", "Rom", "Ulm"]}
        for name in ("P19", "P20", "P30")
    },
}
PARAREL = {f"trex_lms_vocab/{name}.jsonl": PLACES for name in ("P19", "P20")} | {
    f"pattern_data/graphs_json/{name}.jsonl": [{"pattern": "[X] in [Y]."}, {"pattern": "[X] is of [Y]."}]
    for name in ("P19", "P20", "P21")
}

CASES = [
    *(Case(format, {f"f{end}": rows}, f"f{end}") for format, rows in ROWS.items() for end in (".jsonl", ".parquet")),
    *(Case(format, {f"f{end}": ROWS[format]}, f"f{end}") for format in FLAT for end in (".csv", ".tsv")),
    *(Case(f"lama_{part}{way}", FOLDERS[part], "") for part in LAMA for way in ("", "_ranked", "_published")),
    Case("bear", BEAR, ""),
    Case("pararel", PARAREL, ""),
    Case("vicuna", {"v.jsonl": [{"question_id": 1, "turns": ["Größe?"]}]}, "v.jsonl"),
    Case("arc", {"old.jsonl": OLD_ARC}, "old.jsonl"),
    Case("piqa", {"dev.jsonl": [{"goal": "g", "sol1": "ö", "sol2": "b"}] * 2, "dev-labels.lst": "1\n0\n"}, ""),
    Case("webquestions", {"w.json": [{"qId": "ö", "qText": "w?", "answers": ["Rome", "Rome"]}]}, "w.json"),
    Case("freebaseqa", {"f.json": {"Questions": [{"Question-ID": n, **FREE} for n in "ab"]}}, "f.json"),
    Case("freebaseqa", {"f.txt": 'Größe? | lear\n"a ""b | c""" | d\n'}, "f.txt"),
    Case("text", {"f.txt": "Größe\n \n = b = \n"}, "f.txt"),
    *(
        Case(format, {f"{split}/{s}_{split}.csv": EXAM for s in ("art", "law") for split in ("test", "dev")}, "")
        for format in ("mmlu", "mmlu_5shot")
    ),
]


def test_every_format_is_tried():
    assert {case.format for case in CASES} == set(FORMATS)


def asked(case, folder, files):
    """The rows that are made of files, each checked to be one that can be asked; or what the InputError says."""
    mutations.put(folder, files)
    try:
        rows, about = prepare_whole(case.format, folder / case.source, folder / "out.parquet")
    except InputError as error:
        assert str(folder) in str(error) and len(str(error)) < 2_000
        return str(error)
    kind = KINDS[about["kind"]]
    assert about["rows"] == len(rows) == len({row["id"] for row in rows}) > 0
    for row in rows:
        check(kind, row)
    return rows


def check(kind, row):
    for name, column in {**COMMON, **kind.columns}.items():
        value, type_ = row[name], column.rstrip("?")
        assert value is not None or column.endswith("?")
        parts = value if type_.startswith("list") else [value]
        python = {"int64": int, "double": float}.get(type_, str)
        assert all(isinstance(each, python) for each in parts or () if value is not None)
    if kind.choices and ("candidates" not in kind.columns or row["candidates"]):
        choices, right = kind.choices(row)
        assert len(choices) > 1 and 0 <= right < len(choices) and all(choice.strip() for choice in choices)
    if kind.answers:
        assert kind.answers(row) and all(answer.strip() for answer in kind.answers(row))
    if kind.messages:
        assert kind.messages(row) and all(said.strip() for said in kind.messages(row))
    try:
        kind.document(row)
    except InputError as error:  # a cloze that only a masked language model can be asked
        assert "is asked a cloze as a completion" in str(error)


def but_id(row):
    return {**row, "id": None} | dict.fromkeys(SHARED)  # which may be ids


def written(files):
    return {name: mutations.serialized(name, value) for name, value in files.items()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_does_not_matter_changes_nothing(case, tmp_path):
    files = written(case.files)
    expected = asked(case, tmp_path / "as it is", files)
    assert isinstance(expected, list)
    ways = [] if case.source.endswith(".parquet") else list(mutations.HARMLESS)
    if case.source.endswith(".txt") and case.format == "text":
        ways.remove("blank lines")  # a text's own
    if case.format in ("lambada", "text", "cnn_dailymail") and case.source.endswith(("csv", "tsv")):
        ways.remove("line ends")  # a cell's own
    for way in ways:
        found = asked(case, tmp_path / way, {name: mutations.HARMLESS[way](file) for name, file in files.items()})
        assert found == expected
    if case.source:
        (name,) = files
        capitals = Case(case.format, {}, f"f{Path(name).suffix.upper()}")
        assert asked(capitals, tmp_path / "capitals", {capitals.source: files[name]}) == expected
        packed = Case(case.format, {}, f"{name}.GZ")
        if not name.endswith(".parquet"):
            assert asked(packed, tmp_path / "gz", {packed.source: gzip.compress(files[name])}) == expected


@pytest.mark.parametrize("case", CASES, ids=str)
@mutations.settings
@given(data=st.data())
def test_spoiled_values(case, data):
    """A part of the rows is missing, of another type, said twice or under another name."""
    name = data.draw(
        st.sampled_from([name for name, value in case.files.items() if not isinstance(value, str)] or [""])
    )
    if not name:
        return
    rows = case.files[name]
    changed = {**case.files, name: mutations.edited(data.draw, rows[:1] if name.endswith(".parquet") else rows)}
    try:
        files = written(changed)
    except mutations.NO_SUCH_FILE:
        return
    with tempfile.TemporaryDirectory() as folder:
        found = asked(case, Path(folder) / "changed", files)
        alone = case.format in ALONE and case.source and not name.endswith(".parquet")  # of which there is one row
        untouched = [row for row in rows if row in changed[name]] if alone else []
        if isinstance(found, list) and untouched:
            kept = asked(case, Path(folder) / "untouched", written({name: untouched}))
            assert isinstance(kept, list) and all(but_id(row) in map(but_id, found) for row in kept)


@pytest.mark.parametrize("case", CASES, ids=str)
@mutations.settings
@given(data=st.data())
def test_spoiled_bytes(case, data):
    """A file is cut, emptied, doubled, in another encoding, or a few of its bytes are others."""
    files = written(case.files)
    name = data.draw(st.sampled_from(sorted(files)))
    with tempfile.TemporaryDirectory() as folder:
        asked(case, Path(folder), files | {name: mutations.damaged(data.draw, files[name])})
