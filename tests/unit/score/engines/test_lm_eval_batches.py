"""How the harness's prompts are put together in batches."""

import os

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import pytest
from helpers.asking import rows_of
from helpers.questions import FACTS, make_llama, make_t5, word_tokenizer, write

from knowcost.score.engines import lm_eval as harness


@pytest.fixture(scope="module")
def llama():
    return make_llama()


@pytest.fixture
def parquet(tmp_path):
    return lambda kind: write(tmp_path / f"{kind}.parquet", kind, FACTS[kind])


@pytest.fixture
def shapes(llama):
    """Shapes of the batches that the model is given."""
    seen = []
    hook = llama.register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape)))
    yield seen
    hook.remove()


def test_batches_keep_the_token_budget(llama, parquet, shapes):
    path = parquet("piqa")
    one, _ = rows_of(harness, llama, word_tokenizer(), path, prompts=1)
    assert [shape[0] for shape in shapes] == [1] * 5  # of fact 2 both answers are one token: the harness asks once
    shapes.clear()
    many, metadata = rows_of(harness, llama, word_tokenizer(), path, harness_tokens=24)
    assert metadata["batch_plan"] == "harness, batches of at most 24 tokens"
    # prompt and answer have 10, 9, 8, 8, 7 tokens, of which the last is not given to the model
    assert shapes == [(2, 9), (3, 7)]
    assert many["logprob"].to_pylist() == pytest.approx(one["logprob"].to_pylist(), abs=1e-4)


def test_no_key_value_cache_is_filled(llama, parquet):
    caches = []
    hook = llama.register_forward_hook(lambda _, args, output: caches.append(output.past_key_values))
    rows_of(harness, llama, word_tokenizer(), parquet("piqa"))
    hook.remove()
    assert caches and not any(caches)


def test_prompts_of_one_length_are_not_padded(llama, parquet, shapes):
    path = parquet("piqa")
    expected, _ = rows_of(harness, llama, word_tokenizer(), path)
    shapes.clear()
    table, metadata = rows_of(harness, llama, word_tokenizer(), path, one_length=True)
    assert metadata["batch_plan"] == "harness, batches of at most 1024 tokens, prompts of one length"
    assert sorted(shapes) == [(1, 6), (1, 8), (1, 9), (2, 7)]  # 7, 8, 8, 9 and 10 tokens, the last is not given
    assert table["logprob"].to_pylist() == pytest.approx(expected["logprob"].to_pylist(), abs=1e-4)
    assert table["id"] == expected["id"]


def test_an_encoder_decoder_too(parquet):
    model, widths = make_t5(), []
    model.register_forward_pre_hook(
        lambda _, args, kwargs: widths.append(kwargs["attention_mask"].all().item()), with_kwargs=True
    )
    expected, _ = rows_of(harness, model, word_tokenizer(ending=True), parquet("piqa"))
    assert not all(widths)
    widths.clear()
    table, _ = rows_of(harness, model, word_tokenizer(ending=True), parquet("piqa"), one_length=True)
    assert widths and all(widths)
    assert table["logprob"].to_pylist() == pytest.approx(expected["logprob"].to_pylist(), abs=1e-4)
