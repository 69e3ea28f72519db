"""Rubrics: the published words as they stand, whom each is for, and files that are wrong."""

import hashlib

import pytest
import yaml

from knowcost.common.errors import InputError
from knowcost.judge import rubric

# sha256 of system and template, joined by a zero byte, out of FastChat's judge_prompts.jsonl, and of the slides' text
# with its placeholders repaired.
PUBLISHED = {
    "kick_summary": "ca8b808e3679ad571e6f69f1b718414c08c250257ed9fcd98de195cf2aa1f53d",
    "kick_general": "3a93b405abe539b7b3db569f692b2b3827763156b217f6873383a4727385f3b1",
    "kick_coding": "6a290c4eea2f45f97f2cadf48a9f00bc7f39c412a45464363eaf93a53acc954b",
    "kick_maths": "24ca99083da05d9ebacd743c0d7c6e1bbcd70db3055451d74ab479093a7ca77a",
    "mt_bench_pair": "b40285ee2bd28eb7bbf8cf985991f1183af9d45afb77108d115e0551c9a40181",
    "mt_bench_single": "7d276fe1d4b3f18f09cee44c27895d39be8ee425fdb364476fa66171dc5c5180",
}  # fmt: skip
LATER = {
    "mt_bench_pair": "b68c6e33f67f870b37188cbb034df1edc46017cb54ab893340547551783ef67f",
    "mt_bench_single": "a91a5b4266b4e3774f6408c1b0b05de1202843b72b58925710a9efa56b3fa636",
}
SUMMARIES = {"{first}": "{summary_1}", "{second}": "{summary_2}"}
KICK = {"{first}": "{answer_1}", "{second}": "{answer_2}"}
FASTCHAT = {"{first}": "{answer_a}", "{second}": "{answer_b}", "{first_1}": "{answer_a_1}", "{first_2}": "{answer_a_2}",
            "{second_1}": "{answer_b_1}", "{second_2}": "{answer_b_2}"}  # fmt: skip


def digest(name, system, template):
    """Of a rubric's words, its places called as in the original."""
    places = SUMMARIES if name == "kick_summary" else KICK if name.startswith("kick") else FASTCHAT
    for ours, theirs in places.items():
        template = template.replace(ours, theirs)
    return hashlib.sha256(f"{system}\0{template}".encode()).hexdigest()


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_quoted_rubric_has_the_published_words(name):
    found = rubric.load(name)
    assert digest(name, found.system, found.template) == PUBLISHED[name]
    if name in LATER:
        assert digest(name, found.system_later, found.template_later) == LATER[name]


def test_seven_rubrics_with_source_and_licence():
    assert rubric.names() == sorted([*PUBLISHED, "summary_single"])
    for name in rubric.names():
        found = rubric.load(name)
        assert found.name == name and found.source and found.licence and found.version


def applying(kind, relation, turn):
    return [name for name in rubric.names() if rubric.load(name).applies(kind, relation, turn)]


def test_whom_each_rubric_is_for():
    summaries = ["kick_summary", "summary_single"]
    assert applying("summary", "large", 1) == applying("summary_published", None, 1) == summaries
    bench = ["mt_bench_pair", "mt_bench_single"]
    assert applying("conversation", "coding", 1) == ["kick_coding", *bench]
    assert applying("conversation", "math", 1) == ["kick_maths", *bench]
    assert applying("conversation", "reasoning", 1) == applying("conversation", None, 1) == ["kick_general", *bench]
    assert applying("conversation", "coding", 2) == bench
    assert applying("conversation", None, 3) == applying("cloze", None, 1) == []


def test_a_prompt_holds_the_texts_as_they_are():
    values = {"question": "What is {x}?", "first": "{0}", "second": "{second}"}
    (_, system), (role, asked) = rubric.load("kick_general").prompt(1, values)
    assert system.startswith("You are a helpful and precise") and role == "user"
    assert asked.startswith("[Question]\nWhat is {x}?\n[The Start of Assistant 1's Answer]\n{0}\n[The End")
    both = {"question_1": "Q1", "question_2": "Q2", "answer_1": "A1", "answer_2": "A2"}
    (_, system), (_, asked) = rubric.load("mt_bench_single").prompt(2, both)
    assert "second user question" in system and asked.index("Q1") < asked.index("A1") < asked.index("Q2") < asked.index(
        "A2"
    )


def test_an_unknown_rubric():
    with pytest.raises(InputError, match="no rubric 'kick_poems'; known: kick_coding, kick_general"):
        rubric.load("kick_poems")


WRONG = [
    ({"critera": ["x"]}, "no key 'critera'; known: name, version"),
    ({"template": None}, "the key 'template' is missing"),
    ({"version": 1.5}, "version: expected a whole number, found 1.5"),
    ({"kinds": "conversation"}, "kinds: expected a list, found 'conversation'"),
    ({"kinds": ["cloze"]}, "kinds: 'cloze'; expected summary, summary_published, conversation"),
    ({"turns": [2]}, r"turns: \[2\]; expected"),
    ({"answers": "both"}, "answers: 'both'; expected pair, single"),
    ({"reads": "rating"}, "reads: 'rating'; expected scores_first_line, scores_lines, scores_tuple, verdict"),
    ({"scale": [10, 1]}, r"scale: expected the lowest and the highest score, found \[10, 1\]"),
    ({"criteria": []}, "criteria, scale: a rubric of scores has both"),
    ({"criteria": ["a", "b"]}, "criteria: replies read as scores_first_line have one, found 2"),
    ({"template": "{question} {first}"}, r"template: names \['first', 'question'\], expected \['first', 'q"),
    ({"template": "{question} {first} {second} {"}, "template: .*a brace that is none of a place is written twice"),
    ({"name": "other"}, "name: 'other'; expected mine"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_a_file_that_is_wrong_is_refused_by_name(tmp_path, change, message):
    said = yaml.safe_load((rubric.FOLDER / "kick_general.yaml").read_text()) | {"name": "mine"} | change
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in said.items() if value is not None}))
    with pytest.raises(InputError, match=f"mine.yaml: {message}"):
        rubric.read(path)


def test_a_file_that_is_no_yaml(tmp_path):
    for text, message in (("a: [", "no YAML"), ("words", "expected keys and values")):
        path = tmp_path / f"{len(text)}.yaml"
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            rubric.read(path)


def test_another_word_is_another_digest(tmp_path):
    text = (rubric.FOLDER / "kick_general.yaml").read_text()
    (tmp_path / "kick_general.yaml").write_text(text.replace("precise", "exact"))
    assert rubric.read(tmp_path / "kick_general.yaml").digest != rubric.load("kick_general").digest
