"""Replies in files: found again, and never taken from a file that is anything else."""

import json
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.judge import kept
from knowcost.judge.request import Reply, Request

Rubric = namedtuple("Rubric", "name version")
RUBRIC = Rubric("mt_bench_pair", 1)
ASKED = Request("judge", (("system", "Be fair."), ("user", "Which? é")), temperature=0, max_tokens=64)
REPLIES = (Reply("Well.", "judge-1", 5, 2), Reply("[[A]] 🂡", "judge-1", 9, 3))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def path():
    kept.write(RUBRIC, ASKED, REPLIES)
    return Path(paths.judgement(kept.key(RUBRIC, ASKED)))


def test_replies_are_read_as_they_were_written(path):
    assert kept.read(kept.key(RUBRIC, ASKED)) == REPLIES
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["asked"]["messages"][1] == {"role": "user", "content": "Which? é"}  # a stranger can read it
    assert [each.name for each in path.parent.iterdir()] == [path.name]  # and nothing beside it


def test_what_was_not_asked_is_not_there():
    assert kept.read(kept.key(RUBRIC, ASKED)) is None


def test_all_of_a_question_is_in_its_key():
    others = [
        kept.key(Rubric("mt_bench_single", 1), ASKED),
        kept.key(Rubric("mt_bench_pair", 2), ASKED),
        kept.key(RUBRIC, replace(ASKED, model="other")),
        kept.key(RUBRIC, replace(ASKED, temperature=0.2)),
        kept.key(RUBRIC, replace(ASKED, max_tokens=65)),
        kept.key(RUBRIC, replace(ASKED, messages=ASKED.messages[::-1])),
        kept.key(RUBRIC, replace(ASKED, messages=(("system", "Be fair.Which? é"),))),
    ]
    assert len({kept.key(RUBRIC, ASKED), *others}) == 8
    assert kept.key(RUBRIC, replace(ASKED, temperature=0.0)) == kept.key(RUBRIC, ASKED)


def test_whatever_is_cut_or_changed_is_refused_by_name(path):
    whole = path.read_bytes()
    spoiled = [whole[:end] for end in (0, 1, len(whole) // 2, len(whole) - 2)]
    spoiled += [whole.replace(b"[[A]]", b"[[B]]"), whole.replace(b"Be fair.", b"Be foul."), b"[]", b"null", b"\xff"]
    spoiled += [b"[" * 100_000, whole.replace(b'"prompt_tokens": 9', b'"prompt_tokens": 8')]
    for data in spoiled:
        path.write_bytes(data)
        with pytest.raises(InputError, match=rf"{path}: damaged or no judgement .*delete it"):
            kept.read(kept.key(RUBRIC, ASKED))


def test_a_sound_file_under_another_name_answers_nothing(path):
    other = kept.key(RUBRIC, replace(ASKED, model="other"))
    Path(paths.judgement(other)).parent.mkdir(parents=True, exist_ok=True)
    path.rename(paths.judgement(other))
    with pytest.raises(InputError, match="it answers another question"):
        kept.read(other)


@pytest.mark.parametrize("replies", [[{"text": "[[A]]"}], "none", [{**vars(REPLIES[0]), "prompt_tokens": "5"}]])
def test_a_file_without_replies_is_refused_though_its_digest_is_right(path, replies):
    found = json.loads(path.read_bytes())
    del found[kept.DIGEST]
    found["replies"] = replies
    path.write_text(json.dumps({**found, kept.DIGEST: kept.seal.of_values(found)}))
    with pytest.raises(InputError, match="expected replies with"):
        kept.read(kept.key(RUBRIC, ASKED))


def test_a_folder_in_its_place_is_refused():
    path = Path(paths.judgement(kept.key(RUBRIC, ASKED)))
    path.mkdir(parents=True)
    with pytest.raises(InputError, match=rf"{path}: cannot be read"):
        kept.read(kept.key(RUBRIC, ASKED))


def test_writers_of_the_same_key_leave_one_whole_file():
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: kept.write(RUBRIC, ASKED, REPLIES[: 1 + n % 2]), range(12)))
    assert kept.read(kept.key(RUBRIC, ASKED)) in (REPLIES, REPLIES[:1])
    assert len(list(Path("judgements").rglob("*.*"))) == 1
