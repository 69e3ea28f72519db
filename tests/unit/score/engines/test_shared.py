"""Answers whose contexts are read once, beside one whole pass for each row, on every architecture that can be asked."""

import os
import random

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import pytest
import torch
import transformers
from helpers import tiny
from helpers.asking import rows_of
from helpers.questions import WORDS, make_llama, make_t5, word_tokenizer, write

from knowcost.score.engines import lm_eval as harness
from knowcost.score.engines import sharing
from knowcost.score.engines.reader import DecoderReader, EncoderDecoderReader
from knowcost.score.engines.shared import Shared
from knowcost.spec.architectures import family_of

WINDOW = 60
ASKED = [kind for kind in tiny.EVERY if family_of(kind.removesuffix("-tied")) != "encoder"]


def requests():
    """({number: (context, answer)}, {number: question}): choices of several tokens, of one, pairs with a gap, behind
    shots, and longer than the window."""
    draw, made, questions = random.Random(0), {}, {}
    shots = [draw.randrange(6, 110) for _ in range(36)]

    def some(least, most):
        return [draw.randrange(6, 110) for _ in range(draw.randint(least, most))]

    for question in range(24):
        context = (shots if question % 4 == 1 else []) + some(3, 18 if question else 70)
        match question % 4:
            case 0 | 1:
                pairs = [(context, some(1, 8)) for _ in range(4)]
            case 2:
                pairs = [(context, some(1, 1)) for _ in range(4)]
            case _:
                rest = some(6, 6)
                pairs = [(context + some(1, 2), rest) for _ in range(2)]
        for pair in pairs:
            questions[len(made)] = question
            made[len(made)] = pair
    return made, questions


def logits_of(model, context, answer):
    """(tokens, vocabulary) where a model has read all that is before each token of an answer, in a pass of one row."""
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            read = torch.tensor([[model.config.decoder_start_token_id, *answer[:-1]]])
            return model(input_ids=torch.tensor([context[-WINDOW:]]), decoder_input_ids=read).logits[0]
        row = torch.tensor([[*context, *answer][-(WINDOW + 1) : -1]])
        return model(row, use_cache=False).logits[0, -len(answer) :]


def row_by_row(model, context, answer):
    """(log-likelihood, whether it is the likeliest) of one row, a pass of its own."""
    logits, right = logits_of(model, context, answer), torch.tensor(answer)
    return logits.log_softmax(-1).gather(1, right[:, None]).sum().item(), bool((logits.argmax(-1) == right).all())


def likeliest(model, context):
    """Two tokens with which a model goes on."""
    first = logits_of(model, context, [0])[-1].argmax().item()
    return [first, logits_of(model, context, [first, 0])[-1].argmax().item()]


@pytest.mark.parametrize("kind", ASKED)
def test_every_architecture_gives_what_its_rows_give(kind):
    model = tiny.model(kind)
    asked, questions = requests()
    asked[8] = asked[8][0], likeliest(model, asked[8][0])
    if model.config.is_encoder_decoder:
        reader, branch = EncoderDecoderReader(model), sharing.Branch(stems=sharing.of_encoder_decoder(asked, WINDOW))
    else:
        reader = DecoderReader(model)
        branch = sharing.branched(sharing.of_decoder(asked, questions, WINDOW), least=64)
        assert [each.length for each in branch.branches] == [36]
    answers = {number: answer for number, (_, answer) in asked.items()}
    found, batches = {}, 0
    for _, some, _ in Shared(reader, answers, lambda length: max(1, 300 // length), cost=32).ask(branch):
        found, batches = found | some, batches + 1
    assert batches > 2 and found.keys() == asked.keys()
    for number, (context, answer) in asked.items():
        logprob, greedy = row_by_row(model, context, answer)
        assert found[number][0] == pytest.approx(logprob, abs=1e-4) and found[number][1] == greedy
    assert found[8][1] and not found[9][1]


@pytest.mark.parametrize("kind", [kind for kind in ASKED if tiny.model(kind).config.is_encoder_decoder])
def test_an_encoder_decoder_reads_contexts_with_one_answer_each_in_one_pass_of_its_decoder(kind, monkeypatch):
    model = tiny.model(kind)
    asked = {number: pair for number, pair in requests()[0].items() if number % 5 == 3}
    asked[3] = asked[3][0], likeliest(model, asked[3][0])
    asked[100] = asked[3][0], [*asked[3][1][:-1], 7]  # the same tail
    stems = sharing.of_encoder_decoder(asked, WINDOW)
    assert {len(stem.tails) for stem in stems} == {1} and len(stems) == len(asked) - 1
    reader, passes = EncoderDecoderReader(model), []
    decoded = reader._decoded
    monkeypatch.setattr(reader, "_decoded", lambda *args, **given: passes.append(given) or decoded(*args, **given))
    answers = {number: answer for number, (_, answer) in asked.items()}
    found, batches = {}, 0
    for _, some, _ in Shared(reader, answers, lambda length: max(1, 300 // length), 32).ask(
        sharing.Branch(stems=stems)
    ):
        found, batches = found | some, batches + 1
    assert passes == [{"use_cache": False}] * batches
    for number, (context, answer) in asked.items():
        logprob, greedy = row_by_row(model, context, answer)
        assert found[number][0] == pytest.approx(logprob, abs=1e-4) and found[number][1] == greedy
    assert found[3][1] and not found[100][1]


WORDY = [
    {"question": "is the big city Rome in Italy or in the capital of Norway not in France ? " * n, "answer": "Rome",
     "candidates": ["Oslo", "Rome", "the city Bonn", "Paris in France"]}
    for n in (1, 2, 2, 1, 1)
]  # fmt: skip


@pytest.fixture
def benchmark(tmp_path):
    facts = [{**fact, "question": f"{word} {fact['question']}"} for fact, word in zip(WORDY, WORDS, strict=False)]
    return write(tmp_path / "question.parquet", "question", facts)


def test_less_is_read(benchmark):
    model, tokenizer, read = make_llama(), word_tokenizer(), []
    model.model.register_forward_pre_hook(
        lambda _, args, kwargs: read.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    rows, about = rows_of(harness, model, tokenizer, benchmark, shares=False)
    before = sum(read)
    read.clear()
    shared, told = rows_of(harness, model, tokenizer, benchmark)
    assert sum(read) < before  # though the longest and the shortest question were read row by row beside it
    assert told["batch_plan"] == f"{about['batch_plan']}, each context read once"
    assert rows.drop(["logprob", "choice_logprobs", "top_logprob"]).equals(
        shared.drop(["logprob", "choice_logprobs", "top_logprob"])
    )
    assert shared["logprob"].to_pylist() == pytest.approx(rows["logprob"].to_pylist(), abs=1e-4)


def spoiled(cache):
    """Keys that are not those of what was read."""
    for layer in cache.layers:
        layer.keys = layer.keys.roll(1, dims=-2)


def missing(cache):
    cache.layers.clear()


def none(output):
    output.past_key_values = None


def one_token_first(folder):
    """A benchmark whose longest questions, which are read first, have answers of one token: no cache is used."""
    facts = [
        {"question": "is Rome a big city in Italy ? " * 5, "answer": "yes", "candidates": ["no", "yes"]},
        {"question": "capital of Norway ?", "answer": "the city Oslo", "candidates": ["big Bonn", "the city Oslo"]},
    ]
    return write(folder / "first.parquet", "question", facts)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("wrong", [spoiled, missing, none])
def test_a_wrong_cache_is_found_and_not_used(wrong, first, benchmark, tmp_path, caplog):
    model, benchmark = make_llama(), one_token_first(tmp_path) if first else benchmark
    expected, about = rows_of(harness, model, word_tokenizer(), benchmark, shares=False)

    def spoil(module, args, output):
        if output.past_key_values is not None:
            wrong(output if wrong is none else output.past_key_values)

    model.register_forward_hook(spoil)
    rows, told = rows_of(harness, model, word_tokenizer(), benchmark)
    assert rows.equals(expected) and told["batch_plan"] == about["batch_plan"]
    assert "contexts are read again for each answer" in caplog.text


def test_a_cache_that_fails_behind_a_beginning_is_not_used(benchmark, monkeypatch, caplog):
    expected, about = rows_of(harness, make_llama(), word_tokenizer(), benchmark, shares=False)
    monkeypatch.setattr(sharing, "SHORTEST_BEGINNING", 1)
    monkeypatch.setattr("knowcost.score.engines.lm_eval_likelihoods.PASS", {"cpu": 1})
    read = DecoderReader.read

    def failing(self, stems, keep, cached, before=None):
        if before is not None:
            raise NotImplementedError("reads no second time")
        return read(self, stems, keep, cached)

    monkeypatch.setattr(DecoderReader, "read", failing)
    rows, told = rows_of(harness, make_llama(), word_tokenizer(), benchmark)
    assert rows.equals(expected) and told["batch_plan"] == about["batch_plan"]
    assert "NotImplementedError: reads no second time" in caplog.text


def test_no_memory_is_no_wrong_cache(benchmark):
    model = make_llama()

    def full(*_):
        raise torch.OutOfMemoryError

    model.register_forward_hook(full)
    with pytest.raises(torch.OutOfMemoryError):
        rows_of(harness, model, word_tokenizer(), benchmark)


def test_row_by_row_an_encoder_reads_equal_rows_of_a_batch_once(benchmark):
    """With int8 activations that have one scale for a batch, this leaves the scale what it is."""
    model, tokenizer, read = make_t5(), word_tokenizer(ending=True), []
    model.get_encoder().register_forward_pre_hook(
        lambda _, args, kwargs: read.append(kwargs["input_ids"].tolist()), with_kwargs=True
    )
    rows_of(harness, model, tokenizer, benchmark, shares=False)
    assert read and all(len(set(map(tuple, rows))) == len(rows) for rows in read)


def test_what_is_made_of_the_questions_is_made_once_for_a_tokenizer(benchmark, monkeypatch):
    tokenizer = word_tokenizer()
    first, _ = rows_of(harness, make_llama(), tokenizer, benchmark)
    called = []
    monkeypatch.setattr(transformers.PreTrainedTokenizerFast, "encode", lambda *_, **__: called.append(1))
    again, _ = rows_of(harness, make_llama(), tokenizer, benchmark)
    assert again.equals(first) and not called
