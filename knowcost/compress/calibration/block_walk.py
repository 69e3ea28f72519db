"""Run a model block by block over calibration data, and solve its layers on the way with what they see.

Each block's layers are solved together, from the inputs they get in the block as it was (as the authors of SparseGPT,
Wanda and GPTQ do); then the block runs again with its new weights, so that the next one sees the error made so far.
Layers before the first block are solved before it, those behind the last (a head) after it. A block that is applied at
several depths (ALBERT) is solved once, from its inputs at all of them.

How blocks are wired (embedding, masks, positions, T5's position bias, an encoder's states for the decoder) is left to
the model's own forward pass over token ids. It is cut short: blocks that are done answer with what the last one of
their stack gave, the block in turn computes, and the pass ends there. So memory holds one block, the statistics of its
inputs, the embedding's rows for the tokens that occur and, on the CPU, one output per calibration token.

A block's experts are layers like others, each with statistics of the tokens that were sent to it, and those of all are
in memory at once. Second moments are float32, (inputs, inputs), one for the layers of an expert that read its tokens,
one for the layer behind them. As transformers configures them by default: 7.1 GB for Mixtral (8 experts of 4,096 and
14,336 inputs), 2.4 GB for Qwen3-MoE (128 of 2,048 and 768), 1.5 GB for Qwen2-MoE (60 of 2,048 and 1,408), 8.5 GB for
gpt-oss (128 of 2,880 and 2,880): a small part of the memory that plan/resources.py asks for models of this size.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from knowcost.common.log import Progress
from knowcost.compress.calibration import embedding
from knowcost.compress.calibration import windows as calibration
from knowcost.compress.calibration.collect import Collector, Enough, Linears
from knowcost.compress.method import Work
from knowcost.compress.solvers import InputStatistics
from knowcost.models.base import Base
from knowcost.models.devices import pick_device
from knowcost.models.skeleton import Skeleton
from knowcost.spec import scopes

log = logging.getLogger(__name__)

TOKENS = 2048  # per forward pass, but at least one window
INPUTS = ("input_ids", "decoder_input_ids")  # of the first stack, of the second

Solver = Callable[[str, torch.Tensor, InputStatistics], Any]


@torch.no_grad()
def solve(work: Work, weights: Iterable[str], solver: Solver, hessian: bool) -> dict[str, Any]:
    """{name: the solver's result} for these weights of the model.

    weights: their names in the checkpoint; solver: a function of a name, the float32 weight and its InputStatistics
    (with second moments if `hessian`); `weight` of its result is the Tensor to go on with. The same input gives the
    same bytes on the same machine with as many threads. Raises InputError.
    """
    if work.calibration is None:
        raise ValueError("a method that looks at calibration data was given none")
    windows, _ = calibration.read(work.calibration)
    skeleton = Skeleton(work.base, work.tensors, pick_device(work.device))
    walk = Walk(skeleton, work.base, torch.from_numpy(windows))
    return walk.solve(skeleton.linears(weights), solver, hessian)


@dataclass
class Stack:
    """One stack of blocks (an encoder-decoder has two), and what its blocks hand on.

    states: what the last of its blocks that are done gave, of all windows, (windows, tokens, width), on the CPU; rest:
    {windows in a pass: what else its blocks return}, the same for all windows.
    """

    states: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    rest: dict[int, tuple[Any, ...] | None] = field(default_factory=dict)

    def answer(self, rows: slice, device: torch.device) -> Any:
        """What a block that is done returns: what the last one of them gave."""
        states = self.states[rows].to(device, copy=True)
        rest = self.rest[len(states)]
        return states if rest is None else (states, *rest)

    def record(self, rows: slice, output: Any, windows: int) -> None:
        """Keep a block's output for the blocks behind it, in the place of what it read; windows: how many in all."""
        states, rest = (output, None) if isinstance(output, torch.Tensor) else (output[0], output[1:])
        self.rest[len(states)] = rest
        if not len(self.states):
            self.states = torch.empty(windows, *states.shape[1:], dtype=states.dtype)
        self.states[rows] = states.cpu()


@dataclass(eq=False)
class Block:
    """One block: its path in the model, its module, and whether it has been solved and run."""

    stack: Stack
    path: str
    module: torch.nn.Module
    done: bool = False


@dataclass
class Pass:
    """One forward pass: over which windows, what is wanted of it, and whether the block in turn has answered.

    record: what the block gives; collector: what layers read.
    """

    rows: slice
    record: bool = False
    collector: Collector | None = None
    answered: bool = False


class Walk:
    """One way through the blocks of a Skeleton, over windows: int64 (samples, length) ids."""

    def __init__(self, skeleton: Skeleton, base: Base, windows: torch.Tensor) -> None:
        self.skeleton = skeleton
        self.ids = streams(skeleton.model.config, windows)
        self.stacks = [Stack() for _ in self.ids]
        embedding.keep_rows(skeleton, base.embedding, torch.cat(self.ids, dim=1))
        modules = dict(skeleton.model.named_modules())
        found = scopes.blocks(base.model_type, modules)
        self.blocks = [Block(self.stacks[stack], path, modules[path]) for stack, path in found]
        self._turn: Block | None = None
        self._own: set[torch.nn.Module] = set()  # the modules of the block in turn
        self._pass = Pass(slice(0))
        self._at_once = max(1, TOKENS // self.ids[0].shape[1])
        for block in self.blocks:
            block.module.forward = self._in_turn(block, block.module.forward)
        for module in modules.values():
            module.register_forward_pre_hook(self._stop_behind_turn, prepend=True)

    def solve(self, linears: Linears, solver: Solver, hessian: bool) -> dict[str, Any]:
        """{name: solver's result}; the rest as in the function of this name."""
        inside, outside = self._parted(linears)
        results = self._stage(outside, solver, hessian, required=False)
        outside = {p: linear for p, linear in outside.items() if linear[0] not in results}
        last = max((n for n, block in enumerate(self.blocks, 1) if outside or inside[block.path]), default=0)
        progress = Progress(log)
        for number, block in enumerate(self.blocks[:last], 1):
            self._turn, self._own = block, set(block.module.modules())
            results |= self._stage(inside[block.path], solver, hessian)
            if outside or number < last:
                self._advance(block)
            progress.say("%s is done, block %d of %d", block.path, number, last)
        return results | self._stage(outside, solver, hessian)

    def _parted(self, linears: Linears) -> tuple[dict[str, Linears], Linears]:
        """({path of a block: the layers inside it}, those that are in none)."""
        inside: dict[str, Linears] = {block.path: {} for block in self.blocks}
        outside: Linears = {}
        for path, linear in linears.items():
            parts = path.split(".")
            owners = (".".join(parts[:end]) for end in range(1, len(parts)))
            inside.get(next((owner for owner in owners if owner in inside), ""), outside)[path] = linear
        return inside, outside

    def _advance(self, block: Block) -> None:
        """Run the block in turn with its new weights, so that those behind it can read what it gives."""
        self._run(record=True)
        self.skeleton.release()
        block.done = True
        self._turn = None

    def _stage(self, linears: Linears, solver: Solver, hessian: bool, required: bool = True) -> dict[str, Any]:
        """Solve these layers from one run as far as the block in turn; not required: those that it reaches."""
        statistics: dict[str, InputStatistics] = {}
        results = {}
        if linears:
            with Collector(linears, hessian, once=self._turn is None) as collector:
                self._run(collector=collector)
            statistics = collector.statistics
        for path, (name, module) in linears.items():
            if path not in statistics and required:  # never called: the solvers say what that means
                statistics[path] = InputStatistics(module.in_features, self.skeleton.device, hessian, name)
            if path in statistics:
                self.skeleton.load(path, module)
                results[name] = solver(name, module.weight.float(), statistics.pop(path))
        self.skeleton.release()
        self.skeleton.tensors |= {name: result.weight for name, result in results.items()}
        return results

    def _run(self, record: bool = False, collector: Collector | None = None) -> None:
        """Pass all windows through the model, a few at once, as far as the block in turn."""
        for first in range(0, len(self.ids[0]), self._at_once):
            self._pass = Pass(slice(first, first + self._at_once), record, collector)
            ids = [each[self._pass.rows].to(self.skeleton.device) for each in self.ids]
            with contextlib.suppress(Enough):
                self.skeleton.model(**dict(zip(INPUTS, ids, strict=False)))
            if collector:
                collector.add()

    def _in_turn(self, block: Block, forward: Callable[..., Any]) -> Callable[..., Any]:
        """What a block does when it is called: answer from memory, compute, or end the pass."""

        def called(*args: Any, **kwargs: Any) -> Any:
            if block.done:
                return block.stack.answer(self._pass.rows, self.skeleton.device)
            if block is not self._turn:
                raise Enough
            output = forward(*args, **kwargs)
            self._pass.answered = True
            if self._pass.collector:
                self._pass.collector.add()  # ALBERT's block is called at every depth: its inputs are not to pile up
            if self._pass.record:
                block.stack.record(self._pass.rows, output, len(self.ids[0]))
            return output

        return called

    def _stop_behind_turn(self, module: torch.nn.Module, _: Any) -> None:
        """End the pass when the block in turn has answered and something else is called."""
        if self._pass.answered and module not in self._own:
            raise Enough


def streams(config: Any, windows: torch.Tensor) -> list[torch.Tensor]:
    """The ids that each stack of blocks reads: [windows], or for an encoder-decoder [its encoder's, its decoder's].

    An encoder-decoder gets the first half of a window as its text and the second half as what follows it, shifted
    behind the start token as in training: the prefix language modelling of Raffel et al. 2020 (section 3.2.3), the one
    task in which plain text exercises encoder, decoder and cross-attention alike. An encoder gets plain windows.
    """
    if not config.is_encoder_decoder:
        return [windows]
    half = windows.shape[1] // 2
    starts = torch.full_like(windows[:, :1], config.decoder_start_token_id)
    return [windows[:, :half], torch.cat([starts, windows[:, half:-1]], dim=1)]
