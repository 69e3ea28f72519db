"""A variant in words, recovered or not: what sentences, tables and captions say in place of its slug."""

from knowcost.compress import wording
from knowcost.recover.registry import label
from knowcost.spec.variants import DENSE, parse


def in_words(slug: str) -> str:
    """ "everything in 3 bit (GPTQ), recovered by LoRA r4"; else as compress/wording.py has it."""
    words, recovery = wording.in_words(slug), parse(slug).recovery
    if recovery is None:
        return words
    before = "the dense model" if words == DENSE else words
    return f"{before}, recovered by {label(str(recovery))}"
