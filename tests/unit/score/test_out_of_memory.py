"""Small memories. Batches that do not fit are halved until they do, and the cell says which size it was; a model that
is spread over several memories answers as a whole one does."""

import contextlib
import json
from dataclasses import replace

import accelerate
import pytest
import torch
import transformers
from helpers import tiny
from helpers.asking import PLAN, respondent

from knowcost.benchmarks import prepared
from knowcost.score import ask as asking
from knowcost.score.places import ALL

CLOZES = [{"id": str(i), "cloze": "w1 " * (i % 5) + f"w{i} [MASK]", "answer": f"w{i + 9}"} for i in range(12)]
QUESTIONS = [
    {"id": str(i), "question": "w1 " * (i % 5) + f"w{i}", "answer": "w3", "candidates": ["w3", "w4 w5"]}
    for i in range(6)
]


@contextlib.contextmanager
def memory_for(model, tokens):
    """Let a model fail as on a full GPU when it is given more input tokens at once."""

    def check(_, args, kwargs):
        given = args[0] if args else kwargs["input_ids"]
        if given.numel() > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory")

    hook = model.register_forward_pre_hook(check, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def write(tmp_path, kind, rows, family):
    """A benchmark of one's own, prepared."""
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "own.parquet"
    prepared.prepare({"name": "own", "format": kind, "families": family}, tmp_path / "own.jsonl", path)
    return path


@pytest.fixture
def clozes(tmp_path):
    """(model, function that asks it 12 clozes of 2 to 6 tokens in batches of so many)."""
    model = tiny.fetched("bert", tmp_path / "m")
    return model, asker(model, tmp_path, write(tmp_path, "cloze", CLOZES, "encoder"), "cloze_tokens")


@pytest.fixture
def questions(tmp_path):
    """(model, function that asks it 6 questions in batches of so many tokens, or of so many prompts)."""
    model = tiny.fetched("llama", tmp_path / "m")
    return model, asker(model, tmp_path, write(tmp_path, "question", QUESTIONS, "decoder"), "harness_tokens")


def asker(model, tmp_path, path, key):
    who = respondent(model, transformers.AutoTokenizer.from_pretrained(tmp_path / "m"))

    def ask(size=1024, twice=False, **changes):
        return asking.ask(who, path, ALL, replace(PLAN, **{key: size}, **changes), twice=twice)

    return ask


# with at most 25 tokens the largest batch is 4 sentences of 5
@pytest.mark.parametrize(("wanted", "used"), [(256, 16), (16, 16), (100, 25)])
def test_clozes_are_all_asked_again_in_smaller_batches(clozes, caplog, wanted, used):
    model, ask = clozes
    expected, _ = ask(used)
    with memory_for(model, 20):
        rows, metadata = ask(wanted)
    assert rows.equals(expected)  # to the last bit: as if the smaller size had been wanted
    assert f"at most {used} padded tokens a batch" in metadata["batch_plan"]
    assert metadata["batch_plan"].endswith("halved when memory ran out") == (wanted != used)
    assert ("out of memory" in caplog.text) == (wanted != used)


@pytest.mark.parametrize(
    ("wanted", "plan"),
    [
        ({"size": 128}, "harness, batches of at most 16 tokens, each context read once, halved when memory ran out"),
        ({"prompts": 6}, "harness, batch size 1, each context read once, halved when memory ran out"),
        ({"prompts": 1}, "harness, batch size 1, each context read once"),
    ],
)
def test_the_harness_halves_tokens_or_prompts(questions, wanted, plan):
    model, ask = questions
    expected, _ = ask(prompts=1)
    with memory_for(model, 16):
        rows, metadata = ask(**wanted)
    assert metadata["batch_plan"] == plan
    assert rows["logprob"].to_pylist() == pytest.approx(expected["logprob"].to_pylist(), abs=1e-4)


def test_what_is_asked_twice_is_then_asked_in_half_of_what_fitted(clozes, monkeypatch):
    model, ask = clozes
    plans, once = [], asking._ask
    monkeypatch.setattr(asking, "_ask", lambda *args: plans.append(args[-1].cloze_tokens) or once(*args))
    with memory_for(model, 20):
        ask(64, twice=True)
    assert plans == [64, 32, 16, 8]


@pytest.mark.parametrize("wanted", [{}, {"prompts": 6}])
def test_memory_for_not_even_one_question_is_an_error(questions, wanted):
    model, ask = questions
    with memory_for(model, 2), pytest.raises(torch.OutOfMemoryError):
        ask(**wanted)


def test_memory_for_not_even_one_sentence_is_an_error(clozes):
    model, ask = clozes
    with memory_for(model, 1), pytest.raises(torch.OutOfMemoryError):
        ask()


def spread(model, first, second, folder):
    """The model with some of its modules in another place: the disk stands in for a second GPU."""
    places = dict.fromkeys(first, "cpu") | dict.fromkeys(second, "disk")
    return accelerate.dispatch_model(model, places, "cpu", offload_dir=folder, offload_buffers=True)


def test_a_spread_encoder_answers_as_a_whole_one(clozes, tmp_path):
    model, ask = clozes
    expected, _ = ask()
    first = ("bert.embeddings", "bert.encoder.layer.0", "cls.predictions")
    spread(model, first, ("bert.encoder.layer.1",), tmp_path / "second")
    assert next(model.bert.encoder.layer[1].parameters()).device.type == "meta"
    assert ask()[0].equals(expected)


def test_a_spread_decoder_answers_as_a_whole_one(questions, tmp_path):
    model, ask = questions
    expected, _ = ask()
    first = ("model.embed_tokens", "model.rotary_emb", "model.layers.0", "lm_head")
    spread(model, first, ("model.layers.1", "model.norm"), tmp_path / "second")
    assert next(model.model.layers[1].parameters()).device.type == "meta"
    assert ask()[0].equals(expected)
