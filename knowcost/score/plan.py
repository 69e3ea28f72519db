"""How a model is asked a benchmark: which engine asks, and how facts are put together in batches."""

import logging
from dataclasses import dataclass, replace

import pyarrow as pa
import torch

from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import KINDS
from knowcost.models import int8_linear
from knowcost.score import measures

log = logging.getLogger(__name__)

# Padded tokens in one of the harness's batches. Small batches are the fastest on a CPU; 16,384 fill a GPU and fit
# beside a 7B model. A fixed budget, not the harness's search for the largest batch that fits: dynamic int8 depends on
# how a batch is composed, so what is asked together must not depend on the memory that happens to be free. For the same
# reason int8 models take the CPU's everywhere.
HARNESS_TOKENS = {"cpu": 1024, "cuda": 16384}
GENERATED_TOKENS = {"cpu": 4096, "cuda": 16384}  # with those to come: a step of generation takes one token per prompt


@dataclass(frozen=True)
class Plan:
    """How facts are batched. tokens: padded tokens in a batch, for clozes, for the harness's prompts and texts, and for
    prompts with the answers to be generated; prompts: so many of the harness's prompts in a batch instead, or None;
    one_length: nothing in a batch is padded."""

    cloze_tokens: int
    harness_tokens: int
    generated_tokens: int
    prompts: int | None
    one_length: bool

    def halved(self):
        """The same with batches of half the size; a batch of one is not halved."""
        names = ("cloze_tokens", "harness_tokens", "generated_tokens", "prompts")
        return replace(self, **{name: max(1, size // 2) for name in names if (size := getattr(self, name))})


def plan(module, options, int8):
    """The Plan of the config's `score` section for a loaded model; int8: it has dynamic int8 layers, which are told
    here how to quantize their activations."""
    int8_linear.set_activations(module, options["int8_activations"])
    device = "cpu" if int8 or module.device.type == "cpu" else "cuda"
    return Plan(
        cloze_tokens=options["tokens_per_batch"],
        harness_tokens=HARNESS_TOKENS[device],
        generated_tokens=GENERATED_TOKENS[device],
        prompts=None if options["batch_size"] == "auto" else options["batch_size"],
        one_length=int8 and options["int8_activations"] == "sentence",
    )


def ask(module, tokenizer, benchmark_file, limit, plan, twice=False):
    """(rows, metadata) of one benchmark: of facts, rows.FACTS and a column `again`; of texts, rows.WINDOWS.

    again: whether the answer is right when the same model is asked once more in batches of half the size, if `twice`;
    else null.
    """
    rows, metadata, plan = _ask_within_memory(module, tokenizer, benchmark_file, limit, plan)
    if "correct" not in rows.column_names:
        return rows, metadata
    again = pa.nulls(len(rows), pa.bool_())
    if twice:
        again = _ask_within_memory(module, tokenizer, benchmark_file, limit, plan.halved())[0]["correct"]
    return rows.append_column("again", again), metadata


def _ask_within_memory(module, tokenizer, benchmark_file, limit, wanted):
    """(rows, metadata, Plan): the wanted Plan, or what is left of it after halvings, if a GPU's memory runs out.

    After each all is asked again, so that one Plan holds for every row: int8 depends on what is asked together.
    """
    plan = wanted
    while True:
        try:
            rows, metadata = _ask(module, tokenizer, benchmark_file, limit, plan)
        except torch.OutOfMemoryError:
            if plan.halved() == plan:
                raise
        else:
            metadata["batch_plan"] += "" if plan == wanted else ", halved when memory ran out"
            return rows, metadata, plan
        plan = plan.halved()
        torch.cuda.empty_cache()
        log.warning("out of memory: asking again in batches of half the size, on which int8 results depend (%s)", plan)


def _ask(module, tokenizer, benchmark_file, limit, plan):
    table, about = prepared.read(benchmark_file)
    if KINDS[about["kind"]].measures == "perplexity":
        from knowcost.score.engines.perplexity import window_rows

        joined = about["kind"] == "text"
        return window_rows(module, tokenizer, table, joined, limit, plan.harness_tokens, plan.one_length)
    options = {"limit": limit, "one_length": plan.one_length}
    if about["kind"] == "cloze_published":
        from knowcost.score.engines.cloze_published import published_rows

        return published_rows(module, tokenizer, table, tokens_per_batch=plan.cloze_tokens, **options)
    if about["kind"] == "cloze" and not module.can_generate():
        from knowcost.score.engines.cloze import cloze_rows

        return cloze_rows(module, tokenizer, table, tokens_per_batch=plan.cloze_tokens, **options)
    from knowcost.score.engines.lm_eval import task_rows

    options |= {"tokens_per_batch": plan.harness_tokens, "generated": plan.generated_tokens}
    return task_rows(module, tokenizer, benchmark_file, batch_size=plan.prompts, **options)


def summary(rows):
    """What rows of `ask` say, in a few words for the log."""
    if "correct" in rows.column_names:
        return f"{sum(rows['correct'].to_pylist())} of {len(rows)} facts right"
    return f"perplexity {measures.perplexity(rows['logprob'].to_pylist(), rows['tokens'].to_pylist()):.4g}"
