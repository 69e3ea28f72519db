"""Files of reference answers: the forms that exist, and what is none."""

import pytest

from knowcost.common.errors import InputError
from knowcost.judge import references

FASTCHAT = '{"question_id": 81, "model_id": "gpt-4", "choices": [{"index": 0, "turns": ["One.", "Two."]}]}\n'
KICK = '{"question_id": 1, "text": "A summary.", "answer_id": "x", "model_id": "gpt-3.5"}\n'


def read(tmp_path, text, name="answers.jsonl"):
    (tmp_path / name).write_text(text)
    return references.read(tmp_path / name)


def test_the_forms_of_fastchat_and_of_llm_kick_and_one_s_own(tmp_path):
    assert read(tmp_path, FASTCHAT) == {("81", 1): "One.", ("81", 2): "Two."}
    assert read(tmp_path, KICK) == {("1", 1): "A summary."}
    assert read(tmp_path, "id,text\na,Mine.\n", "mine.csv") == {("a", 1): "Mine."}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (KICK + KICK, "answers.jsonl:2: a second answer to '1'"),
        ('{"text": "x"}\n', "answers.jsonl:1: neither of question_id, id"),
        ('{"id": "a", "text": " "}\n', "answers.jsonl:1: 'text' must be a non-empty text"),
        ('{"id": "a", "choices": []}\n', "answers.jsonl:1: 'choices' must begin with"),
        ('{"id": "a", "choices": [{"turns": ["x", ""]}]}\n', "answers.jsonl:1: 'choices' must begin with"),
        ("\n", "no answers in it"),
        ("[1]\n", "answers.jsonl:1: expected JSON lines"),
    ],
)
def test_what_is_no_file_of_answers(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_ids_must_be_those_of_the_benchmark(tmp_path):
    texts = read(tmp_path, FASTCHAT)
    references.check("file", texts, ["81"], "chat")
    with pytest.raises(
        InputError, match=r"file has no answer to 2 of the 3 rows of chat, the first is '82'; its own ids"
    ):
        references.check("file", texts, ["81", "82", "83"], "chat")
