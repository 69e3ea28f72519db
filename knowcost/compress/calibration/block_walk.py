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

import torch

from knowcost.common.errors import InputError
from knowcost.common.log import Progress
from knowcost.compress.calibration import windows as calibration
from knowcost.compress.solvers import InputStatistics
from knowcost.models.load import pick_device
from knowcost.models.skeleton import Skeleton
from knowcost.spec import scopes

log = logging.getLogger(__name__)

TOKENS = 2048  # per forward pass, but at least one window
INPUTS = ("inputs_embeds", "decoder_inputs_embeds")  # of the first stack, of the second


@torch.no_grad()
def solve(work, weights, solver, hessian):
    """{name: the solver's result} for these weights of the model.

    work: compress.base.Work; weights: their names in the checkpoint; solver: a function of a name, the float32 weight
    and its solvers.InputStatistics (with second moments if `hessian`); `weight` of its result is the Tensor to go on
    with. The same input gives the same bytes on the same machine with as many threads. Raises InputError.
    """
    windows, _ = calibration.read(work.calibration)
    skeleton = Skeleton(work.base, work.tensors, pick_device(work.device))
    walk = Walk(skeleton, work.base, torch.from_numpy(windows))
    return walk.solve(skeleton.linears(weights), solver, hessian)


class _Stop(Exception):
    """What was wanted of a forward pass is there."""


class Walk:
    """One way through the blocks of a Skeleton, over windows: int64 (samples, length) ids."""

    def __init__(self, skeleton, base, windows):
        self.skeleton = skeleton
        modules = dict(skeleton.model.named_modules())
        self.blocks = [(stack, path, modules[path]) for stack, path in scopes.blocks(base.model_type, modules)]
        ids = streams(skeleton.model.config, windows)
        self._states = [embed(base.embedding, each, skeleton.dtype) for each in ids]  # what a stack's next block reads
        self._widths = [states.shape[-1] for states in self._states]
        self._rest = {}  # (stack, windows in the pass): what else its blocks return; the same for all windows
        self._begun, self._done = set(), set()  # stacks of which a block is done, and those blocks
        self._turn, self._own, self._answered, self._recording = None, set(), False, False
        self._at_once = max(1, TOKENS // ids[0].shape[1])
        for stack, _, block in self.blocks:
            block.forward = self._in_turn(stack, block, block.forward)
        for module in modules.values():
            module.register_forward_pre_hook(self._stop_behind_turn, prepend=True)

    def solve(self, linears, solver, hessian):
        """{name: solver's result} for {path: (name, nn.Linear)}; the rest as in the function of this name."""
        inside = {path: {p: linears[p] for p in linears if p.startswith(f"{path}.")} for _, path, _ in self.blocks}
        outside = {p: linears[p] for p in linears if not any(p in paths for paths in inside.values())}
        results = self._stage(outside, solver, hessian, required=False)
        outside = {p: linear for p, linear in outside.items() if linear[0] not in results}
        last = max((n for n, (_, path, _) in enumerate(self.blocks, 1) if outside or inside[path]), default=0)
        progress = Progress(log)
        for number, (stack, path, block) in enumerate(self.blocks[:last], 1):
            self._turn, self._own = block, set(block.modules())
            results |= self._stage(inside[path], solver, hessian)
            if outside or number < last:
                self._advance(stack, block)
            progress.say("%s is done, block %d of %d", path, number, last)
        return results | self._stage(outside, solver, hessian)

    def _advance(self, stack, block):
        """Run the block in turn with its new weights, so that those behind it can read what it gives."""
        self._given = self._states[stack]
        self._run(recording=True)
        self.skeleton.release()
        self._states[stack] = self._given
        self._begun.add(stack)
        self._done.add(block)
        self._turn = None

    def _stage(self, linears, solver, hessian, required=True):
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

    def _collect(self, linears, hessian):
        """{path: InputStatistics} of those layers that a run reaches; layers that read the same tensor share one."""
        statistics, leaders, inputs = {}, set(), {}

        def see(path, name, x):
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

    def _run(self, recording=False, after_each=lambda: None):
        """Pass all windows through the model, a few at once, as far as the block in turn."""
        self._recording = recording
        for first in range(0, len(self._states[0]), self._at_once):
            self._rows, self._answered = slice(first, first + self._at_once), False
            with contextlib.suppress(_Stop):
                self.skeleton.model(**{INPUTS[stack]: self._embedded(stack) for stack in range(len(self._states))})
            after_each()

    def _embedded(self, stack):
        """What a stack gets as its embedded windows: zeros when its blocks answer from memory anyway."""
        states = self._states[stack][self._rows]
        if stack in self._begun:
            return torch.zeros(*states.shape[:2], self._widths[stack], dtype=states.dtype, device=self.skeleton.device)
        return states.to(self.skeleton.device, copy=True)

    def _in_turn(self, stack, block, forward):
        """What a block does when it is called: answer from memory, compute, or end the pass."""

        def called(*args, **kwargs):
            if block in self._done:
                states = self._states[stack][self._rows].to(self.skeleton.device, copy=True)
                rest = self._rest[stack, len(states)]
                return states if rest is None else (states, *rest)
            if block is not self._turn:
                raise _Stop
            output = forward(*args, **kwargs)
            self._answered = True
            if self._recording:
                self._record(stack, output)
            return output

        return called

    def _record(self, stack, output):
        """Keep a block's output for the blocks behind it, in the place of what it read."""
        states, rest = (output, None) if isinstance(output, torch.Tensor) else (output[0], output[1:])
        self._rest[stack, len(states)] = rest
        if self._given.shape[-1] != states.shape[-1]:  # embeddings of another width than the blocks, as ALBERT's
            self._given = torch.empty(*self._given.shape[:2], states.shape[-1], dtype=states.dtype)
        self._given[self._rows] = states.cpu()

    def _stop_behind_turn(self, module, _):
        """End the pass when the block in turn has answered and something else is called."""
        if self._answered and module not in self._own:
            raise _Stop


def streams(config, windows):
    """The ids that each stack of blocks reads: [windows], or for an encoder-decoder [its encoder's, its decoder's].

    An encoder-decoder gets the first half of a window as its text and the second half as what follows it, shifted
    behind the start token as in training: the prefix language modelling of Raffel et al. 2020 (section 3.2.3), the one
    task in which plain text exercises encoder, decoder and cross-attention alike. An encoder gets plain windows.
    """
    if not config.is_encoder_decoder:
        return [windows]
    half = windows.shape[1] // 2
    start = config.decoder_start_token_id
    starts = torch.full_like(windows[:, :1], config.pad_token_id if start is None else start)
    return [windows[:, :half], torch.cat([starts, windows[:, half:-1]], dim=1)]


def embed(embedding, ids, dtype):
    """Rows of an embedding (a checkpoint.Tensor, read a block at a time) for int64 ids of any shape, on the CPU."""
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
