"""Small memories. Batches that do not fit are halved until they do, and the cell says which size it was; a model that
is spread over several memories answers as a whole one does."""

import contextlib
import json

import accelerate
import pytest
import tiny
import torch
import transformers

from knowcost import benchmarks, harness, probe

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
    benchmarks.prepare({"name": "own", "format": kind, "families": family}, tmp_path / "own.jsonl", path)
    return path


@pytest.fixture
def ask_clozes(tmp_path):
    """(model, function of tokens_per_batch that asks 12 clozes of 2 to 6 tokens)."""
    model = tiny.fetched("bert", tmp_path / "m")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "m")
    table, _ = benchmarks.read(write(tmp_path, "cloze", CLOZES, "encoder"))
    return model, lambda size: probe.cloze_rows(model, tokenizer, table, tokens_per_batch=size)


@pytest.fixture
def ask_questions(tmp_path):
    """(model, function of batch_size that asks 6 questions)."""
    model = tiny.fetched("llama", tmp_path / "m")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "m")
    path = write(tmp_path, "question", QUESTIONS, "decoder")
    return model, lambda size: harness.task_rows(model, tokenizer, path, batch_size=size, tokens_per_batch=128)


# with at most 25 tokens the largest batch is 4 sentences of 5
@pytest.mark.parametrize(("asked", "used"), [(256, 16), (16, 16), (100, 25)])
def test_a_probe_halves_its_tokens_and_asks_all_again(ask_clozes, caplog, asked, used):
    model, ask = ask_clozes
    expected, _ = ask(used)
    with memory_for(model, 20):
        rows, metadata = ask(asked)
    assert rows.equals(expected)  # to the last bit: as if the smaller size had been asked for
    assert f"at most {used} padded tokens a batch" in metadata["batch_plan"]
    assert (f"{asked} did not fit into memory" in metadata["batch_plan"]) == (asked != used)
    assert ("out of memory" in caplog.text) == (asked != used)


@pytest.mark.parametrize(
    ("asked", "plan"),
    [
        (None, "harness, batches of at most 16 tokens, halved when memory ran out"),
        (6, "harness, batch size 1, halved when memory ran out"),
        (1, "harness, batch size 1"),
    ],
)
def test_the_harness_halves_tokens_or_questions(ask_questions, caplog, asked, plan):
    model, ask = ask_questions
    expected, _ = ask(1)
    with memory_for(model, 16):
        rows, metadata = ask(asked)
    assert metadata["batch_plan"] == plan
    assert rows["logprob"].to_pylist() == pytest.approx(expected["logprob"].to_pylist(), abs=1e-4)
    assert ("out of memory" in caplog.text) == (asked != 1)


@pytest.mark.parametrize("size", [None, 6])
def test_memory_for_not_even_one_question_is_an_error(ask_questions, size):
    model, ask = ask_questions
    with memory_for(model, 2), pytest.raises(torch.OutOfMemoryError):
        ask(size)


def test_memory_for_not_even_one_sentence_is_an_error(ask_clozes):
    model, ask = ask_clozes
    with memory_for(model, 1), pytest.raises(torch.OutOfMemoryError):
        ask(256)


def spread(model, first, second, folder):
    """The model with some of its modules in another place: the disk stands in for a second GPU."""
    places = dict.fromkeys(first, "cpu") | dict.fromkeys(second, "disk")
    return accelerate.dispatch_model(model, places, "cpu", offload_dir=folder, offload_buffers=True)


def test_a_spread_encoder_answers_as_a_whole_one(ask_clozes, tmp_path):
    model, ask = ask_clozes
    expected, _ = ask(64)
    first = ("bert.embeddings", "bert.encoder.layer.0", "cls.predictions")
    spread(model, first, ("bert.encoder.layer.1",), tmp_path / "second")
    assert next(model.bert.encoder.layer[1].parameters()).device.type == "meta"
    assert ask(64)[0].equals(expected)


def test_a_spread_decoder_answers_as_a_whole_one(ask_questions, tmp_path):
    model, ask = ask_questions
    expected, _ = ask(None)
    first = ("model.embed_tokens", "model.rotary_emb", "model.layers.0", "lm_head")
    spread(model, first, ("model.layers.1", "model.norm"), tmp_path / "second")
    assert next(model.model.layers[1].parameters()).device.type == "meta"
    assert ask(None)[0].equals(expected)
