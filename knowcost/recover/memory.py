"""What training beside a frozen model takes beyond its weights. Imports no torch: the plan asks it too.

Of each token, every block keeps about NUMBERS vectors of its width for the way back: what norms, layers with a trained
update, attention and the activation function have read; the frozen matrices keep nothing (counted with torch's hooks of
saved tensors, beside LoRA in float32: 18.8 in a Llama, 14.0 in an OPT). Where this would be more than LIMIT_GB, a block
keeps what it read alone and computes the rest once more on the way back (gradient checkpointing), which takes half the
time again. The head's logits are there three times: as such, as log-probabilities, and as their gradient.
"""

from dataclasses import dataclass

from knowcost.models.gpus import ACTIVATIONS_GB

NUMBERS = 24
LIMIT_GB = ACTIVATIONS_GB  # beside the weights, as gpus_for allows for
LOGITS, FLOAT32 = 3, 4
VOCABULARY = 50_000  # where it is not known
PER_BLOCK, ASPECT = 12, 128  # parameters of a block are 12 times its width squared; width for each block


@dataclass(frozen=True)
class Depth:
    """How many blocks a model has, of which width."""

    blocks: float
    width: float


def depth_of(parameters: float) -> Depth:
    """The Depth of a model of which the number of parameters is known, if it is built as most are: 32 blocks of 4,150
    for Llama-7B, which has 32 of 4,096."""
    blocks = (parameters / (PER_BLOCK * ASPECT**2)) ** (1 / 3)
    return Depth(blocks, ASPECT * blocks)


def kept_gb(tokens: int, depth: Depth, size: int) -> float:
    """Gigabytes that all blocks keep of a batch of so many tokens; size: bytes of a number."""
    return tokens * depth.blocks * depth.width * NUMBERS * size / 1e9


def checkpointed(tokens: int, depth: Depth, size: int) -> bool:
    """Whether blocks compute twice instead."""
    return kept_gb(tokens, depth, size) > LIMIT_GB


def needed_gb(tokens: int, depth: Depth, size: int, twice: bool) -> float:
    """Gigabytes beyond the weights; twice: whether blocks compute twice."""
    kept = kept_gb(tokens, depth, size)
    if twice:
        kept = tokens * depth.blocks * depth.width * size / 1e9 + kept / depth.blocks
    return kept + LOGITS * tokens * VOCABULARY * FLOAT32 / 1e9
