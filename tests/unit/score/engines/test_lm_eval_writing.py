"""Answers of the harness's questions by our own loop, beside lm_eval's own model with its stop strings."""

import pytest
import torch
from helpers.questions import make_llama, make_t5, word_tokenizer
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from knowcost.score.engines.decoding import How
from knowcost.score.engines.lm_eval_model import greedy
from knowcost.score.engines.lm_eval_writing import Until, generated

ASKED = ["capital of Italy", "is Oslo a city in Norway", "Bonn", "is the capital of Norway in Italy"]
NEW = 12


def texts(model, tokenizer, stops):
    """What the harness says, up to stop strings."""
    asker = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=1)
    asked = {"until": list(stops), "max_gen_toks": NEW, "do_sample": False}
    if model.config.is_encoder_decoder:  # whose answers the harness lets be longer by the prompt
        plain = asker._model_generate
        asker._model_generate = lambda context, max_length, **kwargs: plain(
            context, max_length + 1 - context.shape[1], **kwargs
        )
    with greedy(model, tokenizer.eos_token_id):
        return asker.generate_until([Instance("generate_until", {}, (text, asked), 0) for text in ASKED], True)


@pytest.mark.parametrize("make", [make_llama, make_t5])
def test_texts_up_to_a_stop_string_are_the_harness_s(make):
    model = make()
    tokenizer = word_tokenizer(model.config.is_encoder_decoder)
    free = texts(model, tokenizer, [])
    longest, *_, shortest = sorted((text.split() for text in free), key=len, reverse=True)
    stops = [" ".join(longest[1:3]), *shortest[-1:]]  # of two tokens, and of one
    expected = texts(model, tokenizer, stops)
    assert expected != free
    tokenizer.padding_side = "right" if model.config.is_encoder_decoder else "left"
    padded = tokenizer(ASKED, padding=True, return_tensors="pt")
    heard = []
    with greedy(model, tokenizer.eos_token_id):
        until = Until(tokenizer, model.generation_config.eos_token_id, stops)
        said = generated(
            model,
            (padded["input_ids"], padded["attention_mask"]),
            How(NEW, until, lambda tokens: 2),
            tokenizer.pad_token_id,
            lambda: heard.append(1),
        )
    start = 1 if model.config.is_encoder_decoder else padded["input_ids"].shape[1]
    found = tokenizer.batch_decode(said[:, start:], skip_special_tokens=True)
    for stop in stops:
        found = [text.split(stop)[0] for text in found]
    assert found == expected and len(heard) == len(ASKED)
    assert torch.equal(said[:, : start - 1], padded["input_ids"][:, : start - 1])


def test_an_answer_is_over_at_an_end_token_or_a_stop_string():
    tokenizer = word_tokenizer()
    oslo, city = tokenizer.encode("Oslo city", add_special_tokens=False)
    until = Until(tokenizer, [1], ["Oslo city", ""])
    assert until([oslo, 1]) and until([oslo, city])
    assert not until([oslo]) and not until([city, oslo])
