"""What answers that are texts take of minutes and memory, from the size of a model. Imports no torch.

A text is generated token by token. For each token of a batch's answers all weights are read once from memory, while so
few operations are done with them that reading decides: a step takes STEP for each block + W / bandwidth, for the whole
batch. A batch has as many prompts as fit into its tokens (score/plan.py) with the answers to come, and one behind
virtual tokens, where prompts are not padded. All answers are taken to be as long as they may be, which those of models
that were compressed too far are.

The keys and values of a token that was read are kept: two vectors of a block's width in each block, 0.5 MB for a 7B in
half precision, so 2 GB for the tokens of a batch without a GPU. On a GPU 16,384 tokens of a 7B take 9 GB; where
they do not fit, batches are halved (score/ask.py), and one prompt is within what models/gpus.py allows for.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from knowcost.benchmarks import expected
from knowcost.benchmarks.formats import kind_of
from knowcost.benchmarks.kinds import KINDS
from knowcost.models.gpus import BYTES
from knowcost.plan import reading
from knowcost.plan.config import Row, Study
from knowcost.plan.design import Cell
from knowcost.plan.machine import Machine
from knowcost.recover import registry as recoveries
from knowcost.recover.memory import depth_of
from knowcost.score.plan import GENERATED_TOKENS, asked_twice
from knowcost.spec.variants import parse

WINDOW = 2048  # tokens of a prompt and its answers at most
STEP = 0.001  # seconds for which a block of the model keeps the CPU busy in a step, however small it is


@dataclass(frozen=True)
class Written:
    """The most tokens of texts that a job has written: of prompts alone, and together, of those in batches, where each
    counts for all tokens of its prompt and answers, so that divided by a batch's tokens they are steps."""

    together: int = 0
    alone: int = 0


NOTHING = Written()


def seconds(written: Written, parameters: float, weights_gb: float, machine: Machine) -> float:
    """Seconds in which so much is written."""
    steps = written.together / _tokens(machine) + written.alone
    return steps * (STEP * depth_of(parameters).blocks + weights_gb * 1e9 / machine.bandwidth)


def kept_gb(parameters: float, dtype: str, machine: Machine) -> float:
    """Gigabytes of the machine's own memory for the keys and values of a batch; none where they are on a GPU."""
    depth = depth_of(parameters)
    return 0 if machine.gpus else 2 * _tokens(machine) * depth.blocks * depth.width * BYTES[dtype] / 1e9


def _tokens(machine: Machine) -> int:
    """Of a batch of prompts with their answers."""
    return GENERATED_TOKENS["cuda" if machine.gpus else "cpu"]


def written(study: Study, asked: Mapping[Cell, int]) -> Written:
    """What is written where so many facts are asked of each cell."""
    together = alone = 0
    for cell, facts in asked.items():
        row = study.benchmarks[cell.benchmark]
        tokens = facts * _turns(row) * expected.new_tokens(row)
        if _is_behind_virtual_tokens(cell.variant, study.models[cell.model]["family"]):
            alone += tokens
        else:
            together += tokens * _window(row) * (1 + asked_twice(cell.variant))
    return Written(together, alone)


def _is_behind_virtual_tokens(slug: str, family: str) -> bool:
    recovery = parse(slug).recovery
    return recovery is not None and recoveries.method_of(recovery).positions(recovery, family) > 0


def _window(row: Row) -> int:
    """Tokens of a prompt and its answers."""
    prompt = reading.TOKENS.get(row["format"], reading.OWN).decoder
    return min(WINDOW, prompt + _turns(row) * expected.new_tokens(row))


def _turns(row: Row) -> int:
    """Turns of a conversation: of those in a file of one's own, as many as MT-Bench has."""
    if KINDS[kind_of(row["format"])].sized:
        return 1
    return expected.OFFICIAL.get(row["format"], expected.OFFICIAL["mt_bench"])[1]
