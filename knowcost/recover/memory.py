"""What training beside a frozen model takes beyond its weights. Imports no torch: the plan asks it too.

Of each token, every block keeps about NUMBERS vectors of its width for the way back (what norms, layers with a trained
update, attention and the activation function have read; the matrices are frozen and keep nothing): counted with torch's
saved-tensor hooks, a Llama's keep 22 and an OPT's 19 in float32. Where this would be more than LIMIT_GB a block keeps
what it read alone and computes the rest once more on the way back (gradient checkpointing), which takes half the time
again. The head's logits are there three times: as such, as log-probabilities, and their gradient.
"""

from knowcost.models.gpus import ACTIVATIONS_GB

NUMBERS = 24
LIMIT_GB = ACTIVATIONS_GB  # beside the weights, as gpus_for allows for
LOGITS = 3


def kept_gb(tokens: int, blocks: float, width: float, size: int) -> float:
    """Gigabytes that all blocks keep of a batch of so many tokens; size: bytes of a number."""
    return tokens * blocks * width * NUMBERS * size / 1e9


def checkpointed(tokens: int, blocks: float, width: float, size: int) -> bool:
    """Whether blocks compute twice instead."""
    return kept_gb(tokens, blocks, width, size) > LIMIT_GB
