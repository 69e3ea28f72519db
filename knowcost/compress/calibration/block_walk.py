"""Run a model block by block over calibration data, and solve its layers on the way with what they see.

Each block's layers are solved together, from the inputs they get in the block as it was (as the authors of SparseGPT,
Wanda and GPTQ do); then the block runs again with its new weights, so that the next one sees the error made so far.
Layers before the first block are solved before it, those behind the last (a head) after it. A block that is applied at
several depths (ALBERT) is solved once, from its inputs at all of them.

How blocks are wired (masks, positions, T5's position bias, an encoder's states for the decoder) is left to the model's
own forward pass. It is cut short: blocks that are done answer with what the last one of their stack gave, the block in
turn computes, and the pass ends there. So memory holds one block, the statistics of its inputs and, on the CPU, one
output per calibration token.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from knowcost.common.errors import InputError
from knowcost.common.log import Progress
from knowcost.compress.calibration import windows as calibration
from knowcost.compress.method import Work
from knowcost.compress.solvers import InputStatistics
from knowcost.models.base import Base
from knowcost.models.checkpoint import Tensor
from knowcost.models.load import pick_device
from knowcost.models.skeleton import Skeleton
from knowcost.spec import scopes

log = logging.getLogger(__name__)

TOKENS = 2048  # per forward pass, but at least one window
INPUTS = ("inputs_embeds", "decoder_inputs_embeds")  # of the first stack, of the second

Linears = dict[str, tuple[str, torch.nn.Linear]]  # {path: (name of its weight in the checkpoint, layer)}
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


class _Stop(Exception):
    """What was wanted of a forward pass is there."""


@dataclass
class Stack:
    """One stack of blocks (an encoder-decoder has two), and what its blocks hand on.

    states: what its next block reads, of all windows, (windows, tokens, width), on the CPU; width: of its embeddings;
    begun: whether a block of it is done, so that `states` are a block's; rest: {windows in a pass: what else its blocks
    return}, the same for all windows; given: what the block in turn gives, while that is recorded.
    """

    states: torch.Tensor
    width: int
    begun: bool = False
    rest: dict[int, tuple[Any, ...] | None] = field(default_factory=dict)
    given: torch.Tensor | None = None

    def embedded(self, rows: slice, device: torch.device) -> torch.Tensor:
        """What it gets as its embedded windows: zeros when its blocks answer from memory anyway."""
        states = self.states[rows]
        if self.begun:
            return torch.zeros(*states.shape[:2], self.width, dtype=states.dtype, device=device)
        return states.to(device, copy=True)

    def answer(self, rows: slice, device: torch.device) -> Any:
        """What a block that is done returns: what the last one of them gave."""
        states = self.states[rows].to(device, copy=True)
        rest = self.rest[len(states)]
        return states if rest is None else (states, *rest)

    def record(self, rows: slice, output: Any) -> None:
        """Keep a block's output for the blocks behind it, in the place of what it read, unless it is only solved."""
        if self.given is None:
            return
        states, rest = (output, None) if isinstance(output, torch.Tensor) else (output[0], output[1:])
        self.rest[len(states)] = rest
        if self.given.shape[-1] != states.shape[-1]:  # embeddings of another width than the blocks, as ALBERT's
            self.given = torch.empty(*self.given.shape[:2], states.shape[-1], dtype=states.dtype)
        self.given[rows] = states.cpu()


@dataclass(eq=False)
class Block:
    """One block: its path in the model, its module, and whether it has been solved and run."""

    stack: Stack
    path: str
    module: torch.nn.Module
    done: bool = False


@dataclass
class Pass:
    """One forward pass: over which windows, and whether the block in turn has answered."""

    rows: slice
    answered: bool = False


class Walk:
    """One way through the blocks of a Skeleton, over windows: int64 (samples, length) ids."""

    def __init__(self, skeleton: Skeleton, base: Base, windows: torch.Tensor) -> None:
        self.skeleton = skeleton
        ids = streams(skeleton.model.config, windows)
        states = [embed(base.embedding, each, skeleton.dtype) for each in ids]
        self.stacks = [Stack(each, each.shape[-1]) for each in states]
        modules = dict(skeleton.model.named_modules())
        found = scopes.blocks(base.model_type, modules)
        self.blocks = [Block(self.stacks[stack], path, modules[path]) for stack, path in found]
        self._turn: Block | None = None
        self._own: set[torch.nn.Module] = set()  # the modules of the block in turn
        self._pass = Pass(slice(0))
        self._at_once = max(1, TOKENS // ids[0].shape[1])
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
        stack = block.stack
        stack.given = stack.states
        self._run()
        self.skeleton.release()
        stack.states, stack.given, stack.begun = stack.given, None, True
        block.done = True
        self._turn = None

    def _stage(self, linears: Linears, solver: Solver, hessian: bool, required: bool = True) -> dict[str, Any]:
        """Solve these layers from one run as far as the block in turn; not required: those that it reaches."""
        statistics, results = self._collect(linears, hessian), {}
        for path, (name, module) in linears.items():
            if path not in statistics and required:  # never called: the solvers say what that means
                statistics[path] = InputStatistics(module.in_features, self.skeleton.device, hessian, name)
            if path in statistics:
                self.skeleton.load(path, module)
                results[name] = solver(name, module.weight.float(), statistics.pop(path))
        self.skeleton.release()
        self.skeleton.tensors |= {name: result.weight for name, result in results.items()}
        return results

    def _collect(self, linears: Linears, hessian: bool) -> dict[str, InputStatistics]:
        """{path: InputStatistics} of those layers that a run reaches; layers that read the same tensor share one."""
        statistics: dict[str, InputStatistics] = {}
        leaders: set[str] = set()
        inputs: dict[str, torch.Tensor] = {}

        def see(path: str, name: str, x: torch.Tensor) -> None:
            if path not in statistics:
                shared = next((other for other, y in inputs.items() if y is x), None)
                if shared is None:
                    leaders.add(path)
                    statistics[path] = InputStatistics(x.shape[-1], x.device, hessian, name)
                else:
                    statistics[path] = statistics[shared]
            if path in leaders:
                statistics[path].add(x)
            inputs[path] = x
            if self._turn is None and len(inputs) == len(linears):
                raise _Stop

        hooks = [
            module.register_forward_pre_hook(lambda _, args, path=path, name=name: see(path, name, args[0]))
            for path, (name, module) in linears.items()
        ]
        if linears:
            self._run(after_each=inputs.clear)
        for hook in hooks:
            hook.remove()
        return statistics

    def _run(self, after_each: Callable[[], None] = lambda: None) -> None:
        """Pass all windows through the model, a few at once, as far as the block in turn."""
        for first in range(0, len(self.stacks[0].states), self._at_once):
            self._pass = Pass(slice(first, first + self._at_once))
            embedded = [stack.embedded(self._pass.rows, self.skeleton.device) for stack in self.stacks]
            with contextlib.suppress(_Stop):
                self.skeleton.model(**dict(zip(INPUTS, embedded, strict=False)))
            after_each()

    def _in_turn(self, block: Block, forward: Callable[..., Any]) -> Callable[..., Any]:
        """What a block does when it is called: answer from memory, compute, or end the pass."""

        def called(*args: Any, **kwargs: Any) -> Any:
            if block.done:
                return block.stack.answer(self._pass.rows, self.skeleton.device)
            if block is not self._turn:
                raise _Stop
            output = forward(*args, **kwargs)
            self._pass.answered = True
            block.stack.record(self._pass.rows, output)
            return output

        return called

    def _stop_behind_turn(self, module: torch.nn.Module, _: Any) -> None:
        """End the pass when the block in turn has answered and something else is called."""
        if self._pass.answered and module not in self._own:
            raise _Stop


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


def embed(embedding: Tensor, ids: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Rows of an embedding (read a block at a time) for int64 ids of any shape, on the CPU."""
    if int(ids.max()) >= embedding.shape[0]:
        raise InputError(
            f"the calibration data has token {int(ids.max())}, but {embedding.name} has {embedding.shape[0]:,} rows: "
            "the tokenizer is not this model's"
        )
    out = torch.empty(*ids.shape, embedding.shape[1], dtype=dtype)
    for first, rows in embedding.rows():
        here = (ids >= first) & (ids < first + len(rows))
        out[here] = torch.from_numpy(rows)[ids[here] - first].to(dtype)
    return out
