"""What passes of a model have in common, whoever asks: rows of one width, and what can be said to a forward pass."""

import inspect
from collections.abc import Sequence

import torch
from transformers import PreTrainedModel


def padded(rows: Sequence[Sequence[int]], left: bool = False, fill: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """(int64, int64), each (rows, most tokens), on the CPU: rows with `fill` behind them, or before, and where they
    are."""
    width = max(map(len, rows))
    lines, seen = [], []
    for row in rows:
        rest, here = width - len(row), [1] * len(row)
        lines.append([fill] * rest + [*row] if left else [*row] + [fill] * rest)
        seen.append([0] * rest + here if left else here + [0] * rest)
    return torch.tensor(lines), torch.tensor(seen)


def placed(model: PreTrainedModel) -> bool:
    """Whether a decoder is told each token's position, so that padding on the left changes nothing."""
    return "position_ids" in inspect.signature(model.forward).parameters


def keeps_last(model: PreTrainedModel) -> bool:
    """Whether a forward pass can be told (`logits_to_keep`) of how many last tokens alone to compute logits."""
    return "logits_to_keep" in inspect.signature(model.forward).parameters
