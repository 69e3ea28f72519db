"""Training what stands beside a frozen model."""

import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from knowcost.common.log import Progress
from knowcost.recover.method import Work

log = logging.getLogger(__name__)


def train(model: torch.nn.Module, work: Work, out: Path) -> dict[str, Any]:
    """Train the parameters of `model` that want gradients for the next token of the texts; what the manifest says."""
    with pa.memory_map(str(work.texts)) as source:
        texts = pa.ipc.open_file(source).read_all()["text"].to_pylist()
    settings = work.settings
    ids = work.tokenizer(" ".join(texts)).input_ids
    windows = torch.tensor(ids[: len(ids) // settings.length * settings.length]).view(-1, settings.length)
    optimizer = torch.optim.AdamW(
        [each for each in model.parameters() if each.requires_grad],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    progress, steps = Progress(log), max(1, settings.tokens // (settings.length * settings.batch_size))
    model.train()
    loss = torch.tensor(0.0)
    for step in range(steps):
        rows = torch.arange(step * settings.batch_size, (step + 1) * settings.batch_size) % len(windows)
        batch = windows[rows].to(work.model.device)
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        progress.say("step %d of %d, loss %.3f", step + 1, steps, float(loss))
    model.eval()
    return {"steps": steps, "loss": float(loss)}
