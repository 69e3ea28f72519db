"""How facts are put together, and that a sentence's score can be made independent of its neighbours."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest
import torch
from helpers import tiny
from helpers.asking import respondent

from knowcost.benchmarks import prepared
from knowcost.common import paths
from knowcost.compress.archive import make as archive
from knowcost.models import int8_linear
from knowcost.models.load import load
from knowcost.score import ask as asking
from knowcost.score.places import ALL
from knowcost.score.plan import Plan, plan

OPTIONS = {"tokens_per_batch": 64, "batch_size": "auto", "int8_activations": "batch"}


@pytest.fixture(params=["bert", "llama", "t5"])
def quantized(request, tmp_path):
    """(model, tokenizer, benchmark file): everything in int8, and clozes of several lengths with candidates."""
    tiny.fetched(request.param, tmp_path / "model")
    archive.make_archive("m", "int8@overall", archive.Inputs(tmp_path / "model"), tmp_path / "archive")
    words = [f"w{i}" for i in range(12)]
    rows = [
        {"id": str(i), "cloze": " ".join(words[i : i + 3 + i % 4]) + " [MASK]", "answer": "w9", "candidates": words[6:]}
        for i in range(6)
    ]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prepared.prepare({"name": "own", "format": "cloze"}, tmp_path / "own.jsonl", tmp_path / paths.benchmark("own"))
    return *load(tmp_path / "archive"), tmp_path / paths.benchmark("own")


def scores(module, tokenizer, file, activations, tokens):
    options = OPTIONS | {"int8_activations": activations, "tokens_per_batch": tokens}
    int8_linear.set_activations(module, activations)
    batches = replace(plan("cpu", options, int8=True), harness_tokens=tokens)
    rows, _ = asking.ask(respondent(module, tokenizer), file, ALL, batches)
    return torch.tensor(rows["logprob"].to_pylist())


def test_with_a_scale_per_sentence_neighbours_do_not_matter(quantized):
    per_sentence, together = (scores(*quantized, "sentence", tokens) for tokens in (1, 500))
    assert torch.allclose(per_sentence, together, atol=1e-5)
    alone, together = (scores(*quantized, "batch", tokens) for tokens in (1, 500))
    assert not torch.allclose(alone, together, atol=1e-5)
    assert torch.allclose(per_sentence, alone, atol=1e-5)  # one sentence is a batch of its own


def test_asked_twice_in_half_the_size(quantized, monkeypatch):
    module, tokenizer, file = quantized
    batches = plan("cpu", OPTIONS | {"batch_size": 5}, int8=True)
    assert batches.halved() == Plan(32, 512, 2048, prompts=2, one_length=False, shares=False)
    plans, once = [], asking._ask
    monkeypatch.setattr(asking, "_ask", lambda *args: plans.append(args[-1]) or once(*args))
    rows, _ = asking.ask(respondent(module, tokenizer), file, ALL, batches)
    assert rows["again"].null_count == len(rows) and plans == [batches]
    rows, _ = asking.ask(respondent(module, tokenizer), file, ALL, batches, twice=True)
    assert (
        plans == [batches, batches, batches.again()]
        and rows["again"].type == pa.bool_()
        and rows["again"].null_count == 0
    )


def test_int8_is_asked_in_the_same_batches_on_every_device():
    assert plan("cuda", OPTIONS, int8=False).harness_tokens == 16384
    assert plan("cuda", OPTIONS, int8=True).harness_tokens == 1024
