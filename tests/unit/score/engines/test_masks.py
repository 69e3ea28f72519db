"""Variants that differ in the final layer share one pass of the encoder, and answer as each does alone, bit for bit."""

import copy
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
import torch
import transformers
from helpers import tiny
from helpers.asking import PLAN, respondent
from helpers.masked import ALL, make

from knowcost.common import seal
from knowcost.models import int8_linear
from knowcost.score.engines import cloze, cloze_published
from knowcost.score.places import ALL as EVERY
from knowcost.score.states import States
from knowcost.spec.architectures import architectures

ENCODERS = [kind for kind in tiny.FURTHER if architectures()[kind].family == "encoder"]
LEVELS = range(10, 100, 10)


@pytest.fixture
def benchmark(tmp_path):
    pq.write_table(ALL, tmp_path / "benchmark.parquet")
    seal.seal(tmp_path / "benchmark.parquet")
    return tmp_path / "benchmark.parquet"


def pruned(model, percent, rows=False):
    """A copy whose final layer, untied, lost its smallest weights, or whole rows."""
    made = copy.deepcopy(model)
    head = made.get_output_embeddings()
    weight = head.weight.detach().clone()
    size = weight.abs().sum(1, keepdim=True).expand_as(weight) if rows else weight.abs()
    weight[size <= size.flatten().kthvalue(max(1, weight.numel() * percent // 100)).values] = 0
    head.weight = torch.nn.Parameter(weight)
    return made


def in_int8(model, engine, activations):
    """A copy whose final layer computes in dynamic int8."""
    made = copy.deepcopy(model)
    head = made.get_output_embeddings()
    name = next(name for name, module in made.named_modules() if module is head)
    scale = head.weight.detach().abs().max().reshape(1) / 127.5
    weight = (head.weight.detach() / scale).round().clamp(-128, 127).to(torch.int8)
    made.set_submodule(name, int8_linear.ENGINES[engine](weight, scale, head.bias))
    int8_linear.set_activations(made, activations)
    return made.eval()


def passes(models):
    """A list that grows by the sentences of each batch that an encoder of these really computes."""
    computed = []
    for model in models:
        model.get_input_embeddings().register_forward_hook(lambda module, given, out: computed.append(len(given[0])))
    return computed


def passes_of(model, tokenizer, benchmark, engine=cloze, **plan):
    """The sentences of each batch of one that is asked alone."""
    model = copy.deepcopy(model)
    model.get_input_embeddings()._forward_hooks.clear()
    computed = passes([model])
    asked(engine, model, tokenizer, benchmark, **plan)
    return computed


def asked(engine, model, tokenizer, benchmark, states=None, **plan):
    rows, told = engine.ask(
        replace(respondent(model, tokenizer), states=states), benchmark, EVERY, replace(PLAN, cloze_tokens=64, **plan)
    )
    return rows, told.metadata(EVERY)


@pytest.mark.parametrize(
    ("engine", "architecture"),
    [(cloze, "bert"), (cloze, "roberta"), (cloze, "distilbert"), (cloze_published, "bert")],
)
def test_variants_of_the_final_layer_answer_as_alone_in_one_pass(engine, architecture, benchmark):
    dense, tokenizer = make(architecture)
    variants = [pruned(dense, percent, rows) for percent in LEVELS for rows in (False, True)]
    variants += [dense, in_int8(dense, "knowcost", "batch"), in_int8(dense, "torch", "batch")]
    alone = [asked(engine, model, tokenizer, benchmark) for model in variants]
    once = sum(passes_of(dense, tokenizer, benchmark, engine))
    states = States().of("the same")
    computed = passes(variants)
    together = [asked(engine, model, tokenizer, benchmark, states) for model in variants]
    assert sum(computed) <= 1.5 * once and len(computed) > 3
    for (rows, told), (expected, said) in zip(together, alone, strict=True):
        assert rows.equals(expected) and told == said
    assert len({tuple(rows["prediction"].to_pylist()) for rows, _ in together}) > 5  # they do differ


@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert"])
def test_int8_heads_with_a_scale_per_sentence_share_a_pass_of_sentences_of_one_length(architecture, benchmark):
    dense, tokenizer = make(architecture)
    variants = [in_int8(model, "knowcost", "sentence") for model in (dense, pruned(dense, 40), pruned(dense, 80))]
    alone = [asked(cloze, model, tokenizer, benchmark, one_length=True) for model in variants]
    states = States().of("the same")
    first = asked(cloze, dense, tokenizer, benchmark, states)  # padded: no part of what the others share
    computed = passes(variants)
    together = [asked(cloze, model, tokenizer, benchmark, states, one_length=True) for model in variants]
    assert sum(computed) == sum(passes_of(variants[0], tokenizer, benchmark, one_length=True))
    assert together == alone
    assert asked(cloze, dense, tokenizer, benchmark, states) == first == asked(cloze, dense, tokenizer, benchmark)


@pytest.mark.parametrize("kind", ENCODERS)
def test_heads_of_every_architecture_take_what_is_handed_on(kind, tmp_path, benchmark):
    dense = tiny.fetched(kind, tmp_path / "m")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "m")
    table = ALL.set_column(3, "cloze", [[f"w{i} [MASK] w3 " + "w4 " * (i % 4) for i in range(len(ALL))]])
    table = table.set_column(4, "answer", [[f"w{i}" for i in range(len(ALL))]])
    pq.write_table(table, benchmark)
    seal.seal(benchmark)
    variants = [pruned(dense, 50), in_int8(dense, "knowcost", "batch"), dense]
    alone = [asked(cloze, model, tokenizer, benchmark) for model in variants]
    states, computed = States().of("the same"), passes(variants)
    assert [asked(cloze, model, tokenizer, benchmark, states) for model in variants] == alone
    assert sum(computed) == len(ALL) and len({str(rows["logprob"]) for rows, _ in alone}) == 3


@pytest.mark.parametrize(
    "changes",
    [{"cloze_tokens": 32}, {"part": slice(5)}, {"dtype": torch.bfloat16}, {"rows": ALL[:20]}, {"beneath": "another"}],
)
def test_a_pass_serves_nothing_else(changes, benchmark):
    """Neither other batches, facts, numbers nor weights."""
    model, tokenizer = make("bert")
    memo = States()
    asked(cloze, model, tokenizer, benchmark, memo.of("the same"))
    if "rows" in changes:
        pq.write_table(changes["rows"], benchmark)
        seal.seal(benchmark)
    model = model.to(changes.get("dtype", torch.float32))
    computed = passes([model])
    who = replace(respondent(model, tokenizer), states=memo.of(changes.get("beneath", "the same")))
    plan = replace(PLAN, cloze_tokens=changes.get("cloze_tokens", 64))
    cloze.ask(who, benchmark, changes.get("part", EVERY), plan)
    assert computed


def test_the_model_is_left_as_it_was_whatever_happens(benchmark, monkeypatch):
    model, tokenizer = make("bert")
    states = States().of("the same")
    before = asked(cloze, model, tokenizer, benchmark, states)
    own = dict(vars(model.base_model))
    asked(cloze, model, tokenizer, benchmark, states)
    assert vars(model.base_model) == own
    monkeypatch.setattr(cloze, "_fill", lambda *given: 1 / 0)
    for beneath in ("the same", "another"):  # handing on, and making a pass, of which nothing is kept then
        states = states.of(beneath)
        with pytest.raises(ZeroDivisionError):
            asked(cloze, model, tokenizer, benchmark, states)
    monkeypatch.undo()
    assert vars(model.base_model) == own and not model.base_model._forward_hooks
    assert asked(cloze, model, tokenizer, benchmark, states) == before
