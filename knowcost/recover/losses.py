"""What training makes smaller: at the positions of a batch that count, and at no others."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F

from knowcost.recover.targets import IGNORED, Batch


def scored(model: Callable[..., Any], batch: Batch, options: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """(float32 logits, labels) of the positions of a batch that count; logits of virtual tokens stand in front.

    options: of the model, beside the batch.
    """
    logits = model(**batch.inputs, **options).logits[:, -batch.labels.shape[1] :]
    counts = batch.labels != IGNORED
    return logits[counts].float(), batch.labels[counts]


def divergence(wanted: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """KL(softmax(wanted) || softmax(logits)) in nats, the mean of all rows."""
    ours, theirs = F.log_softmax(logits, dim=-1), F.log_softmax(wanted, dim=-1)
    return F.kl_div(ours, theirs, log_target=True, reduction="batchmean")
