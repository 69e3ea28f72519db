"""PEFT's adapters: how many numbers they have, what is stored, and that plain peft loads it."""

import json

import peft
import pytest
import torch
import transformers as tf
from helpers import tiny
from helpers.recovering import make, work
from safetensors.torch import load_file

from knowcost.common.errors import BrokenPromise, InputError
from knowcost.recover import adapters
from knowcost.recover.registry import METHODS

LLAMA_7B = {"vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
            "num_attention_heads": 32}  # fmt: skip
OPT_67B = {"vocab_size": 50272, "hidden_size": 4096, "ffn_dim": 16384, "num_hidden_layers": 32,
           "num_attention_heads": 32, "word_embed_proj_dim": 4096}  # fmt: skip
IDS = torch.arange(20, 30).view(2, 5)


@pytest.mark.parametrize(
    ("config", "counts"),
    [
        # a layer: r x (4 x (4,096 + 4,096) + 3 x (4,096 + 11,008)); 4 and 2 x (4,096 + 16,384) for OPT
        (lambda: tf.LlamaConfig(**LLAMA_7B), {2: 4_997_120, 3: 7_495_680, 4: 9_994_240}),
        (lambda: tf.OPTConfig(**OPT_67B), {2: 4_718_592, 3: 7_077_888, 4: 9_437_184}),
    ],
    ids=["llama-7b", "opt-6.7b"],
)
def test_lora_has_as_many_numbers_as_arithmetic_says(config, counts):
    with torch.device("meta"):
        model = tf.AutoModelForCausalLM.from_config(config())
        beside = peft.get_peft_model(model, adapters.lora(model, 2))
        found = sum(each.numel() for each in beside.parameters() if each.requires_grad)
    assert {rank: found // 2 * rank for rank in counts} == counts


@pytest.mark.parametrize(
    ("kind", "recovery", "stored", "cached"),
    [
        ("llama", "prompt-5", 5 * 16, 2 * 2 * 5 * 16),
        ("llama", "prefix-5", 2 * 2 * 5 * 16, 2 * 2 * 5 * 16),
        ("qwen3", "prompt-5", 5 * 16, 2 * 2 * 5 * 8),  # one head of 8 for keys and values
        ("qwen3", "prefix-5", 2 * 2 * 5 * 8, 2 * 2 * 5 * 8),
        ("t5", "prompt-5", 5 * 16, 2 * 2 * 5 * 16),
        ("mpt", "prompt-5", 5 * 16, 2 * 2 * 5 * 16),  # whose heads PEFT does not find
        ("bert", "lora-r2", 2 * 2 * (4 * 32 + 2 * 40), 2 * 2 * (4 * 32 + 2 * 40)),
        ("gpt2", "lora-r2", 2 * 2 * (16 + 48 + 32 + 2 * 80), 2 * 2 * (16 + 48 + 32 + 2 * 80)),  # Conv1D
    ],
)
def test_numbers_stored_and_cached(tmp_path, kind, recovery, stored, cached):
    made = make(work(tmp_path, kind, recovery, tokens=80))
    assert (made.parameters, made.cached) == (stored, cached)
    assert sum(each.numel() for each in load_file(tmp_path / "out" / adapters.WEIGHTS).values()) == stored


@pytest.mark.parametrize(
    ("kind", "recovery"),
    [("llama", "lora-r2"), ("bert", "lora-r2"), ("t5", "lora-r2"), ("gpt2", "lora-r2"), ("mixtral", "lora-r2"),
     ("opt", "prompt-3"), ("t5", "prompt-3"), ("llama", "prefix-3"), ("gemma2", "prefix-3")],
)  # fmt: skip
def test_plain_peft_loads_what_was_trained(tmp_path, monkeypatch, kind, recovery):
    trained, store = [], adapters.store
    monkeypatch.setattr(adapters, "store", lambda model, *given: (trained.append(model), store(model, *given))[1])
    make(work(tmp_path, kind, recovery))
    loaded = peft.PeftModel.from_pretrained(tiny.model(kind), tmp_path / "out").eval()
    inputs = {"input_ids": IDS} | ({"decoder_input_ids": IDS} if kind == "t5" else {})
    with torch.no_grad():
        ours, theirs = trained[0](**inputs).logits, loaded(**inputs).logits
    assert torch.equal(ours, theirs) and not torch.allclose(theirs[:, -5:], tiny.model(kind)(**inputs).logits)


def test_a_prompt_begins_as_the_first_rows_of_the_vocabulary(tmp_path):
    made = work(tmp_path, "llama", "prompt-5")
    begun = adapters.prompt_beside(made).prompt_encoder["default"].embedding.weight
    assert torch.equal(begun, made.model.get_input_embeddings().weight[:5])


def test_the_files_hold_no_path_no_time_and_no_order_of_chance(tmp_path):
    """Sets of words, as PEFT writes them, have another order in each process."""
    found = []
    for name in "ab":
        make(work(tmp_path / name, "opt", "lora-r2", tokens=40))
        found.append({path.name: path.read_bytes() for path in (tmp_path / name / "out").iterdir() if path.is_file()})
    assert found[0] == found[1]
    assert sorted(found[0]) == [adapters.CONFIG, adapters.WEIGHTS, "training.parquet", "training.parquet.sha256"]
    text = found[0][adapters.CONFIG].decode()
    config = json.loads(text)
    assert config["base_model_name_or_path"] is None and str(tmp_path) not in text
    assert len(config["target_modules"]) > 1 and config["target_modules"] == sorted(config["target_modules"])


def test_an_adapter_that_changes_nothing_is_no_recovery(tmp_path):
    made = work(tmp_path, "llama", "lora-r2")
    with pytest.raises(BrokenPromise, match="nothing was learnt"):
        adapters.store(peft.get_peft_model(made.model, adapters.lora(made.model, 2)), made, tmp_path / "out")


def test_pefts_prefixes_of_an_encoder_decoder_are_none_for_half_of_their_numbers(tmp_path):
    """It gives both layers of the decoder the first layer's, and the second's to none: why they are refused."""
    with pytest.raises(BrokenPromise, match="no gradient"):
        make(work(tmp_path, "t5", "prefix-3"))
    assert METHODS["prefix"].families == ("decoder",)


@pytest.mark.parametrize("recovery", ["prompt-3", "prefix-3"])
def test_nothing_is_trained_that_could_not_be_asked(tmp_path, monkeypatch, recovery):
    """Planning sees it of models that are here already; of the others the job does, before its hours."""
    made = work(tmp_path, "llama", recovery)
    made.model.config.rope_parameters = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    monkeypatch.setattr(adapters.training, "train", None)
    with pytest.raises(InputError, match="dynamic"):
        make(made)
