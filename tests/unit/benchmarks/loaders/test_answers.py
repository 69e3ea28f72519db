"""WebQuestions, TriviaQA, FreebaseQA and PopQA: official files, the hub's form and what is refused."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.benchmark_files import jsonl, prepare, prepare_whole

from knowcost.common.errors import InputError

TRIVIA = {"question": "Who?", "question_id": "tc_1", "answer": {"value": "Bo", "aliases": ["Bob", "Bo", "Robert"]}}


def test_webquestions_official_and_hub_agree(tmp_path):
    official = [{"qId": "w0", "qText": "where?", "answers": ["Rome", "Roma", "Rome"]}]
    (tmp_path / "test.json").write_text(json.dumps(official))
    rows, about = prepare("webquestions", tmp_path / "test.json", tmp_path / "out.parquet")
    assert rows == [{"id": "w0", "relation": None, "question": "where?", "answers": ["Rome", "Roma"]}]
    assert about["kind"] == "webquestions"
    hub = pa.Table.from_pylist([{"url": "u", "question": "where?", "answers": ["Rome", "Roma"]}])
    pq.write_table(hub, tmp_path / "hub.parquet")
    assert prepare("webquestions", tmp_path / "hub.parquet", tmp_path / "out.parquet")[0] == [{**rows[0], "id": "0"}]


def test_triviaqa_puts_the_answer_before_its_other_names(tmp_path):
    for format in ("triviaqa", "triviaqa_closed"):
        rows, about = prepare(format, jsonl(tmp_path / "t.jsonl", TRIVIA), tmp_path / "out.parquet")
        assert rows == [{"id": "tc_1", "relation": None, "question": "Who?", "answers": ["Bo", "Bob", "Robert"]}]
        assert about["kind"] == format


def test_triviaqa_with_an_id_that_stands_twice(tmp_path):
    """The hub's rc.nocontext has such: questions that were asked of two sources."""
    other = {**TRIVIA, "answer": {"value": "Bob", "aliases": []}}
    source = jsonl(tmp_path / "t.jsonl", TRIVIA, {**TRIVIA, "question_id": "tc_2"}, TRIVIA, other)
    rows, about = prepare("triviaqa", source, tmp_path / "out.parquet")
    assert [(row["id"], row["answers"][0]) for row in rows] == [("tc_2", "Bo"), ("tc_1:0", "Bo"), ("tc_1:1", "Bob")]
    assert about["rows"] == 3 and about["dropped"] == {"duplicate": 1}


def test_triviaqa_with_its_evidence(tmp_path):
    """Rows in the form of the hub's configuration rc, written by hand."""
    pages, search = {"wiki_context": ["W" * 3000, "second"]}, {"search_context": ["S" * 3000]}
    none = {"wiki_context": []}, {"search_context": []}
    records = [
        {**TRIVIA, "question_id": name, "entity_pages": wiki, "search_results": found}
        for name, wiki, found in (("both", pages, search), ("web", none[0], search), ("no", *none))
    ]
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "rc.parquet")
    rows, about = prepare("triviaqa_open", tmp_path / "rc.parquet", tmp_path / "out.parquet")
    assert [(row["id"], row["evidence"]) for row in rows] == [("web", "S" * 3000), ("both", "W" * 3000 + "S" * 72)]
    assert about["dropped"] == {"no_evidence": 1}


def test_freebaseqa_official_and_lines_agree(tmp_path):
    parses = [
        {"Answers": [{"AnswersMid": "m", "AnswersName": ["king lear"]}]},
        {"Answers": [{"AnswersName": ["lear"]}]},
    ]
    question = {"Question-ID": "f1", "RawQuestion": 'Which is "a | play"?', "Parses": parses}
    (tmp_path / "f.json").write_text(json.dumps({"Dataset": "FreebaseQA-eval", "Questions": [question]}))
    rows, _ = prepare("freebaseqa", tmp_path / "f.json", tmp_path / "out.parquet")
    assert rows == [
        {"id": "f1", "relation": None, "question": 'Which is "a | play"?', "answers": ["king lear", "lear"]}
    ]
    (tmp_path / "f.txt").write_text('\ufeff"Which is ""a | play""?" | king lear \r\n  \r\n')
    lines, _ = prepare("freebaseqa", tmp_path / "f.txt", tmp_path / "out.parquet")
    assert lines == [{**rows[0], "id": "0", "answers": ["king lear"]}]


@pytest.mark.parametrize(
    ("format", "name", "text", "match"),
    [
        ("webquestions", "w.json", "{}", r"w\.json: expected a JSON array of questions, found dict"),
        ("webquestions", "w.json", "[", r"w\.json:1: not valid JSON"),
        ("webquestions", "w.json", '[{"qText": "q", "answers": []}]', r"question 0: expected at least one answer"),
        ("webquestions", "w.csv", "question,answers\nq,Rome\n", r"w\.csv:2: 'answers' must be a list, found 'Rome'"),
        ("webquestions", "w.json", '[{"qText": "q", "answers": [{}]}]', r"question 0: answers must be texts"),
        ("webquestions", "w.json", '["q"]', r"w\.json, question 0: expected a JSON object, found 'q'"),
        (
            "triviaqa",
            "t.jsonl",
            '{"question": "q", "question_id": "1", "answer": {"value": "<unk>", "aliases": []}}',
            r"t\.jsonl:1: expected at least one answer.*a test split may hide them",
        ),
        ("triviaqa", "t.jsonl", '{"question": "q", "question_id": "1", "answer": "Bo"}', "'answer' must hold named"),
        ("triviaqa_open", "t.jsonl", '{"entity_pages": ["p"]}', r"t\.jsonl:1: 'entity_pages' must hold named values"),
        ("triviaqa_open", "t.jsonl", '{"entity_pages": {"wiki_context": "page"}}', "'wiki_context' must be a list"),
        ("freebaseqa", "f.json", '{"Questions": [{"RawQuestion": "q", "Question-ID": "1"}]}', "at least one answer"),
        ("freebaseqa", "f.json", '{"Questions": [{"Parses": ["p"]}]}', "question 0: 'Parses' must hold JSON objects"),
        ("triviaqa", "t.jsonl", '{"question": "q", "question_id": "1", "answer": {}}', "a test split may hide them"),
        ("freebaseqa", "f.json", "[]", "an object with `Questions`"),
        ("freebaseqa", "f.txt", "a | b\nno bar\n", r"f\.txt:2: expected `question \| answer`"),
    ],
)
def test_what_cannot_be_read(tmp_path, format, name, text, match):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=match):
        prepare(format, tmp_path / name, tmp_path / "out.parquet")


POPQA = {"id": 42, "subj": "Ada", "prop": "occupation", "obj": "poet", "s_pop": 142, "o_pop": 9}
POPQA |= {"question": "What is Ada's occupation?", "possible_answers": json.dumps(["poet", 'a "bard"'])}


def test_popqa_as_published_and_as_the_hub_has_it(tmp_path):
    cells = ["" if value is None else '"' + str(value).replace('"', '""') + '"' for value in POPQA.values()]
    (tmp_path / "popQA.tsv").write_text("\t".join(POPQA) + "\n" + "\t".join(cells) + "\n")
    rows, about = prepare_whole("popqa", tmp_path / "popQA.tsv", tmp_path / "out.parquet")
    assert rows == [
        {
            "id": "42", "relation": "occupation", "cluster": "Ada", "fact": "42", "phrasing": None, "popularity": 142.0,
            "stated_in": None, "question": "What is Ada's occupation?", "answers": ["poet", 'a "bard"'],
        }
    ]  # fmt: skip
    assert about["kind"] == "popqa"
    listed = POPQA | {"possible_answers": ["poet", 'a "bard"'], "id": "42"}
    pq.write_table(pa.Table.from_pylist([listed]), tmp_path / "hub.parquet")
    assert prepare_whole("popqa", tmp_path / "hub.parquet", tmp_path / "out.parquet")[0] == rows


def test_relations_are_the_clusters_of_popqa_where_there_are_ten(tmp_path):
    def clusters(relations):
        made = [
            POPQA | {"id": str(i), "question": f"{i}?", "subj": f"S{i}", "prop": f"r{i % relations}"} for i in range(20)
        ]
        rows, _ = prepare_whole("popqa", jsonl(tmp_path / "p.jsonl", *made), tmp_path / "out")
        return [row["cluster"] for row in rows]

    assert clusters(10) == [f"r{i % 10}" for i in range(20)]
    assert clusters(9) == [f"S{i}" for i in range(20)]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"possible_answers": "poet"}, r"p\.jsonl:1: not valid JSON"),
        ({"possible_answers": '"poet"'}, r"p\.jsonl:1: 'possible_answers' must be a list, found 'poet'"),
        ({"possible_answers": "[]", "obj": None}, r"p\.jsonl:1: expected at least one answer"),
        ({"s_pop": "much"}, r"p\.jsonl:1: 's_pop' must be a number that is not negative, found 'much'"),
        ({"prop": None}, r"p\.jsonl:1: 'prop' must be a non-empty text"),
        ({"subj": ""}, r"p\.jsonl:1: 'subj' must be a non-empty text"),
    ],
)
def test_a_wrong_row_of_popqa(tmp_path, change, match):
    with pytest.raises(InputError, match=match):
        prepare("popqa", jsonl(tmp_path / "p.jsonl", POPQA | change), tmp_path / "out.parquet")


def test_gzip(tmp_path):
    whole = gzip.compress((json.dumps(TRIVIA) + "\n").encode())
    (tmp_path / "t.jsonl.gz").write_bytes(whole)
    assert len(prepare("triviaqa", tmp_path / "t.jsonl.gz", tmp_path / "out.parquet")[0]) == 1
    for broken in (whole[:-12], b"<html>"):
        (tmp_path / "t.jsonl.gz").write_bytes(broken)
        with pytest.raises(InputError, match=r"t\.jsonl\.gz: not a whole gzip file"):
            prepare("triviaqa", tmp_path / "t.jsonl.gz", tmp_path / "out.parquet")


def test_the_real_files(shared, tmp_path):
    data, out = shared / "data", tmp_path / "out.parquet"
    assert len(prepare("webquestions", data / "webquestions/test.json", out)[0]) == 2032
    rows, _ = prepare("triviaqa", data / "triviaqa/rc.wikipedia.nocontext-validation.jsonl.gz", out)
    assert len(rows) == 7993 and {row["id"]: row for row in rows}["tc_33"]["answers"][0] == "Sunset Boulevard"
    rows, _ = prepare("freebaseqa", data / "freebaseqa/FreebaseQA-eval.txt", out)
    assert len(rows) == 4023 and not any(row["question"].startswith('"A 1986') for row in rows)
