"""How prompts and answers share a model's window."""

import copy

import pytest
from helpers import tiny, written
from helpers.asking import PLAN, respondent, rows_of
from helpers.written import WORDS, by_hand, messages, plain, tokenizer

from knowcost.benchmarks.kinds import SUMMARISE
from knowcost.common.errors import InputError
from knowcost.score.engines import generate
from knowcost.score.places import ALL
from knowcost.score.respondent import Respondent


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a tokenizer of 120 words."""
    folder = tmp_path_factory.mktemp("windows")
    tiny.save_tokenizer(folder / "plain")
    return folder


def test_the_window_is_shared_by_prompt_and_answer(place):
    model = plain("opt")  # 64 positions
    story = " ".join(f"w{i}" for i in range(70))
    path = written.conversation(place / "long.parquet", [[story], ["w1"]], new_tokens=20)
    rows, about = rows_of(generate, model, tokenizer(place, WORDS), path)
    assert rows["prompt_tokens"].to_pylist() == [44, 1] and rows["cut"].to_pylist() == [26, 0]
    kept = " ".join(story.split()[26:])
    assert rows["tokens"].to_pylist()[0] == by_hand(model, tokenizer(place), kept, 20)
    assert about["truncated"] == 1 and about["new_tokens"] == 20
    assert set(rows["ended"].to_pylist()) <= {"length", "ended"}


def test_what_cannot_be_shortened_takes_from_the_answer(place):
    """The request itself has 17 words and stops, and the story loses all of its own."""
    model = plain("opt")
    words = tokenizer(place, WORDS)
    asked = len(words(SUMMARISE)["input_ids"])
    path = written.summary(place / "window.parquet", new_tokens=64 - asked + 3)
    rows, about = rows_of(generate, model, words, path, limit=2)
    assert rows["prompt_tokens"].to_pylist() == [asked] * 2 and rows["cut"].to_pylist() == [5, 9]
    assert [len(each) for each in rows["tokens"].to_pylist()] == [64 - asked] * 2
    assert rows["ended"].to_pylist() == ["window"] * 2 and about["truncated"] == 2


def test_a_window_without_room_is_refused(place):
    model, words = plain("opt"), tokenizer(place, WORDS)
    who = Respondent(model, words, "decoder", virtual_tokens=5)
    for new, asked in ((59, respondent(model, words, 5)), (64, respondent(model, words))):
        path = messages(place, "w1", new_tokens=new)
        with pytest.raises(InputError, match=rf"messages.parquet: .* has no room for an answer of {new}; say fewer in"):
            generate.ask(asked, path, ALL, PLAN)
    rows, _ = rows_of(generate, model, words, messages(place, "w1", new_tokens=58), virtual_tokens=who.virtual_tokens)
    assert rows["prompt_tokens"].to_pylist() == [1]
    asked = len(words(SUMMARISE)["input_ids"])
    path = written.summary(place / "none.parquet", new_tokens=2)
    with pytest.raises(InputError, match=rf"row s0: what the model is asked takes {asked} tokens even without"):
        rows_of(generate, model, words, path, virtual_tokens=64 - asked)


def test_an_encoder_decoder_reads_and_writes_in_windows_of_their_own(place):
    path = written.conversation(place / "bart.parquet", [[" ".join(["w7"] * 80)]], new_tokens=64)
    rows, _ = rows_of(generate, plain("bart"), tokenizer(place, WORDS), path)
    assert rows["prompt_tokens"].to_pylist() == [64] and rows["cut"].to_pylist() == [16]
    assert len(rows["tokens"][0]) == 64 or rows["ended"].to_pylist() == ["ended"]
    with pytest.raises(InputError, match="has no room for an answer of 65"):
        rows_of(generate, plain("bart"), tokenizer(place, WORDS), messages(place, "w1", new_tokens=65))


def test_where_no_model_names_a_window_its_tokenizer_does(place):
    words = copy.deepcopy(tokenizer(place, WORDS))
    words.model_max_length = 8
    path = written.conversation(place / "t5.parquet", [[" ".join(["w7"] * 20)]], new_tokens=9)
    rows, _ = rows_of(generate, plain("t5"), words, path)
    assert rows["prompt_tokens"].to_pylist() == [8] and rows["cut"].to_pylist() == [12]
