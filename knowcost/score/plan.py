"""How facts are put together in batches."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from knowcost.compress.registry import METHODS
from knowcost.spec.variants import parse

# Padded tokens in one of the harness's batches. Small batches are the fastest on a CPU; 16,384 fill a GPU and fit
# beside a 7B model. A fixed budget, not the harness's search for the largest batch that fits: dynamic int8 depends on
# how a batch is composed, so what is asked together must not depend on the memory that happens to be free. For the same
# reason int8 models take the CPU's everywhere.
HARNESS_TOKENS = {"cpu": 1024, "cuda": 16384}
GENERATED_TOKENS = {"cpu": 4096, "cuda": 16384}  # with those to come: a step of generation takes one token per prompt
# Windows of a running text: as many as SparseGPT's code takes of C4 (WikiText-2's test split has fewer), and of those
# in which every layer is held against the dense model's.
MOST_WINDOWS = {"perplexity": 256, "similarity": 32}


@dataclass(frozen=True)
class Sampling:
    """How the next token of a text is chosen. temperature: 0 takes the likeliest. top_p: among the likeliest that
    together have this probability. seed: of what is drawn."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


GREEDY = Sampling()


@dataclass(frozen=True)
class Plan:
    """How facts are batched, and how texts are drawn. tokens: padded tokens in a batch, for clozes, for the harness's
    prompts and texts, and for prompts with the answers to be generated; prompts: so many of the harness's prompts in a
    batch instead, or None; one_length: nothing in a batch is padded; shares: contexts are read
    once for all answers, and texts that have ended leave their batch; not in dynamic int8, whose answers depend on what
    is computed together; sampling: of texts."""

    cloze_tokens: int
    harness_tokens: int
    generated_tokens: int
    prompts: int | None
    one_length: bool
    shares: bool = True
    sampling: Sampling = GREEDY

    def fitting(self, tokens: int, longest: int) -> int:
        """How many prompts of at most `longest` tokens make a batch, which has at most `tokens`."""
        return self.prompts or max(1, tokens // longest)

    def words(self, tokens: int, one_length: bool) -> str:
        """How prompts are put together, for the metadata."""
        size = f"batch size {self.prompts}" if self.prompts else f"batches of at most {tokens} tokens"
        return f"{size}, prompts of one length" if one_length else size

    def halved(self) -> "Plan":
        """The same with batches of half the size; a batch of one is not halved."""
        names = ("cloze_tokens", "harness_tokens", "generated_tokens", "prompts")
        return replace(self, **{name: max(1, size // 2) for name in names if (size := getattr(self, name))})

    def again(self) -> "Plan":
        """As asked the second time: in batches of half the size, and with other draws where texts are drawn."""
        return replace(self.halved(), sampling=replace(self.sampling, seed=self.sampling.seed + 1))


def plan(device: str, options: Mapping[str, Any], sampling: Sampling = GREEDY, *, int8: bool) -> Plan:
    """The Plan of the config's `score` section. device: type of the model's (`cpu`, `cuda`); int8: it has dynamic int8
    layers."""
    device = "cpu" if int8 or device == "cpu" else "cuda"
    return Plan(
        cloze_tokens=options["tokens_per_batch"],
        harness_tokens=HARNESS_TOKENS[device],
        generated_tokens=GENERATED_TOKENS[device],
        prompts=None if options["batch_size"] == "auto" else options["batch_size"],
        one_length=int8 and options["int8_activations"] == "sentence",
        shares=not int8,
        sampling=sampling,
    )


def asked_twice(variant: str) -> bool:
    """Whether a variant is: the dense model, those that are in dynamic int8 and no more, and what was compressed
    elsewhere, which is enough to say how far a score moves by itself (aggregate/noise.py)."""
    parsed = parse(variant)
    return parsed.recovery is None and all(METHODS[step.method].dynamic for step in parsed.steps)
