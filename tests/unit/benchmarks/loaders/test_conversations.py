"""MT-Bench, Vicuna's questions, and conversations of one's own."""

import pytest
from helpers.benchmark_files import clusters, jsonl, prepare, prepare_whole

from knowcost.common.errors import InputError

TALK = {"question_id": 81, "category": "writing", "turns": ["Write.", "Now rewrite."]}
QUESTION = {"question_id": 1, "category": "generic", "turns": ["How?"]}


def test_two_turns_and_a_category(tmp_path):
    source = jsonl(tmp_path / "q.jsonl", TALK, {**TALK, "question_id": 82})
    rows, about = prepare("mt_bench", source, tmp_path / "out.parquet")
    first = {"id": "81", "relation": "writing", "turns": ["Write.", "Now rewrite."], "question": "Write."}
    assert rows == [first, {**first, "id": "82"}] and about["kind"] == "conversation" and about["new_tokens"] == 1024
    assert clusters("mt_bench", source, tmp_path / "out.parquet") == {"81": "81", "82": "82"}


def test_single_turns_as_fastchat_and_as_its_first_version_has_them(tmp_path):
    old = {"question_id": 1, "text": "How?", "category": "generic"}
    of_both = [
        prepare("vicuna", jsonl(tmp_path / "q.jsonl", record), tmp_path / "out.parquet")[0]
        for record in (QUESTION, old)
    ]
    assert of_both == [[{"id": "1", "relation": "generic", "turns": ["How?"], "question": "How?"}]] * 2


@pytest.mark.parametrize(
    ("format", "record", "problem"),
    [
        ("mt_bench", {**TALK, "turns": ["Write."]}, r"'turns' must hold 2 of them, found 1: \['Write.'\]"),
        ("mt_bench", {**TALK, "turns": ["Write.", " "]}, "'turns' must be a list of non-empty texts"),
        ("mt_bench", {"question_id": 1}, "'turns' must be a list of non-empty texts, found no such key"),
        ("vicuna", TALK, "'turns' must hold 1 of them, found 2"),
        ("vicuna", {"text": " "}, "'turns' must be a non-empty text"),
        ("conversation", {"id": "a", "turns": []}, "'turns' is empty; a conversation has one turn at least"),
        ("conversation", {"id": "a", "turns": ["b"], "answer": "c"}, "unknown column 'answer'; known are"),
        ("conversation", {"turns": ["b"]}, "column 'id' is missing"),
    ],
)
def test_what_is_no_conversation_is_refused(tmp_path, format, record, problem):
    with pytest.raises(InputError, match=rf"q\.jsonl:1: {problem}"):
        prepare(format, jsonl(tmp_path / "q.jsonl", record), tmp_path / "out.parquet")


def test_a_file_of_one_s_own(tmp_path):
    said = {"relation": "trade", "cluster": "p7", "fact": "f", "phrasing": "1", "popularity": 2, "stated_in": "half"}
    rows = [{"id": "a", "turns": [" What is it? ", "And then?", "Why?"], **said}]
    (row,), _ = prepare_whole("conversation", jsonl(tmp_path / "q.jsonl", *rows), tmp_path / "out.parquet")
    assert row["turns"] == ["What is it?", "And then?", "Why?"] and row["question"] == "What is it?"
    assert {name: row[name] for name in said} == said | {"popularity": 2.0}


def test_a_table_has_conversations_of_one_turn(tmp_path):
    (tmp_path / "q.csv").write_text('id,turns\na,"Who, and why?"\n')
    rows, _ = prepare("conversation", tmp_path / "q.csv", tmp_path / "out.parquet")
    assert [row["turns"] for row in rows] == [["Who, and why?"]]


def test_the_real_mt_bench(shared, tmp_path):
    rows, _ = prepare("mt_bench", shared / "data/mt_bench/question.jsonl", tmp_path / "out.parquet")
    assert [row["id"] for row in rows] == [str(number) for number in range(81, 161)]
    assert len({row["relation"] for row in rows}) == 8 and {len(row["turns"]) for row in rows} == {2}
