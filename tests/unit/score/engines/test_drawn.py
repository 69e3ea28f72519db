"""Texts that are drawn: by the model's own probabilities, and the same whoever else is in the batch."""

import numpy as np
import pytest
import torch
from helpers import tiny, written
from helpers.asking import rows_of
from helpers.written import messages, plain, tokenizer
from scipy.stats import chisquare

from knowcost.score.engines import generate
from knowcost.score.engines.drawn import Drawing, Gumbel
from knowcost.score.plan import Sampling

DRAWN = Sampling(temperature=1.5)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a tokenizer of 120 words and a benchmark of conversations."""
    folder = tmp_path_factory.mktemp("drawn")
    tiny.save_tokenizer(folder / "plain")
    written.conversation(folder / "conversation.parquet", new_tokens=4)
    return folder


def counts(sampling, logits, draws=2000):
    """How often each token of a small vocabulary is drawn, for as many facts."""
    drawing = Drawing(sampling, [(f"q{i}", 1) for i in range(draws)])
    drawn = drawing.choose(range(draws), logits.expand(draws, -1))
    return np.bincount(drawn.numpy(), minlength=len(logits))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_are_from_the_softmax(temperature):
    logits = torch.tensor([1.0, -0.5, 0.0, 2.0, 1.5, -3.0])
    expected = (logits.double() / temperature).softmax(0).numpy()
    assert chisquare(counts(Sampling(temperature), logits), 2000 * expected).pvalue > 1e-3
    other = logits.double().softmax(0).numpy() if temperature != 1 else np.full(6, 1 / 6)
    assert chisquare(counts(Sampling(temperature), logits), 2000 * other).pvalue < 1e-6


def test_top_p_takes_the_likeliest_that_have_it_together():
    logits = torch.tensor([0.4, 0.3, 0.2, 0.06, 0.04]).log()
    found = counts(Sampling(1.0, top_p=0.8), logits)
    assert found[3:].tolist() == [0, 0]
    assert chisquare(found[:3], 2000 * np.array([4, 3, 2]) / 9).pvalue > 1e-3


def test_every_draw_of_an_answer_is_its_own():
    source = Gumbel(0, [("a", 1)])
    first, second = (source.noise([0], torch.zeros(1, 50)) for _ in range(2))
    assert not (first == second).any()


def test_noise_belongs_to_the_seed_the_fact_and_the_turn():
    def noise(seed, *names):
        return Gumbel(seed, names).noise(range(len(names)), torch.zeros(len(names), 9)).tolist()

    first, second = noise(0, ("a", 1), ("b", 1))
    assert noise(0, ("b", 1)) == [second] and noise(0, ("b", 1), ("c", 1), ("a", 1))[2] == first
    others = [first, second, *noise(0, ("a", 2)), *noise(1, ("a", 1)), *noise(0, ("a1", 1)), *noise(0, ("a", 11))]
    assert len({tuple(each) for each in others}) == 6


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_an_answer_is_the_same_in_any_batch(place, kind):
    model, words = plain(kind), tokenizer(place)
    path = place / "conversation.parquet"
    found = [
        rows_of(generate, model, words, path, sampling=DRAWN, **plan)[0]["tokens"].to_pylist()
        for plan in ({"prompts": 1}, {"prompts": 3})
    ]
    assert found[0] == found[1]
    greedy = rows_of(generate, model, words, path)[0]["tokens"].to_pylist()
    anew = rows_of(generate, model, words, path, sampling=Sampling(1.5, seed=1))[0]["tokens"].to_pylist()
    assert found[0] != greedy and found[0] != anew
    assert found[0][:3] == rows_of(generate, model, words, path, limit=2, sampling=DRAWN)[0]["tokens"].to_pylist()[:3]


def test_every_turn_of_every_fact_has_draws_of_its_own(place):
    """Of a model that finds every token as likely as any other the draws decide alone."""
    model = plain("llama")
    with torch.no_grad():
        model.lm_head.weight.zero_()
    path = written.conversation(place / "same.parquet", [["w1", "w1"]] * 2, new_tokens=4)
    rows, _ = rows_of(generate, model, tokenizer(place), path, sampling=DRAWN)
    assert len(set(rows["text"].to_pylist())) == 4


def test_variants_share_their_draws(place):
    """Of a model whose logits hardly differ, hardly any token does; with draws of its own nearly all would."""
    model, words = plain("llama"), tokenizer(place)
    path = messages(place, *(f"w{i} w{i + 1}" for i in range(6)), new_tokens=4)
    dense = rows_of(generate, model, words, path, sampling=DRAWN)[0]["tokens"].to_pylist()
    with torch.no_grad():
        model.lm_head.weight += 1e-4 * torch.randn_like(model.lm_head.weight)
    close = rows_of(generate, model, words, path, sampling=DRAWN)[0]["tokens"].to_pylist()
    assert sum(one == other for one, other in zip(dense, close, strict=True)) >= 5
    assert len({tuple(each) for each in dense}) == 6
