"""What texts take of seconds and memory, against sums done by hand."""

from typing import ClassVar

import pytest

from knowcost.plan import reading, writing
from knowcost.plan.design import Cell
from knowcost.plan.machine import Machine
from knowcost.plan.predicted import predicted
from knowcost.plan.sizes import Size
from knowcost.plan.work import Work
from knowcost.plan.writing import Written

LLAMA_7B = Size(6_738_415_616, 13.476831232)  # float16; as many blocks as 32.5 of 4,158 are


class Study:
    models: ClassVar = {"m": {"family": "decoder"}}
    benchmarks: ClassVar = {
        "facts": {"format": "mmlu"},
        "talk": {"format": "mt_bench", "new_tokens": ""},
        "first": {"format": "vicuna"},
        "own": {"format": "conversation"},
        "stories": {"format": "cnn_dailymail"},
        "few": {"format": "cnn_dailymail_published", "per_relation": "30", "new_tokens": "100"},
    }


def asked(variants, **facts):
    return {Cell("m", variant, benchmark): count for variant in variants for benchmark, count in facts.items()}


@pytest.mark.parametrize(
    ("variants", "facts", "tokens"),
    [
        (["magnitude-20@overall"], {"facts": 14_042}, 0),
        (["magnitude-20@overall"], {"talk": 80}, 160 * 1024 * 2048),
        (["magnitude-20@overall"], {"own": 10}, 20 * 1024 * 2048),  # two turns, as in MT-Bench
        (["magnitude-20@overall"], {"first": 80}, 80 * 1024 * 1104),  # prompts of 80 tokens
        (["magnitude-20@overall"], {"stories": 11_490}, 11_490 * 256 * 1256),
        (["magnitude-20@overall"], {"few": 90, "talk": 80}, 90 * 100 * 1200 + 160 * 1024 * 2048),
        (["magnitude-20@overall"], {"few": 5, "talk": 0}, 5 * 100 * 1200),
        (["dense", "int8@overall", "magnitude-20@overall"], {"few": 90}, 5 * 90 * 100 * 1200),  # two are asked twice
    ],
)
def test_tokens_that_are_written_at_most(variants, facts, tokens):
    assert writing.written(Study(), asked(variants, **facts)) == Written(tokens)


def test_behind_virtual_tokens_prompts_are_asked_alone():
    """LoRA is in the weights' place and pads; and what is recovered is asked once."""
    slugs = [f"gptq-3bit@overall^{name}" for name in ("lora-r4", "prompt-50", "prefix-26", "dynamic_prompt-26+100")]
    assert writing.written(Study(), asked(slugs, few=90)) == Written(9000 * 1200, 3 * 9000)
    alone = writing.seconds(Written(0, 9000), 5e8, 1, Machine(1, 2))
    assert alone == 8 * writing.seconds(Written(9000 * 2048), 5e8, 1, Machine(1, 2))


def test_a_token_takes_one_reading_of_the_weights_for_a_batch():
    """MT-Bench by a 7B: 163,840 tokens in batches of 8 on a GPU, 32.48 blocks of a millisecond and 13.48e9 / 5e11
    seconds each; in batches of 2 on 8 threads, 13.48e9 / 4e10."""
    on_gpu, on_cpu = (
        writing.seconds(Written(163_840 * 2048), LLAMA_7B.parameters, 13.476831232, Machine(*has))
        for has in ((1, 2), (0, 8))
    )
    assert on_gpu == pytest.approx(20_480 * (0.03248 + 0.02695), rel=1e-3) == pytest.approx(1217, abs=1)
    assert on_cpu == pytest.approx(81_920 * (0.03248 + 0.33692), rel=1e-3)


def test_keys_and_values_of_a_batch_are_kept():
    """Llama-7B: 32 blocks of 4,096, two vectors of two bytes a token: 0.524 MB; 4,096 tokens without a GPU."""
    kept = writing.kept_gb(LLAMA_7B.parameters, "float16", Machine(0, 8))
    assert kept == pytest.approx(4096 * 2 * 2 * 32 * 4096 / 1e9, rel=0.04)
    assert writing.kept_gb(LLAMA_7B.parameters, "float16", Machine(1, 2)) == 0


@pytest.mark.parametrize("machine", [Machine(0, 8), Machine(1, 2)])
def test_a_scoring_job_takes_both(machine):
    read = reading.Read(1000, 10, 1, 1)
    without, with_texts = (
        predicted(Work("score", LLAMA_7B, "float16", read=read, written=Written(2048 * tokens)), machine)
        for tokens in (0, 163_840)
    )
    seconds = writing.seconds(Written(163_840 * 2048), LLAMA_7B.parameters, 13.476831232, machine)
    assert with_texts.seconds - without.seconds == pytest.approx(seconds)
    assert with_texts.gigabytes - without.gigabytes == pytest.approx(0 if machine.gpus else 2.19, abs=0.03)
