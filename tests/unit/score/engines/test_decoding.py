"""Our own loop against transformers' `generate`, one prompt at a time."""

import random

import pytest
import torch
from helpers.written import plain

from knowcost.score.engines import decoding
from knowcost.score.engines.decoding import How, Said, decode, suits
from knowcost.score.engines.drawn import Drawing
from knowcost.score.engines.lm_eval_model import greedy
from knowcost.score.plan import Sampling

NEW = 12
KINDS = ["gpt2", "llama", "opt", "bloom", "mistral", "gemma2", "falcon", "t5", "bart"]


def prompts_of(sizes=(3, 9, 4, 9, 2, 7, 7, 12, 3, 5), seed=1):
    chance = random.Random(seed)
    return [[chance.randrange(6, 120) for _ in range(size)] for size in sizes]


def by_generate(model, prompt, new=NEW):
    """All tokens that follow a prompt, ends or not."""
    made = model.generate(torch.tensor([prompt]), max_new_tokens=new, do_sample=False, pad_token_id=0)[0]
    return made[1 if model.config.is_encoder_decoder else len(prompt) :].tolist()


def over(said):
    """Answers end after as many tokens as their first one says: at all steps but the last."""
    return len(said) > said[0] % (NEW - 1)


def cut(tokens):
    return next((tokens[:n] for n in range(1, len(tokens)) if over(tokens[:n])), tokens)


def talkative(kind):
    """A tiny model that says what depends on its prompt; most random ones say their biases' favourite."""
    model = plain(kind)
    with torch.no_grad():
        for name, parameter in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.dim() == 2:
                parameter.normal_(std=0.7)
    return model


def said_by(model, prompts, **how):
    """Answers in the order of the prompts; at most four texts in a batch."""
    given = {"over": over, "fits": lambda tokens: 4, "one_length": not placed(model)} | how
    with greedy(model, None):
        found = {said.text: said.tokens for said in decode(model, prompts, How(NEW, **given))}
    return [found[i] for i in range(len(prompts))]


def placed(model):
    return model.config.is_encoder_decoder or decoding.placed(model)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_tokens_as_generate_whenever_answers_end(kind):
    model, prompts = talkative(kind), prompts_of()
    assert suits(model)
    with greedy(model, None):
        expected = [cut(by_generate(model, each)) for each in prompts]
    assert len(set(map(len, expected))) > 2, "answers of three lengths or more"
    assert said_by(model, prompts) == expected


def passes(model, prompts, **how):
    """(texts, tokens) of every pass through a decoder."""
    found = []
    hook = model.register_forward_pre_hook(
        lambda module, args, kwargs: found.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    said_by(model, prompts, **how)
    hook.remove()
    return found


def after(lengths):
    """Ends the answer to each prompt, of which the model says the last token again, after so many tokens."""
    return lambda said: len(said) == lengths[said[0]]


@pytest.fixture
def parrot():
    """A model that says the last token of what it reads again and again."""
    model = plain("llama")

    def again(module, args, kwargs, output):
        output.logits = torch.nn.functional.one_hot(kwargs["input_ids"][:, -1:], 120).float()
        return output

    model.register_forward_hook(again, with_kwargs=True)
    return model


def test_who_waits_takes_the_place_of_who_has_ended(parrot):
    prompts = [[1, 1, 10], [1, 1, 11], [1, 12], [13]]
    found = passes(parrot, prompts, over=after({10: 1, 11: 4, 12: 2, 13: 3}), fits=lambda tokens: 2)
    # 10 ends at once; 12 is read after 11's second token, and 13 after its fourth, where nobody is left
    assert found == [(2, 3), (1, 1), (1, 2), (2, 1), (1, 1), (1, 1), (1, 1), (1, 1)]


def test_texts_leave_when_a_quarter_has_ended(parrot):
    prompts = [[token] for token in range(10, 18)]
    lengths = {token: 2 for token in range(10, 18)} | {10: 1, 11: 1, 12: 3}
    found = passes(parrot, prompts, over=after(lengths), fits=lambda tokens: 8)
    assert found == [(8, 1), (6, 1), (1, 1)]
    lengths[11] = 2  # one of eight is not a quarter
    assert passes(parrot, prompts, over=after(lengths), fits=lambda tokens: 8) == [(8, 1), (8, 1), (1, 1)]


def test_as_many_texts_as_fit_with_the_tokens_to_come(parrot):
    asked = []

    def fits(tokens):
        asked.append(tokens)
        return 1

    assert passes(parrot, [[1, 10], [1, 1, 1, 11]], over=lambda said: True, fits=fits) == [(1, 4), (1, 2)]
    assert asked == [4 + NEW, 2 + NEW]


def test_prompts_of_one_length_are_not_padded_nor_joined(parrot):
    prompts = [[1, 10], [11], [1, 12], [13]]
    found = passes(parrot, prompts, over=after({10: 1, 11: 2, 12: 3, 13: 2}), one_length=True)
    assert found == [(2, 2), (1, 1), (1, 1), (2, 1), (2, 1)]


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_draws_do_not_depend_on_who_shares_a_batch(kind):
    model, prompts, sampling = plain(kind), prompts_of(), Sampling(1.5, 0.9)
    names = [(f"q{i}", 1) for i in range(len(prompts))]
    together = said_by(model, prompts, choose=Drawing(sampling, names).choose)
    with greedy(model, None):
        for prompt, name, found in zip(prompts, names, together, strict=True):
            made = model.generate(
                torch.tensor([prompt]),
                max_new_tokens=NEW,
                do_sample=False,
                pad_token_id=0,
                logits_processor=Drawing(sampling, [name]).processors([0]),
            )[0]
            assert found == cut(made[1 if kind == "t5" else len(prompt) :].tolist())


def test_who_is_left_to_generate():
    assert not suits(plain("phi3"))  # reads everything anew where its window begins to stretch
    forgetful = plain("llama")
    forgetful.register_forward_pre_hook(lambda m, a, kwargs: (a, kwargs | {"past_key_values": None}), with_kwargs=True)
    assert not suits(forgetful)


def test_every_step_is_shared_by_those_who_are_in_it(parrot, monkeypatch):
    """Of a clock that goes by one second in each step."""
    ticks = iter(range(100))
    monkeypatch.setattr(decoding.time, "perf_counter", lambda: next(ticks))
    model, how = parrot, How(NEW, after({10: 1, 11: 3}), lambda tokens: 2)
    with greedy(model, None):
        assert list(decode(model, [[10], [11]], how)) == [Said(0, [10], 0.5), Said(1, [11] * 3, 0.5 + 1 + 1)]
