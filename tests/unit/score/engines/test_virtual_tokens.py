"""What every engine says of a model behind a prompt, against the prompt's embeddings put in front by torch.cat."""

import copy
import json
import os

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import pyarrow as pa
import pytest
import torch
import transformers
from helpers.asking import rows_of
from helpers.questions import FACTS, by_hand, make_llama, make_t5, prompts, word_tokenizer, write
from helpers.virtual import Prepended, by_peft, virtual

from knowcost.common.errors import InputError
from knowcost.common.parquet import KEY
from knowcost.recover import prompted
from knowcost.score.engines import lm_eval as harness
from knowcost.score.engines import perplexity

COUNT = 5
ASKED = ["capital of Italy", "is Oslo a city in Norway , not in France ?", "Bonn"]
LINES = ["Rome is in Italy", "the capital of Norway is Oslo", "is Bonn a big city in France ? no", "Paris is"]


def make_opt(positions=64):
    torch.manual_seed(2)
    config = transformers.OPTConfig(
        vocab_size=40, hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=2, word_embed_proj_dim=32,
        max_position_embeddings=positions, init_std=0.5,
    )  # fmt: skip
    return transformers.OPTForCausalLM(config).eval()


MAKE = {"llama": make_llama, "opt": make_opt, "t5": make_t5}


def pair(model, folder, count=COUNT):
    """(what a prompt before a model's input gives by hand, the model behind hooks)."""
    virtual(model, "prompt", folder, count)
    plain, served = Prepended(model, folder), copy.deepcopy(model)
    prompted.put_prompt(served, folder)
    return plain, served


def asked(engine, model, tokenizer, benchmark, count=COUNT, **plan):
    return rows_of(engine, model, tokenizer, benchmark, virtual_tokens=count, **plan)


def text_table(kind, *texts):
    rows = [{"id": f"t{i}", "relation": None, "text": text} for i, text in enumerate(texts)]
    columns = {name: pa.string() for name in ("id", "relation", "text")}
    return pa.Table.from_pylist(rows, schema=pa.schema(columns, metadata={KEY: json.dumps({"kind": kind})}))


@pytest.mark.parametrize("kind", ["question", "cloze", "boolq"])
@pytest.mark.parametrize("name", MAKE)
def test_log_likelihoods(name, kind, tmp_path):
    model, tokenizer = MAKE[name](), word_tokenizer(ending=name == "t5")
    plain, served = pair(model, tmp_path / "adapter")
    benchmark = write(tmp_path / "b.parquet", kind, FACTS[kind])
    rows, about = asked(harness, served, tokenizer, benchmark)
    for fact, row in zip(FACTS[kind], rows.to_pylist(), strict=True):
        expected = [by_hand(plain, tokenizer, *prompt) for prompt in prompts(kind, fact)]
        assert row["choice_logprobs"] == pytest.approx(expected, abs=1e-3)
        without = [by_hand(model, tokenizer, *prompt) for prompt in prompts(kind, fact)]
        assert row["choice_logprobs"] != pytest.approx(without, abs=1e-2)
    assert about["truncated"] == 0 and about["asked"] == len(FACTS[kind])
    assert about["batch_plan"].endswith("each context read once")


def test_no_cache_grows_while_log_likelihoods_are_asked(tmp_path):
    """For a batch of a 7B model it would take gigabytes."""
    _, served = pair(make_llama(), tmp_path / "adapter")
    lengths = set()
    served.register_forward_hook(
        lambda _, args, kwargs, output: lengths.add(kwargs["past_key_values"].get_seq_length()), with_kwargs=True
    )
    benchmark = write(tmp_path / "b.parquet", "question", FACTS["question"])
    asked(harness, served, word_tokenizer(), benchmark, shares=False)
    asked(perplexity, served, word_tokenizer(), text_table("lines", *LINES))
    assert lengths == {COUNT}


def greedy(plain, tokenizer, question, count=32):
    """What a model goes on with, a whole pass for each token."""
    ids, made = tokenizer(f"Q: {question} A:", return_tensors="pt").input_ids, []
    while len(made) < count and 1 not in made:
        if plain.config.is_encoder_decoder:
            logits = plain(input_ids=ids, decoder_input_ids=torch.tensor([[0, *made]])).logits
        else:
            logits = plain(torch.tensor([ids[0].tolist() + made])).logits
        made.append(logits[0, -1].argmax().item())
    return tokenizer.decode(made, skip_special_tokens=True)


@pytest.mark.parametrize("name", MAKE)
def test_generated_answers(name, tmp_path):
    model, tokenizer = MAKE[name](), word_tokenizer(ending=name == "t5")
    plain, served = pair(model, tmp_path / "adapter")
    facts = [{"question": question, "answers": ["Rome"]} for question in ASKED]
    benchmark = write(tmp_path / "b.parquet", "popqa", facts)
    rows, _ = asked(harness, served, tokenizer, benchmark)
    assert rows["prediction"].to_pylist() == [greedy(plain, tokenizer, question) for question in ASKED]
    assert rows["prediction"][0].as_py() != greedy(unprompted(model), tokenizer, ASKED[0])


def unprompted(model):
    """A model that takes what Prepended takes."""

    def ask(ids=None, **given):
        with torch.no_grad():
            return model(**({"input_ids": ids} if ids is not None else {}), **given)

    ask.config = model.config
    return ask


def test_prompts_of_one_length_share_a_batch_when_answers_are_generated(tmp_path):
    """Padding on the left would stand between a prompt and the text, beyond the windows of some layers."""
    sizes = {"vocab_size": 40, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    config = transformers.MistralConfig(**sizes, num_attention_heads=2, num_key_value_heads=1, sliding_window=12,
                                        max_position_embeddings=64, initializer_range=0.5, eos_token_id=1)  # fmt: skip
    model, tokenizer = transformers.MistralForCausalLM(config).eval(), word_tokenizer()
    plain, served = pair(model, tmp_path / "adapter")
    facts = [{"question": question, "answers": ["Rome"]} for question in ASKED]
    rows, about = asked(harness, served, tokenizer, write(tmp_path / "b.parquet", "popqa", facts))
    assert rows["prediction"].to_pylist() == [greedy(plain, tokenizer, question) for question in ASKED]
    assert about["batch_plan"].endswith("prompts of one length")


def logprob(plain, ids):
    """The log-likelihood of all tokens but the first."""
    logits = plain(torch.tensor([ids])).logits[0, :-1]
    return logits.log_softmax(-1).gather(1, torch.tensor(ids)[1:, None]).sum().item()


@pytest.mark.parametrize("name", ["llama", "opt"])
def test_perplexity_of_lines(name, tmp_path):
    model, tokenizer = MAKE[name](), word_tokenizer()
    plain, served = pair(model, tmp_path)
    rows, about = asked(perplexity, served, tokenizer, text_table("lines", *LINES), harness_tokens=20)
    expected = [logprob(plain, tokenizer(line)["input_ids"]) for line in LINES]
    assert rows["logprob"].to_pylist() == pytest.approx(expected, abs=1e-3)
    assert about["truncated"] == 0 and about["window"] == 64 - COUNT


@pytest.mark.parametrize("name", ["llama", "opt"])
def test_windows_lose_their_first_tokens_where_a_prompt_needs_the_room(name, tmp_path):
    model, tokenizer = MAKE[name](positions=16), word_tokenizer()
    plain, served = pair(model, tmp_path)
    text = " ".join(LINES) + " " + " ".join(reversed(LINES))
    ids = tokenizer(text)["input_ids"]
    compressed, before = rows_of(perplexity, model, tokenizer, text_table("text", text))
    rows, about = asked(perplexity, served, tokenizer, text_table("text", text))
    assert rows["id"].to_pylist() == compressed["id"].to_pylist() == [str(i) for i in range(len(ids) // 16)]
    expected = [logprob(plain, ids[start + COUNT : start + 16]) for start in range(0, len(ids) - 15, 16)]
    assert rows["logprob"].to_pylist() == pytest.approx(expected, abs=1e-3)
    assert set(rows["tokens"].to_pylist()) == {16 - COUNT - 1}
    words = text.split()  # a token each
    assert rows["bytes"][0].as_py() == len(" ".join(words[COUNT + 1 : 16]).encode())
    assert (about["window"], about["truncated"]) == (16 - COUNT, len(rows))
    assert (before["window"], before["truncated"]) == (16, 0)


def test_a_line_that_fits_the_model_alone_is_not_dropped(tmp_path):
    model, tokenizer = make_opt(positions=10), word_tokenizer()
    plain, served = pair(model, tmp_path)
    lines = text_table("lines", *LINES, "Rome " * 11)
    rows, about = asked(perplexity, served, tokenizer, lines)
    assert rows["id"].to_pylist() == rows_of(perplexity, model, tokenizer, lines)[0]["id"].to_pylist()
    expected = [logprob(plain, tokenizer(line)["input_ids"][-5:]) for line in LINES]
    assert rows["logprob"].to_pylist() == pytest.approx(expected, abs=1e-3)
    assert about["dropped"] == {"too_long": 1} and about["truncated"] == 2


def test_a_window_that_is_long_enough_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(perplexity, "WINDOW", 16)
    model, tokenizer = make_llama(), word_tokenizer()
    _, served = pair(model, tmp_path)
    rows, about = asked(perplexity, served, tokenizer, text_table("text", " ".join(LINES)))
    assert set(rows["tokens"].to_pylist()) == {15} and (about["window"], about["truncated"]) == (16, 0)


@pytest.mark.parametrize("name", ["llama", "opt"])
def test_the_harness_cuts_prompts_and_answers_where_a_prompt_needs_the_room(name, tmp_path):
    """As the harness itself cuts, on the left; an answer that alone passes the window loses its first tokens, so that
    the facts are those of the compressed model."""
    model, tokenizer = MAKE[name](positions=12), word_tokenizer()
    plain, served = pair(model, tmp_path / "adapter")
    answers = ["Rome", "the big city of Rome is not in Norway", "Oslo"]  # 9 tokens, beside 5 virtual ones 7 fit
    facts = [{"question": "capital of Italy , not of France ?", "answer": "Rome", "candidates": answers},
             {"question": "a", "answer": "Rome", "candidates": ["Rome", "a " * 13]}]  # fmt: skip
    benchmark = write(tmp_path / "b.parquet", "question", facts)
    rows, about = asked(harness, served, tokenizer, benchmark)
    assert rows["id"].to_pylist() == rows_of(harness, model, tokenizer, benchmark)[0]["id"].to_pylist()
    [row] = rows.to_pylist()
    for answer, found in zip(answers, row["choice_logprobs"], strict=True):
        scored = tokenizer(f" {answer}")["input_ids"][-7:]
        whole = tokenizer(f"Question: capital of Italy , not of France ?\nAnswer: {answer}")["input_ids"][-8:]
        logits = plain(torch.tensor([whole[:-1]])).logits[0, -len(scored) :].log_softmax(-1)
        assert found == pytest.approx(logits.gather(1, torch.tensor(scored)[:, None]).sum().item(), abs=1e-3)
    assert about["truncated"] == 3 and about["dropped"] == {"too_long": 1}


def test_no_room_to_generate_is_said_with_the_virtual_tokens(tmp_path):
    _, served = pair(make_llama(positions=36), tmp_path / "adapter")
    benchmark = write(tmp_path / "b.parquet", "popqa", [{"question": "a", "answers": ["b"]}])
    with pytest.raises(InputError, match="window of 31 tokens beside 5 virtual tokens has no room to generate 32"):
        asked(harness, served, word_tokenizer(), benchmark)


@pytest.mark.parametrize("name", ["llama", "opt"])
def test_a_prefix_gives_what_plain_peft_gives(name, tmp_path):
    model, tokenizer = MAKE[name](), word_tokenizer()
    virtual(model, "prefix", tmp_path / "adapter", COUNT)
    plain = by_peft(model, tmp_path / "adapter")
    served = copy.deepcopy(model)
    prompted.put_prefix(served, tmp_path / "adapter")
    benchmark = write(tmp_path / "b.parquet", "question", FACTS["question"])
    rows, _ = asked(harness, served, tokenizer, benchmark)
    for fact, row in zip(FACTS["question"], rows.to_pylist(), strict=True):
        expected = [by_hand(plain, tokenizer, *prompt) for prompt in prompts("question", fact)]
        assert row["choice_logprobs"] == pytest.approx(expected, abs=1e-3)
