"""What texts take of minutes and memory, against sums done by hand."""

import math

import pytest

from knowcost.plan import resources, writing
from knowcost.plan.resources import Size, Work
from knowcost.plan.writing import Written

LLAMA_7B = Size(6_738_415_616, 13.476831232)  # float16


class Study:
    def __init__(self, limit=None):
        self.config = {"limit": limit}
        self.models = {"m": {"family": "decoder"}}
        self.benchmarks = {
            "facts": {"format": "mmlu"},
            "talk": {"format": "mt_bench", "new_tokens": ""},
            "first": {"format": "vicuna"},
            "stories": {"format": "cnn_dailymail"},
            "few": {"format": "cnn_dailymail_published", "per_relation": "30", "new_tokens": "100"},
        }


@pytest.mark.parametrize(
    ("variants", "benchmarks", "limit", "tokens"),
    [
        (["magnitude-20@overall"], ["facts"], None, 0),
        (["magnitude-20@overall"], ["talk"], None, 160 * 1024),
        (["magnitude-20@overall"], ["first"], None, 80 * 1024),
        (["magnitude-20@overall"], ["stories"], None, 11_490 * 256),
        (["magnitude-20@overall"], ["few", "talk"], None, 90 * 100 + 160 * 1024),
        (["magnitude-20@overall"], ["few", "talk"], 5, 5 * 100 + 2 * 5 * 1024),
        (["dense", "int8@overall", "magnitude-20@overall"], ["few"], None, 5 * 90 * 100),  # two are asked twice
    ],
)
def test_tokens_that_are_written_at_most(variants, benchmarks, limit, tokens):
    assert writing.written(Study(limit), "m", variants, benchmarks) == Written(tokens)


def test_behind_virtual_tokens_prompts_are_asked_alone():
    """LoRA is in the weights' place and pads; and what is recovered is asked once."""
    slugs = [f"gptq-3bit@overall^{name}" for name in ("lora-r4", "prompt-50", "prefix-26", "dynamic_prompt-26+100")]
    assert writing.written(Study(), "m", slugs, ["few"]) == Written(9000, 3 * 9000)
    alone = writing.minutes(Written(0, 9000), 1, writing.Machine(1, 2))
    assert alone == 8 * writing.minutes(Written(9000), 1, writing.Machine(1, 2))


def test_a_token_takes_one_reading_of_the_weights_for_a_batch():
    """MT-Bench by a 7B: 163,840 tokens in batches of 8 on a GPU, 0.03 + 13.48e9 / 5e11 seconds each; in batches of 2 on
    8 threads, 0.03 + 13.48e9 / 4e10."""
    on_gpu = writing.minutes(Written(163_840), 13.476831232, writing.Machine(1, 2))
    assert on_gpu == pytest.approx(20_480 * 0.05695366 / 60) == pytest.approx(19.44, abs=0.01)
    assert writing.minutes(Written(163_840), 13.476831232, writing.Machine(0, 8)) == pytest.approx(
        81_920 * 0.36692 / 60, 1e-4
    )


def test_keys_and_values_of_a_batch_are_kept():
    """Llama-7B: 32 blocks of 4,096, two vectors of two bytes a token: 0.524 MB; 4,096 tokens without a GPU."""
    kept = writing.kept_gb(LLAMA_7B.parameters, "float16", writing.Machine(0, 8))
    assert kept == pytest.approx(4096 * 2 * 2 * 32 * 4096 / 1e9, rel=0.04)
    assert writing.kept_gb(LLAMA_7B.parameters, "float16", writing.Machine(1, 2)) == 0


@pytest.mark.parametrize("gpu_memory_gb", [None, 24])
def test_a_scoring_job_asks_for_both(gpu_memory_gb):
    without, with_texts = (
        resources.needs(Work("score", LLAMA_7B, "float16", gpu_memory_gb=gpu_memory_gb, written=Written(tokens)))
        for tokens in (0, 163_840)
    )
    minutes = 81_920 * 0.36692 / 60 if gpu_memory_gb is None else 19.44
    assert with_texts["runtime"] - without["runtime"] == pytest.approx(minutes, abs=1.1)
    assert with_texts["mem_mb"] - without["mem_mb"] == pytest.approx(2190 if gpu_memory_gb is None else 0, abs=30)
    assert with_texts["gpu"] == without["gpu"] and math.isfinite(with_texts["mem_mb"])
