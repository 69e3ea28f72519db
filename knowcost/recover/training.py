"""Training what stands beside a frozen model.

As Hoang et al. say: AdamW over so many tokens, with their rate and decay. As Xu et al. ("Compress, then Prompt"), whom
they follow, do: a rate that rises over the first `warmup` batches, the norm of the gradient at most 1, and what is kept
is what predicted the held-out windows best. What neither says is decided here: the rate rises over a tenth of the
batches at most, then falls in a straight line to zero; dropout is off, so that nothing but the order of the windows is
random; of the held-out windows every tenth part of the way is judged, and once before; only positions of the texts are
scored, the first token of a window never, also where virtual tokens stand before it, so that every method's perplexity
is of the same tokens. The option `kl` takes, at the same positions, KL(dense || recovered) of the two models'
distributions for the loss, also of the held-out windows: where texts are unlike what the dense model knows, perplexity
says nothing of how near it is.
"""

import contextlib
import functools
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import peft
import pyarrow as pa
import torch
import torch.nn.functional as F
import transformers
from torch.utils.checkpoint import checkpoint

from knowcost import recover
from knowcost.common import parquet, seal
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.common.log import Progress
from knowcost.recover import archive, data, memory, state
from knowcost.recover.losses import divergence, scored
from knowcost.recover.method import KL, PARTS, Settings, Work
from knowcost.recover.targets import Batch
from knowcost.spec import scopes

log = logging.getLogger(__name__)

WARMUP = 0.1  # of all batches, at most
NORM = 1.0
SAVED_EVERY = 300  # seconds, beside the state that is kept each time the held-out windows were asked
CURVE = pa.schema(
    [("step", pa.int64()), ("tokens", pa.int64()), ("loss", pa.float64()), ("validation_loss", pa.float64()),
     ("validation_perplexity", pa.float64()), ("learning_rate", pa.float64())]
)  # fmt: skip


def train(model: torch.nn.Module, work: Work, out: Path, virtual: int = 0, uncached: bool = True) -> dict[str, Any]:
    """Train the parameters of `model` that want gradients, write the curve into `out`, and return what the manifest
    says.

    model: that of `work` with an adapter beside it; virtual: positions that the adapter takes; uncached: whether it
    computes without a cache (prefixes come in one), so that its blocks may compute twice to save memory. The parameters
    end as those that predicted the held-out windows best. Raises InputError for texts that are too short and for a loss
    that is no number, after which nothing is kept, and BrokenPromise where a frozen weight changed or a parameter got
    no gradient.
    """
    windows = data.read(work, virtual)
    dense = work.dense().requires_grad_(False) if KL in work.recovery.options else None
    frozen = state.weights_of(model)
    options = {"use_cache": False} if uncached and work.family != "encoder" else {}
    training = Training(model, work, windows, dense, options, key=_key(work, frozen, dense))
    with _blocks_twice(work, windows) if uncached else contextlib.nullcontext(False) as twice:
        training.run()
    if state.weights_of(model) != frozen:
        raise BrokenPromise(f"{out}: training changed weights of the frozen model")
    training.check_gradients(out)
    about = data.about(windows, training.tokens)
    table = pa.table({name: [row[name] for row in training.curve] for name in CURVE.names}, schema=CURVE)
    parquet.write(out / archive.TRAINING, table, {"recovery": str(work.recovery), "loss": training.loss_name} | about)
    return about | {
        "steps": windows.steps, "kept_step": training.best_step, "loss": training.loss_name,
        "validation_perplexity": training.curve[training.best_row]["validation_perplexity"], "blocks_twice": twice,
    }  # fmt: skip


def _key(work: Work, frozen: str, dense: torch.nn.Module | None) -> str:
    """What a state is made of; another device or version rounds otherwise."""
    return seal.of_values(
        {
            "stage_version": recover.STAGE_VERSION,
            "weights": frozen,
            "dense": dense and state.weights_of(dense),
            "texts": seal.check(work.texts),
            "settings": asdict(work.settings),
            "recovery": str(work.recovery),
            "device": work.model.device.type,
            "versions": [each.__version__ for each in (torch, transformers, peft)],
        }
    )


@contextlib.contextmanager
def _blocks_twice(work: Work, windows: data.Windows) -> Iterator[bool]:
    """Inside, blocks compute twice where what they keep would be too much. Yields whether."""
    model, config = work.model, work.model.config
    blocks = [model.get_submodule(path) for _, path in scopes.blocks(config.model_type, dict(model.named_modules()))]
    tokens, size = work.settings.batch_size * windows.length, next(model.parameters()).element_size()
    width = getattr(config, "hidden_size", model.get_input_embeddings().weight.shape[1])
    depth = memory.Depth(max(len(blocks), getattr(config, "num_hidden_layers", 0)), width)
    twice = memory.checkpointed(tokens, depth, size)
    forwards = [block.forward for block in blocks] if twice else []
    for block, forward in zip(blocks, forwards, strict=False):
        block.forward = functools.partial(checkpoint, forward, use_reentrant=False, preserve_rng_state=False)
    try:
        yield twice
    finally:
        for block, forward in zip(blocks, forwards, strict=False):
            block.forward = forward


def rate(step: int, steps: int, settings: Settings) -> float:
    """The learning rate of a step, from 0, of so many."""
    warmup = min(settings.warmup, math.floor(WARMUP * steps))
    share = (step + 1) / warmup if step < warmup else (steps - step) / (steps - warmup)
    return settings.learning_rate * share


@dataclass
class Training:
    """A training as far as it has come.

    model, work, windows; dense: whose distribution is to be matched, or None; options: that models are called with;
    key: of its state. curve: rows so far; step, tokens: that are behind it; losses: their sum and number since the last
    row; best: the parameters that predicted best, after best_step, where the loss of what was held out was the lowest.
    """

    model: torch.nn.Module
    work: Work
    windows: data.Windows
    dense: transformers.PreTrainedModel | None
    options: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    curve: list[dict[str, Any]] = field(default_factory=list)
    step: int = 0
    tokens: int = 0
    losses: tuple[float, int] = (0.0, 0)
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    best_step: int = 0
    lowest: float = math.inf

    def __post_init__(self) -> None:
        settings = self.work.settings
        self.parameters = {name: each for name, each in self.model.named_parameters() if each.requires_grad}
        if wrong := [name for name, each in self.parameters.items() if each.dtype != torch.float32]:
            raise BrokenPromise(f"{self.work.recovery}: {wrong[0]} is not float32")
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.loss_name = KL if self.dense else "next token" if self.work.family != "encoder" else "masked token"

    @property
    def best_row(self) -> int:
        return next(place for place, row in enumerate(self.curve) if row["step"] == self.best_step)

    def run(self) -> None:
        """All steps that are still to be taken; the parameters end as the best."""
        self._resume()
        steps = self.windows.steps
        every, progress, saved = math.ceil(steps / PARTS), Progress(log), time.monotonic()
        log.info("%s: %s", self.work.recovery, self.windows.in_words())
        if not self.curve:
            self._judge(0.0)
        while self.step < steps:
            loss = self._take(rate(self.step, steps, self.work.settings))
            judged = self.step % every == 0 or self.step == steps
            if judged:
                self._judge(rate(self.step - 1, steps, self.work.settings))
            if judged or time.monotonic() - saved > SAVED_EVERY:
                self._save()
                saved = time.monotonic()
            progress.say("step %d of %d, loss %.3f, perplexity of what is held out %.2f", self.step, steps, loss,
                         self.curve[-1]["validation_perplexity"])  # fmt: skip
        with torch.no_grad():
            for name, value in self.best.items():
                self.parameters[name].copy_(value)
        before, after = (self.curve[place]["validation_perplexity"] for place in (0, self.best_row))
        log.info("%s: kept is step %d, with perplexity %.2f of what is held out, %.2f before",
                 self.work.recovery, self.best_step, after, before)  # fmt: skip

    def _take(self, learning_rate: float) -> float:
        """One step. Returns its loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        batch = self.windows.batch(self.step)
        loss = self.loss(batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), NORM)
        value = float(loss.detach())
        if not (math.isfinite(value) and bool(norm.isfinite())):
            self._stop(f"the loss is {value}, the norm of its gradient {float(norm)}")
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self.tokens += batch.tokens
        self.losses = (self.losses[0] + value, self.losses[1] + 1)
        return value

    def loss(self, batch: Batch) -> torch.Tensor:
        """Of a batch, a scalar that wants gradients."""
        logits, labels = scored(self.model, batch, self.options)
        if self.dense is None:
            return F.cross_entropy(logits, labels)
        with torch.no_grad():
            wanted, _ = scored(self.dense, batch, self.options)
        return divergence(wanted, logits)

    @torch.no_grad()
    def _judge(self, learning_rate: float) -> None:
        """Ask the held-out windows, add a row to the curve, and keep the parameters if none were better."""
        total, apart, count = 0.0, 0.0, 0
        for batch in self.windows.validation():
            logits, labels = scored(self.model, batch, self.options)
            total += float(F.cross_entropy(logits, labels, reduction="sum"))
            count += len(labels)
            if self.dense is not None:
                apart += len(labels) * float(divergence(scored(self.dense, batch, self.options)[0], logits))
        if not math.isfinite(total + apart):
            self._stop(f"the loss of the held-out windows is {total + apart}")
        sums, number = self.losses
        held_out = (total if self.dense is None else apart) / count
        perplexity = float(torch.tensor(total / count, dtype=torch.float64).exp())
        row = (self.step, self.tokens, sums / number if number else None, held_out, perplexity, learning_rate)
        self.curve.append(dict(zip(CURVE.names, row, strict=True)))
        self.losses = (0.0, 0)
        if self.step and held_out < self.lowest:
            self.lowest, self.best_step = held_out, self.step
            self.best = {name: each.detach().clone() for name, each in self.parameters.items()}

    def _stop(self, what: str) -> None:
        state.forget(self.work.state)
        raise InputError(
            f"recovery {str(self.work.recovery)!r}: {what} at step {self.step + 1} of {self.windows.steps}; nothing "
            "was kept. Lower `recovery.learning_rate`, or set `recovery.dtype: float32`"
        )

    def _resume(self) -> None:
        found = state.load(self.work.state, self.key)
        if not found:
            return
        self.optimizer.load_state_dict(found.pop("optimizer"))
        with torch.no_grad():
            for name, value in found.pop("parameters").items():
                self.parameters[name].copy_(value)
        for name, value in found.items():
            setattr(self, name, value)
        log.info("%s: goes on behind step %d", self.work.recovery, self.step)

    def _save(self) -> None:
        kept = ("curve", "step", "tokens", "losses", "best", "best_step", "lowest")
        now = {name: getattr(self, name) for name in kept}
        now |= {"optimizer": self.optimizer.state_dict(), "parameters": dict(self.parameters)}
        state.save(self.work.state, self.key, now)

    def check_gradients(self, out: Path) -> None:
        """Raise BrokenPromise for a parameter that never got a gradient, and for a virtual token, or a layer's part of
        all, without one. The first step gives LoRA's first matrices none."""
        for name, parameter in self.parameters.items():
            squares = self.optimizer.state[parameter]["exp_avg_sq"]
            parts = [squares.any(dim=0), squares.any(dim=1)] if "prompt_encoder" in name else [squares.any()]
            if self.step > 1 and not all(part.all() for part in parts):
                raise BrokenPromise(f"{out}: {name} got no gradient, or a part of it")
