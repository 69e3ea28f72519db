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
        (
            {"anwser": "x"},
            r"unknown column 'anwser'; known are answer, candidates, cloze, cluster, fact, id, phrasing, pop",
        ),
        ({"candidates": ["France", "Spain"]}, r"'candidates' must hold the answer 'Italy'"),
        ({"candidates": ["Italy"]}, r"at least one other"),
        ({"candidates": [1, 2]}, r"'candidates' must be a list of texts"),
        ({"cluster": " "}, r"'cluster' must be a non-empty text, found ''"),
        ({"popularity": -3}, r"'popularity' must be a number that is not negative, found -3"),
        ({"stated_in": ["half"]}, r"'stated_in' must be a non-empty text, found \['half'\]"),
        ({"popularity": "often"}, r"'popularity' must be a number that is not negative, found 'often'"),
        ({"fact": "f"}, r"a row with 'fact' needs 'phrasing' too; give both or neither"),
        ({"phrasing": "p"}, r"a row with 'phrasing' needs 'fact' too"),
        ({"fact": "f", "phrasing": "p"}, r"a 'fact', unlike .*mine\.jsonl:1; give 'fact' and 'phrasing' in all rows"),
        ({"id": "x"}, r"id 'x' was used before, at .*mine\.jsonl:1"),
    ],
)
def test_wrong_line_is_named(tmp_path, change, message):
    with pytest.raises(InputError, match=r"mine\.jsonl:2: .*" + message):
        prepare(tmp_path, [{**CLOZE, "id": "x"}, {**CLOZE, **change}])


PHRASED = {**CLOZE, "id": "x", "fact": "f", "phrasing": "in", "relation": "r"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fact": None, "phrasing": None}, r"no 'fact', unlike .*mine\.jsonl:1"),
        ({}, r"fact 'f' was asked in phrasing 'in' before, at .*mine\.jsonl:1"),
        ({"phrasing": "of", "cluster": "c"}, r"'cluster' of fact 'f' is 'c', but None at .*mine\.jsonl:1"),
        ({"phrasing": "of", "relation": "s"}, r"'relation' of fact 'f' is 's', but 'r' at .*mine\.jsonl:1"),
        ({"phrasing": "of", "popularity": 1}, r"'popularity' of fact 'f' is 1.0, but None at"),
        ({"phrasing": "of", "stated_in": "half"}, r"'stated_in' of fact 'f' is 'half', but None at"),
    ],
)
def test_rows_of_a_fact_that_contradict_one_another(tmp_path, change, message):
    with pytest.raises(InputError, match=r"mine\.jsonl:2: .*" + message):
        prepare(tmp_path, [PHRASED, {**PHRASED, "id": "y", **change}])


def belonging(tmp_path, rows, format="cloze", name="mine.jsonl"):
    """[(id, cluster, fact, phrasing, popularity, stated_in)] of what is made of rows, or of a text."""
    source = tmp_path / name
    source.write_text(rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows))
    made, _ = benchmark_files.prepare_whole(format, source, tmp_path / "out.parquet")
    return [tuple(row[key] for key in ("id", *benchmark_files.SHARED)) for row in made]


def test_two_phrasings_of_a_fact(tmp_path):
    rows = [
        {**CLOZE, "id": "1", "fact": "rome", "phrasing": "in", "popularity": 4, "stated_in": "half"},
        {**CLOZE, "id": "2", "fact": "rome", "phrasing": "of", "popularity": 4.0, "stated_in": "half "},
        {**CLOZE, "id": "3", "fact": "bonn", "phrasing": "in", "cluster": "Rhine"},
    ]
    expected = [("1", "rome", "rome", "in", 4.0, "half"), ("2", "rome", "rome", "of", 4.0, "half")]
    expected.append(("3", "Rhine", "bonn", "in", None, None))
    assert belonging(tmp_path, rows) == expected
    names = ["id", "question", "answer", "candidates", "fact", "phrasing", "popularity", "stated_in", "cluster"]
    cells = [
        [name, "Rome?", "Italy", "Italy|France", "rome", how, n, "half", ""]
        for name, how, n in (("1", "in", "4"), ("2", "of", "4.0"))
    ]
    table = "".join("\t".join(row) + "\n" for row in [names, *cells])
    assert belonging(tmp_path, table, "question", "mine.tsv") == expected[:2]


def test_clusters_by_relation_then_subject_then_alone(tmp_path):
    rows = [{**CLOZE, "id": str(i), "relation": f"r{i}", "subject": f"s{i % 2}"} for i in range(10)]
    assert [row[1] for row in belonging(tmp_path, rows)] == [f"r{i}" for i in range(10)]
    assert [row[1] for row in belonging(tmp_path, rows[:9])] == [f"s{i % 2}" for i in range(9)]
    alone = [{**QUESTION, "id": name, "candidates": ["Italy", "France"]} for name in "ab"]
    assert [row[1] for row in belonging(tmp_path, alone, "question")] == ["a", "b"]
    given = [{**rows[0], "cluster": "c"}, rows[1]]  # a file that has the column means it: the other shares nothing
    assert [row[1] for row in belonging(tmp_path, given)] == ["c", "1"]


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
