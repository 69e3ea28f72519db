"""Perplexity against the formula of GPTQ's and SparseGPT's evaluation, written out in torch."""

import json
import math

import pyarrow as pa
import pytest
import torch
import transformers
from helpers.asking import respondent, rows_of
from helpers.questions import make_llama, make_t5, word_tokenizer

from knowcost.benchmarks import sample
from knowcost.common.errors import InputError
from knowcost.common.parquet import KEY
from knowcost.score import ask as asking
from knowcost.score import measures
from knowcost.score.engines import perplexity
from knowcost.score.places import ALL
from knowcost.score.plan import plan

TEXT = "Rome is the capital of Italy . Oslo is not a big city in France , is Paris the city ? no"
OPTIONS = {"tokens_per_batch": 64, "batch_size": "auto", "int8_activations": "batch"}


def table(kind, *texts):
    """A benchmark of kind `text`, one running text, or `lines`, each by itself."""
    rows = [{"id": f"t{i}", "relation": None, "text": text} for i, text in enumerate(texts)]
    columns = {name: pa.string() for name in ("id", "relation", "text")}
    return pa.Table.from_pylist(rows, schema=pa.schema(columns, metadata={KEY: json.dumps({"kind": kind})}))


def published(model, ids, size):
    """The published loop: the mean loss of each window times its size, over all tokens of all windows."""
    count = len(ids) // size
    losses = []
    for i in range(count):
        window = torch.tensor([ids[i * size : (i + 1) * size]])
        with torch.no_grad():
            logits = model(window).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), window[:, 1:].flatten())
        losses.append(loss.float() * size)
    return math.exp(torch.stack(losses).sum() / (count * size))


def test_running_text_is_measured_as_published(monkeypatch):
    monkeypatch.setattr(perplexity, "WINDOW", 16)
    model, tokenizer = make_llama(), word_tokenizer()
    texts = [f"{TEXT}\n\n", f"{TEXT} .\n\n", TEXT]
    ids = tokenizer("".join(texts))["input_ids"]
    rows, about = rows_of(perplexity, model, tokenizer, table("text", *texts), harness_tokens=40)
    rows = rows.take([rows["id"].to_pylist().index(str(number)) for number in range(len(rows))])
    found = measures.perplexity(rows["logprob"].to_pylist(), rows["tokens"].to_pylist())
    assert found == pytest.approx(published(model, ids, 16), rel=1e-5)
    assert len(ids) % 16 and len(rows) == len(ids) // 16 == about["asked"]
    assert set(rows["tokens"].to_pylist()) == {15} and about["window"] == 16
    first = TEXT.split()[1:16]
    assert rows["words"][0].as_py() == len(first) and rows["bytes"][0].as_py() == len(" ".join(first).encode())


def test_the_window_is_the_models_context_if_that_is_shorter():
    rows, about = rows_of(perplexity, make_llama(positions=24), word_tokenizer(), table("text", TEXT + TEXT))
    assert about["window"] == 24 and set(rows["tokens"].to_pylist()) == {23}
    sizes = {"vocab_size": len(word_tokenizer()), "d_model": 16, "n_heads": 2, "n_layers": 1, "max_seq_len": 20}
    mpt = transformers.MptForCausalLM(transformers.MptConfig(**sizes)).eval()  # which has another word for it
    assert rows_of(perplexity, mpt, word_tokenizer(), table("text", TEXT + TEXT))[1]["window"] == 20


def test_a_limit_is_of_windows_and_a_running_text_has_a_most(monkeypatch):
    monkeypatch.setattr(perplexity, "WINDOW", 4)
    for limit, most, expected in ((2, 256, 2), (None, 3, 3), (9, 3, 3)):
        monkeypatch.setattr(perplexity, "MOST", most)
        rows, about = rows_of(perplexity, make_llama(), word_tokenizer(), table("text", TEXT), limit=limit)
        assert len(rows) == expected and about["limit"] == (limit if limit == 2 else None)


def test_windows_come_in_the_order_in_which_they_are_drawn_in_one_part_or_several(monkeypatch):
    """Else windows of two variants, one of which was asked in parts, are not compared one by one."""
    monkeypatch.setattr(perplexity, "WINDOW", 4)
    rows, about = rows_of(perplexity, make_llama(), word_tokenizer(), table("text", TEXT * 3))
    assert rows["id"].to_pylist() == [str(number) for number in sample.windows(about["available"])]
    first, _ = rows_of(perplexity, make_llama(), word_tokenizer(), table("text", TEXT * 3), limit=3)
    assert first["id"].to_pylist() == rows["id"].to_pylist()[:3]


def test_lines_stand_for_themselves_however_they_are_batched():
    model, tokenizer = make_llama(), word_tokenizer()
    lines = ["Rome is in Italy", "Oslo", "the capital of Norway is Oslo", "Bonn is a city", "Rome is big " * 30]
    rows, about = rows_of(perplexity, model, tokenizer, table("lines", *lines), harness_tokens=20)
    assert rows["id"].to_pylist() == ["t0", "t2", "t3"] and about["dropped"] == {"one_token": 1, "too_long": 1}
    for name, logprob in zip(rows["id"].to_pylist(), rows["logprob"].to_pylist(), strict=True):
        ids = torch.tensor([tokenizer.encode(lines[int(name[1:])])])
        with torch.no_grad():
            each = model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])
        assert logprob == pytest.approx(each.sum().item(), abs=1e-4)
    alone, _ = rows_of(perplexity, model, tokenizer, table("lines", *lines), harness_tokens=1)
    assert alone["logprob"].to_pylist() == pytest.approx(rows["logprob"].to_pylist(), abs=1e-4)


def test_one_length_pads_nothing():
    model, padded = make_llama(), []
    model.register_forward_pre_hook(
        lambda _, args, kwargs: padded.append(not kwargs["attention_mask"].all()), with_kwargs=True
    )
    lines = table("lines", "Rome is in Italy", "Oslo is in Norway", "the capital is big")
    lines = pa.concat_tables([lines, table("lines", "a city", "Bonn is a city")])
    rows_of(perplexity, model, word_tokenizer(), lines)
    assert any(padded)
    padded.clear()
    _, about = rows_of(perplexity, model, word_tokenizer(), lines, one_length=True)
    assert len(padded) == 2 and not any(padded) and about["batch_plan"].endswith("of one length")


def test_asked_through_a_benchmark_file(tmp_path):
    from knowcost.benchmarks import prepared

    (tmp_path / "own.txt").write_text(f"{TEXT}\n\n{TEXT}\n")
    prepared.prepare({"name": "own", "format": "text"}, tmp_path / "own.txt", tmp_path / "own.parquet")
    model = make_llama(positions=16)
    batches = plan("cpu", OPTIONS, int8=False)
    rows, about = asking.ask(respondent(model, word_tokenizer()), tmp_path / "own.parquet", ALL, batches, twice=True)
    assert "again" not in rows.column_names and about["kind"] == "text"
    value = measures.perplexity(rows["logprob"].to_pylist(), rows["tokens"].to_pylist())
    assert measures.MEASURES["perplexity"].summary(rows) == f"perplexity {value:.4g}"
    # as the hub's rows are joined: the line's own break, a blank line, and the break of the empty row between
    assert prepared.read(tmp_path / "own.parquet")[0]["text"].to_pylist() == [f"{TEXT}\n\n\n", "\n\n", f"{TEXT}\n"]


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(InputError, match="T5ForConditionalGeneration: perplexity of a text takes a decoder"):
        rows_of(perplexity, make_t5(), word_tokenizer(), table("text", TEXT))
    with pytest.raises(InputError, match="shorter than one window of 64 tokens"):
        rows_of(perplexity, make_llama(), word_tokenizer(), table("text", TEXT))
