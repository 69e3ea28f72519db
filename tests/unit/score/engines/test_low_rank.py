"""What every engine says of a model with a stored LoRA in its layers, against plain peft's model of the two."""

import copy
import os

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import pytest
import torch
from helpers import tiny
from helpers.asking import rows_of
from helpers.masked import answer_token, facts, make, plain_pass
from helpers.questions import FACTS, by_hand, make_llama, make_t5, prompts, word_tokenizer, write
from helpers.virtual import TASKS, by_peft, stored

from knowcost.recover import adapters
from knowcost.score.engines import cloze, perplexity
from knowcost.score.engines import lm_eval as harness
from knowcost.spec.architectures import family_of


def pair(model, folder):
    """(plain peft's model with a random LoRA of rank 2, the model itself with it in its layers)."""
    task = TASKS[family_of(model.config.model_type)]
    stored(model, adapters.lora(model, 2, task), folder)
    plain, served = by_peft(model, folder), copy.deepcopy(model)
    adapters.inject(served, folder)
    return plain, served


@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert", "albert"])
def test_clozes(architecture, tmp_path):
    model, tokenizer = make(architecture)
    plain, served = pair(model, tmp_path)
    some = ("Rome is a city in [MASK] .", "Italy"), ("( Oslo ) [MASK] .", "Norway")
    rows, _ = rows_of(cloze, served, tokenizer, facts(*some))
    for (text, answer), found in zip(some, rows["logprob"].to_pylist(), strict=True):
        token = answer_token(tokenizer, text, answer)
        expected, without = (plain_pass(each, tokenizer, text).log_softmax(-1)[token].item() for each in (plain, model))
        assert found == pytest.approx(expected, abs=1e-4) and found != pytest.approx(without, abs=1e-2)


@pytest.mark.parametrize("make_model", [make_llama, make_t5])
def test_log_likelihoods(make_model, tmp_path):
    model = make_model()
    tokenizer = word_tokenizer(ending=model.config.is_encoder_decoder)
    plain, served = pair(model, tmp_path / "adapter")
    rows, _ = rows_of(harness, served, tokenizer, write(tmp_path / "b.parquet", "question", FACTS["question"]))
    for fact, row in zip(FACTS["question"], rows.to_pylist(), strict=True):
        expected, without = (
            [by_hand(each, tokenizer, *prompt) for prompt in prompts("question", fact)] for each in (plain, model)
        )
        assert row["choice_logprobs"] == pytest.approx(expected, abs=1e-3)
        assert expected != pytest.approx(without, abs=1e-2)


@pytest.mark.parametrize("make_model", [make_llama, make_t5])
def test_generated_answers(make_model, tmp_path):
    model = make_model()
    tokenizer = word_tokenizer(ending=model.config.is_encoder_decoder)
    plain, served = pair(model, tmp_path / "adapter")
    asked = ["capital of Italy", "is Oslo a city in Norway ?"]
    facts = [{"question": question, "answers": ["Rome"]} for question in asked]
    rows, _ = rows_of(harness, served, tokenizer, write(tmp_path / "b.parquet", "popqa", facts))
    said = []
    for question in asked:
        ids = tokenizer(f"Q: {question} A:", return_tensors="pt").input_ids
        whole = plain.generate(input_ids=ids, max_new_tokens=32, do_sample=False, pad_token_id=0, eos_token_id=1)[0]
        start = 1 if model.config.is_encoder_decoder else ids.shape[1]
        said.append(tokenizer.decode(whole[start:], skip_special_tokens=True))
    assert rows["prediction"].to_pylist() == said


def test_perplexity(tmp_path):
    texts = ["Rome is the capital of Italy .", "Oslo is a city"]
    plain, served = pair(make_llama(), tmp_path / "adapter")
    benchmark = write(tmp_path / "b.parquet", "lines", [{"text": text} for text in texts])
    rows, _ = rows_of(perplexity, served, word_tokenizer(), benchmark)
    for text, found in zip(texts, rows["logprob"].to_pylist(), strict=True):
        ids = torch.tensor([word_tokenizer()(text)["input_ids"]])
        with torch.no_grad():
            each = plain(input_ids=ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])
        assert found == pytest.approx(each.sum().item(), abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("architecture", ["llama", "t5", "bert"])
def test_adapters_stay_in_float32_beside_a_half_model_as_peft_has_them(architecture, dtype, tmp_path):
    model = tiny.model(architecture).to(dtype)
    plain, served = pair(model, tmp_path)
    kinds = {p.dtype for name, p in served.named_parameters() if "lora_" in name}
    assert kinds == {torch.float32}
    found, expected, without = (tiny.logits(each) for each in (served, plain, model))
    assert torch.equal(found, expected) and not torch.allclose(found, without, atol=1e-2)


def test_nothing_is_merged_into_the_weights(tmp_path):
    model = tiny.model("llama")
    _, served = pair(model, tmp_path)
    before = dict(model.named_parameters())
    kept = {name.replace(".base_layer", ""): p for name, p in served.named_parameters() if "lora_" not in name}
    assert kept.keys() == before.keys() and all(torch.equal(kept[name], before[name]) for name in before)
    layers = [module for module in served.modules() if hasattr(module, "merged")]
    assert len(layers) == len(adapters.linears(model)) and not any(layer.merged for layer in layers)
