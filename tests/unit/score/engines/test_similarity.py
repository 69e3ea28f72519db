"""Similarity to the dense model, against cosines that are written out over what transformers gives."""

import copy
import json

import numpy as np
import pyarrow as pa
import pytest
import torch
from helpers import tiny
from helpers.asking import PLAN, rows_of
from helpers.questions import make_llama, word_tokenizer
from helpers.virtual import by_peft, virtual

from knowcost.benchmarks import prepared, sample
from knowcost.common.errors import InputError
from knowcost.common.parquet import KEY
from knowcost.recover import prompted
from knowcost.recover.dynamic import Dynamic
from knowcost.score import ask as asking
from knowcost.score.engines import similarity
from knowcost.score.respondent import Respondent

TEXT = "Rome is the capital of Italy . Oslo is not a big city in France , is Paris the city ? no"


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(similarity, "WINDOW", 8)


def table(*texts):
    rows = [{"id": str(i), "relation": None, "text": text} for i, text in enumerate(texts)]
    columns = {name: pa.string() for name in ("id", "relation", "text")}
    return pa.Table.from_pylist(rows, schema=pa.schema(columns, metadata={KEY: json.dumps({"kind": "similarity"})}))


def changed(seed=1):
    """The tiny Llama with other numbers in some weights."""
    model = make_llama()
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.model.layers.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


@pytest.fixture
def rows(tmp_path):
    """A function that gives the rows of a model held against another."""
    (tmp_path / "own.txt").write_text(f"{TEXT}\n{TEXT}\n")
    prepared.prepare({"name": "own", "format": "similarity"}, tmp_path / "own.txt", tmp_path / "own.parquet")

    def ask(model, dense, limit=None, virtual=0):
        who = Respondent(model, word_tokenizer(), "decoder", virtual, lambda: dense)
        return asking.ask(who, tmp_path / "own.parquet", slice(limit), PLAN)

    return ask


def cosine(a, b):
    return float(np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b)))


def test_each_layer_as_written_out_by_hand(rows):
    dense, model = make_llama(), changed()
    found, about = rows(model, dense)
    ids = torch.tensor([word_tokenizer().encode(f"{TEXT} {TEXT}")[8:16]])  # the second window
    said = []
    for each in (dense, model):
        each.set_attn_implementation("eager")
        with torch.no_grad():
            said.append(each(ids, output_attentions=True, output_hidden_states=True))
    for layer in (1, 2):
        theirs, mine = (out.attentions[layer - 1][0].double().numpy() for out in said)
        heads = [cosine(theirs[head].ravel(), mine[head].ravel()) for head in range(2)]
        theirs, mine = (out.hidden_states[layer][0].double().numpy() for out in said)
        tokens = [cosine(theirs[token], mine[token]) for token in range(8)]
        [row] = [each for each in found.to_pylist() if (each["id"], each["layer"]) == ("1", layer)]
        assert row["attention"] == pytest.approx(np.mean(heads), abs=1e-6) and row["attention"] < 0.99
        assert row["activation"] == pytest.approx(np.mean(tokens), abs=1e-6) and row["activation"] < 0.99
        assert row["tokens"] == 8
    assert len(found) == about["asked"] == 2 * (2 * len(word_tokenizer().encode(TEXT)) // 8)
    assert about["window"] == 8 and about["kind"] == "similarity" and "again" not in found.column_names


@pytest.mark.parametrize("kind", ["llama", "opt", "gpt2", "qwen3", "gemma2", "gpt_oss", "falcon"])
def test_equal_models_are_one_and_compute_afterwards_as_before(kind, monkeypatch):
    first, second = tiny.model(kind), tiny.model(kind)
    usual = first.config._attn_implementation
    ids = torch.arange(6, 20)[None]
    who = Respondent(first, None, "decoder", 0, lambda: second)
    monkeypatch.setattr(similarity, "_windows", lambda *_: ids)
    for window in similarity._windows(who):
        for row in similarity._rows(similarity._states(first, window), similarity._states(second, window)):
            assert row["attention"] == pytest.approx(1, abs=1e-6) and row["activation"] == pytest.approx(1, abs=1e-6)
    assert first.config._attn_implementation == second.config._attn_implementation == usual


def test_a_model_without_a_dense_one_is_held_against_itself():
    found, _ = rows_of(similarity, make_llama(), word_tokenizer(), table(TEXT, TEXT), limit=2)
    first, second = sample.windows(2 * len(word_tokenizer().encode(TEXT)) // 8)[:2]
    assert found["id"].to_pylist() == [str(first)] * 2 + [str(second)] * 2
    assert found["layer"].to_pylist() == [1, 2, 1, 2]
    assert found["attention"].to_pylist() == pytest.approx([1] * 4)


def test_what_stands_before_the_input_is_left_out():
    """Two virtual tokens that take half of everybody's attention and share out the rest as before: nothing changes."""
    torch.manual_seed(0)
    attention, state = torch.rand(2, 4, 4).softmax(-1).tril(), torch.rand(4, 3)
    attention /= attention.sum(-1, keepdim=True)
    virtual = torch.cat([torch.full((2, 4, 2), 0.25), attention / 2], -1)

    class Model:
        class config:
            _attn_implementation = "own"

        def __init__(self, attention, state):
            self.attention, self.state = attention[None], state[None]

        def __call__(self, **inputs):
            class Out:
                attentions, hidden_states = (self.attention,), (None, self.state)

            return Out

    ids = torch.arange(4)
    one, other = similarity._states(Model(attention, state), ids), similarity._states(Model(virtual, state), ids)
    [row] = similarity._rows(one, other)
    assert row == {"layer": 1, "attention": pytest.approx(1), "activation": pytest.approx(1)}
    rows = torch.cat([torch.rand(2, 2, 6), virtual], 1)  # as where the prompt's own rows are given too
    [row] = similarity._rows(one, similarity._states(Model(rows, torch.cat([torch.rand(2, 3), state])), ids))
    assert row == {"layer": 1, "attention": pytest.approx(1), "activation": pytest.approx(1)}


def test_virtual_tokens_shorten_the_window_where_the_model_has_no_room(rows, monkeypatch):
    monkeypatch.setattr(similarity, "WINDOW", 64)
    found, about = rows(make_llama(positions=20), make_llama(positions=20), virtual=5)
    assert about["window"] == 15 and set(found["tokens"].to_pylist()) == {15}


def test_what_cannot_be_compared_is_refused(rows, monkeypatch):
    monkeypatch.setattr(similarity, "SILENT", ())  # as of a model that gives no attention in any way
    with pytest.raises(InputError, match="LlamaForCausalLM: gives the attention of 0 of 2 layers"):
        rows(make_llama(), make_llama())
    with pytest.raises(InputError, match="shorter than one window of 8 tokens"):
        rows_of(similarity, make_llama(), word_tokenizer(), table("Rome is in Italy"))


@pytest.mark.parametrize("kind", ["prompt", "prefix", "dynamic"])
def test_behind_virtual_tokens_as_by_plain_transformers(kind, rows, tmp_path):
    """The prompt's embeddings, or peft's own prefix, before the input; rows and columns of virtual tokens cut off."""
    dense, base = make_llama(), changed()
    virtual(base, "prefix" if kind == "prefix" else "prompt", tmp_path / "adapter", 3)
    served, plain = copy.deepcopy(base), by_peft(base, tmp_path / "adapter")
    if kind == "dynamic":
        prompt = plain.prompt_encoder["default"].embedding.weight.detach()
        Dynamic(served, [prompt, prompt], per_layer=True)
    else:
        getattr(prompted, f"put_{kind}")(served, tmp_path / "adapter")
    found, _ = rows(served, dense, limit=1, virtual=3)
    start = 8 * int(found["id"][0].as_py())  # of the window that a limit of one draws
    ids = torch.tensor([word_tokenizer().encode(f"{TEXT} {TEXT}")[start : start + 8]])
    for model in (plain.base_model, dense):
        model.set_attn_implementation("eager")
    with torch.no_grad():
        mine = plain(ids, attention_mask=torch.ones_like(ids), output_attentions=True, output_hidden_states=True)
        theirs = dense(ids, output_attentions=True, output_hidden_states=True)
    for row in found.to_pylist():
        ours, other = (out.attentions[row["layer"] - 1][0].double().numpy() for out in (mine, theirs))
        ours = ours[:, -8:, -8:] / ours[:, -8:, -8:].sum(-1, keepdims=True)
        heads = [cosine(one.ravel(), two.ravel()) for one, two in zip(ours, other, strict=True)]
        assert row["attention"] == pytest.approx(np.mean(heads), abs=1e-5)
        states, others = (out.hidden_states[row["layer"]][0, -8:].double().numpy() for out in (mine, theirs))
        tokens = [cosine(one, two) for one, two in zip(states, others, strict=True)]
        assert row["activation"] == pytest.approx(np.mean(tokens), abs=1e-5)
    assert len(found) == 2
