import json

import pytest
from helpers import benchmark_files

from knowcost.common.errors import InputError

CLOZE = {"id": "a", "cloze": "Rome is in [MASK] .", "answer": "Italy"}
QUESTION = {"id": "a", "question": "Where is Rome?", "answer": "Italy"}


def prepare(tmp_path, content, format="cloze", name="mine.jsonl"):
    source = tmp_path / name
    if isinstance(content, list):
        content = "".join(json.dumps(row) + "\n" for row in content)
    source.write_text(content, encoding="utf-8")
    return benchmark_files.prepare(format, source, tmp_path / "out.parquet")[0]


def test_json_lines_with_all_columns(tmp_path):
    row = {**CLOZE, "relation": "in", "subject": "Rome", "candidates": ["France", "Italy", "France"]}
    assert prepare(tmp_path, [row]) == [{**row, "candidates": ["France", "Italy"]}]


def test_csv_equals_json_lines(tmp_path):
    csv = '\ufeffid,cloze,answer,relation,candidates\n7,"Rome, old, is in [MASK] .", Italy,,Italy|France\n'
    assert prepare(tmp_path, csv, name="mine.csv") == [
        {
            "id": "7",
            "relation": None,
            "subject": None,
            "cloze": "Rome, old, is in [MASK] .",
            "answer": "Italy",
            "candidates": ["Italy", "France"],
        }
    ]


def test_a_cell_as_long_as_an_article(tmp_path):
    cloze = "word " * 28_000 + "is in [MASK] ."  # 140,014 characters; csv's own limit is 131,072
    (row,) = prepare(tmp_path, f"id,cloze,answer\na,{cloze},Italy\n", name="mine.CSV")
    assert row["cloze"] == cloze


def test_tabs_and_blank_lines(tmp_path):
    tsv = "id\tcloze\tanswer\na\tRome, old, is in [MASK] .\tItaly\n\t\t\n  \n\n"
    (row,) = prepare(tmp_path, tsv, name="mine.tsv")
    assert (row["cloze"], row["answer"]) == ("Rome, old, is in [MASK] .", "Italy")


def test_numbers_are_taken_as_text(tmp_path):
    row = prepare(tmp_path, [{**CLOZE, "id": 3, "answer": 1941}])[0]
    assert (row["id"], row["answer"]) == ("3", "1941")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cloze": "[MASK] and [MASK]"}, r"exactly once, found it 2 times"),
        ({"cloze": "Rome is in [mask]"}, r"exactly once, found it 0 times"),
        ({"answer": "  "}, r"'answer' must be a non-empty text"),
        ({"answer": None}, r"'answer' must be a non-empty text"),
        ({"answer": True}, r"'answer' must be a non-empty text"),
        ({"anwser": "x"}, r"unknown column 'anwser'; known are answer, candidates, cloze, id, relation, subject"),
        ({"candidates": ["France", "Spain"]}, r"'candidates' must hold the answer 'Italy'"),
        ({"candidates": ["Italy"]}, r"at least one other"),
        ({"candidates": [1, 2]}, r"'candidates' must be a list of texts"),
        ({"id": "x"}, r"id 'x' was used before, at .*mine\.jsonl:1"),
    ],
)
def test_wrong_line_is_named(tmp_path, change, message):
    with pytest.raises(InputError, match=r"mine\.jsonl:2: .*" + message):
        prepare(tmp_path, [{**CLOZE, "id": "x"}, {**CLOZE, **change}])


@pytest.mark.parametrize("key", ["id", "cloze", "answer"])
def test_missing_key(tmp_path, key):
    with pytest.raises(InputError, match=rf"mine\.jsonl:1: column '{key}' is missing"):
        prepare(tmp_path, [{k: v for k, v in CLOZE.items() if k != key}])


def test_csv_with_a_comma_too_many_or_a_column_twice(tmp_path):
    with pytest.raises(InputError, match=r"mine\.csv:2: 4 cells, but the header has 3 columns"):
        prepare(tmp_path, "id,cloze,answer\na,Rome, is in [MASK] .,Italy\n", name="mine.csv")
    with pytest.raises(InputError, match=r"mine\.csv:1: a column name occurs twice"):
        prepare(tmp_path, "id,cloze,answer,answer\n", name="mine.csv")


def test_question_candidates_come_from_its_relation(tmp_path):
    rows = prepare(
        tmp_path,
        [
            {**QUESTION, "relation": "in"},
            {**QUESTION, "id": "b", "answer": "France", "relation": "in"},
            {**QUESTION, "id": "c", "answer": "France", "relation": "in"},
            {**QUESTION, "id": "d", "answer": "red", "relation": "colour", "candidates": ["red", "blue"]},
        ],
        "question",
    )
    assert [r["candidates"] for r in rows] == [["France", "Italy"]] * 3 + [["red", "blue"]]
    assert list(rows[0]) == ["id", "relation", "question", "answer", "candidates"]


def test_question_with_nothing_to_choose_from(tmp_path):
    with pytest.raises(InputError, match=r"'a' has nothing to choose from.*relation 'in'.*give `candidates`"):
        prepare(tmp_path, [{**QUESTION, "relation": "in"}], "question")


def test_question_knows_no_subject(tmp_path):
    with pytest.raises(InputError, match="unknown column 'subject'"):
        prepare(tmp_path, [{**QUESTION, "subject": "Rome"}], "question")
