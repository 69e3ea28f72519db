"""Dynamic prompts, asked by every engine that asks decoders: the context chooses, and what is said is what a plain
computation with the chosen prompt's embeddings in front says."""

import os

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import contextlib
import json

import pyarrow as pa
import pytest
import torch
from helpers.asking import rows_of
from helpers.questions import FACTS, make_llama, prompts, word_tokenizer, write

from knowcost.common.parquet import KEY
from knowcost.recover.dynamic import Dynamic
from knowcost.score.engines import lm_eval as harness
from knowcost.score.engines import perplexity, similarity
from knowcost.score.engines.contexts import Contexts

LENGTHS = (3, 5)
TEXT = "Rome is the capital of Italy . Oslo is not a big city in France , is Paris the city ? no"


def vectors(model):
    draw = torch.Generator().manual_seed(4)
    near = model.get_input_embeddings().weight[9].detach()
    return [near + 0.5 * torch.randn(length, 32, generator=draw) for length in LENGTHS]


def chooser_of(per_layer):
    """(a model, its Dynamic)."""
    model = make_llama(positions=128)
    return model, Dynamic(model, vectors(model), per_layer)


def asked(per_layer, benchmark, engine=harness, **plan):
    """(the rows as dicts, metadata) of a fresh model."""
    model, _ = chooser_of(per_layer)
    table, about = rows_of(engine, model, word_tokenizer(), benchmark, virtual_tokens=5, **plan)
    return table.to_pylist(), about


@torch.no_grad()
def chosen_by(per_layer, context):
    """What a text chooses that is read by itself."""
    model, chooser = chooser_of(per_layer)
    model(torch.tensor([context]))
    return chooser.chosen()[0]


@torch.no_grad()
def behind(length, ids):
    """Log-probabilities (tokens, vocabulary) of a text behind the one prompt of that length, by plain transformers."""
    model = make_llama(positions=128)
    prompt = vectors(model)[LENGTHS.index(length)]
    embedded = torch.cat([prompt[None], model.get_input_embeddings()(torch.tensor([ids]))], dim=1)
    return model(inputs_embeds=embedded).logits[0, length:].log_softmax(-1)


@torch.no_grad()
def said_per_layer(context, whole):
    """Log-probabilities of a text of which so many tokens choose, row by row."""
    model, chooser = chooser_of(per_layer=True)
    with chooser.reading([context]):
        return model(torch.tensor([whole])).logits[0].log_softmax(-1)


def score(logprobs, context, answer):
    """The log-likelihood of an answer behind a context, out of the text's log-probabilities."""
    places = torch.arange(len(context) - 1, len(context) + len(answer) - 1)
    return logprobs[places, torch.tensor(answer)].sum().item()


@pytest.mark.parametrize("per_layer", [True, False])
@pytest.mark.parametrize("plan", [{}, {"prompts": 1}, {"harness_tokens": 24}, {"one_length": True}])
@pytest.mark.parametrize("kind", list(FACTS))
def test_all_choices_get_the_prompt_that_their_context_chooses(kind, plan, per_layer, tmp_path):
    rows, about = asked(per_layer, write(tmp_path / "facts.parquet", kind, FACTS[kind]), **plan)
    encode, own = word_tokenizer().encode, 0
    for row, fact in zip(rows, FACTS[kind], strict=True):
        pairs = [(encode(context), encode(answer)) for context, answer in prompts(kind, fact)]
        one, other = (context + answer for context, answer in pairs[:2])
        most = min(len(context) for context, _ in pairs)
        common = next((i for i in range(most) if one[i] != other[i]), most)
        own += common == 0
        chosen = [chosen_by(per_layer, context[: common or None]) for context, _ in pairs]
        assert row["chosen"] == chosen[0]
        for (context, answer), each, found in zip(pairs, chosen, row["choice_logprobs"], strict=True):
            if per_layer:
                said = said_per_layer(common or len(context), context + answer)
            else:
                said = behind(each[0], context + answer)
            assert found == pytest.approx(score(said, context, answer), abs=1e-4)
        if common:
            assert all(each == chosen[0] for each in chosen)
    assert about["own_contexts"] == own == (kind == "winogrande")
    assert {length for row in rows for length in row["chosen"]} <= set(LENGTHS)


def test_choices_vary(tmp_path):
    """Else the test above shows nothing."""
    rows = [row for kind in FACTS for row in asked(True, write(tmp_path / f"{kind}.parquet", kind, FACTS[kind]))[0]]
    assert len({tuple(row["chosen"]) for row in rows}) > 1


@pytest.mark.parametrize("per_layer", [True, False])
@pytest.mark.parametrize("plan", [{}, {"prompts": 2}])
def test_generated_answers_keep_what_the_prompt_chose(plan, per_layer, tmp_path):
    questions = ["capital of Italy", "is Oslo a city in Norway", "Bonn"]
    facts = [{"question": each, "answers": ["Rome"]} for each in questions]
    rows, _ = asked(per_layer, write(tmp_path / "facts.parquet", "triviaqa", facts), **plan)
    tokenizer = word_tokenizer()
    for row, question in zip(rows, questions, strict=True):
        prompt = tokenizer.encode(f"Question: {question}?\nAnswer:")
        assert row["chosen"] == chosen_by(per_layer, prompt)
        text = list(prompt)
        for _ in range(32):
            found = said_per_layer(len(prompt), text) if per_layer else behind(row["chosen"][0], text)
            text.append(int(found[-1].argmax()))
            if text[-1] == 1 or tokenizer.decode(text[-1:]) in (".", ","):
                break
        expected = tokenizer.decode(text[len(prompt) :], skip_special_tokens=True)
        assert row["prediction"].strip() == expected.rstrip(" .,").strip()


@pytest.mark.parametrize("per_layer", [True, False])
@pytest.mark.parametrize("most", [4, 100])
def test_a_windows_first_tokens_choose_and_are_not_scored(most, per_layer, monkeypatch):
    monkeypatch.setattr(perplexity, "WINDOW", 12)
    monkeypatch.setattr(perplexity, "CHOOSING", most)
    schema = pa.schema(dict.fromkeys(("id", "relation", "text"), pa.string()))
    table = pa.Table.from_pylist([{"id": "t", "text": TEXT}], schema=schema)
    rows, about = asked(per_layer, table.replace_schema_metadata({KEY: json.dumps({"kind": "text"})}), perplexity)
    ids, first = word_tokenizer()(TEXT)["input_ids"], 3  # a quarter of the window
    assert len(rows) == len(ids) // 12 and about["unscored"] == first
    for number, row in enumerate(rows):
        window = ids[12 * number : 12 * (number + 1)]
        assert row["chosen"] == chosen_by(per_layer, window[:first])
        said = said_per_layer(first, window) if per_layer else behind(row["chosen"][0], window)
        assert row["logprob"] == pytest.approx(score(said, window[:first], window[first:]), abs=1e-4)
        words = TEXT.split()[12 * number + first : 12 * (number + 1)]
        assert (row["tokens"], row["words"], row["bytes"]) == (9, 9, len(" ".join(words).encode()))


def test_lines_choose_by_a_quarter_of_theirs():
    schema = pa.schema(dict.fromkeys(("id", "relation", "text"), pa.string()))
    lines = ["Rome is", "the capital of Norway is Oslo in France", "Rome is big"]
    table = pa.Table.from_pylist([{"id": line, "text": line} for line in lines], schema=schema)
    rows, _ = asked(True, table.replace_schema_metadata({KEY: json.dumps({"kind": "lines"})}), perplexity)
    assert [row["tokens"] for row in rows] == [1, 6, 2]


@pytest.mark.parametrize("per_layer", [True, False])
def test_attention_and_states_are_those_of_the_text(per_layer):
    model, _ = chooser_of(per_layer)
    states = similarity._states(model, torch.tensor(word_tokenizer().encode(TEXT)))
    width = len(word_tokenizer().encode(TEXT))
    assert [(attention.shape, state.shape) for attention, state in states] == [((2, width, width), (width, 32))] * 2


class Told:
    """In a Dynamic's place: remembers what it was told."""

    def __init__(self):
        self.contexts = []

    def reading(self, contexts):
        self.contexts.append(list(contexts))
        return contextlib.nullcontext()

    def chosen(self):
        return [[length] for length in self.contexts[-1]]


def test_rows_that_questions_share_are_asked_apart_where_their_contexts_differ():
    """Facts 0 and 1 both ask (1 2 | 3), but the other choice of fact 1 leaves only its first token in common."""
    told = Told()
    contexts = Contexts(told, special=[0])
    requests = [("", [1, 2], [3]), ("", [1, 2], [4]), ("", [1, 2], [3]), ("", [1, 5], [3])]
    contexts.learn([0, 0, 1, 1], requests)
    parts = contexts.rounds([0, 1, 2, 3])
    assert parts == [[0, 1, 3], [2]]
    for part, rows in zip(parts, ([requests[0], requests[3]], [requests[2]]), strict=True):
        with contexts.round(part):
            contexts.in_order(rows)
            with contexts.reading(len(rows), window=8):
                pass
    assert told.contexts == [[2, 1], [1]]
    assert contexts.chosen == {0: [2], 1: [1]} and contexts.own == []


def test_what_the_window_cuts_off_does_not_choose():
    told = Told()
    contexts = Contexts(told, special=[])
    request = ("", [1, 2, 3, 4], [5, 6, 7])
    contexts.learn([0], [request])
    with contexts.round([0]):
        contexts.in_order([request])
        with contexts.reading(1, window=4):  # reads 3 4 5 6
            pass
    assert told.contexts == [[2]]


def test_a_beginning_without_a_word_does_not_choose():
    """Choices that share a start token alone have contexts of their own."""
    contexts = Contexts(Told(), special=[0])
    contexts.learn([0, 0], [("", [0, 1], [3]), ("", [0, 2, 2], [3])])
    assert contexts.rounds([0, 1]) == [[0, 1]]
    assert contexts.own == [0]
    assert contexts._lengths == [2, 3]
