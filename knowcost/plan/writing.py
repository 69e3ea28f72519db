"""What answers that are texts take of minutes and memory, from the size of a model. Imports no torch.

A text is generated token by token. For each token of a batch's answers all weights are read once from memory, while so
few operations are done with them that reading decides: a step takes STEP + W / bandwidth, for the whole batch. A batch
has as many prompts as fit into its tokens (score/plan.py) with a window of WINDOW each: 8 on a GPU, 2 without one, and
one behind virtual tokens, where prompts are not padded. All answers are taken to be as long as they may be, which those
of models that were compressed too far are.

The keys and values of a token that was read are kept: two vectors of a block's width in each block, 0.5 MB for a 7B in
half precision, so 2 GB for the tokens of a batch without a GPU. On a GPU 16,384 tokens of a 7B take 9 GB; where
they do not fit, batches are halved (score/ask.py), and one prompt is within what models/gpus.py allows for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from knowcost.benchmarks import expected
from knowcost.benchmarks.formats import kind_of
from knowcost.benchmarks.kinds import KINDS
from knowcost.models.gpus import BYTES
from knowcost.plan.config import Row, Study
from knowcost.recover import registry as recoveries
from knowcost.recover.memory import depth_of
from knowcost.score.plan import GENERATED_TOKENS, asked_twice
from knowcost.spec.variants import parse

WINDOW = 2048  # tokens of a prompt and its answer
STEP = 0.03  # seconds for which a step of generation keeps the CPU busy, however small the model
GPU_BANDWIDTH, CPU_BANDWIDTH = 5e11, 5e9  # bytes read in a second: by a modest GPU, for one CPU thread
STORIES = 11_490  # of CNN/DailyMail's test split


@dataclass(frozen=True)
class Written:
    """The most tokens of texts that a job has written: together, in batches of prompts, and one prompt alone."""

    together: int = 0
    alone: int = 0


NOTHING = Written()


@dataclass(frozen=True)
class Machine:
    """What computes: GPUs, or so many threads."""

    gpus: int
    threads: int

    @property
    def bandwidth(self) -> float:
        return GPU_BANDWIDTH if self.gpus else CPU_BANDWIDTH * self.threads

    @property
    def tokens(self) -> int:
        return GENERATED_TOKENS["cuda" if self.gpus else "cpu"]


def minutes(written: Written, weights_gb: float, machine: Machine) -> float:
    """Minutes in which so much is written."""
    steps = written.together / (machine.tokens / WINDOW) + written.alone
    return steps * (STEP + weights_gb * 1e9 / machine.bandwidth) / 60


def kept_gb(parameters: float, dtype: str, machine: Machine) -> float:
    """Gigabytes of the machine's own memory for the keys and values of a batch; none where they are on a GPU."""
    depth = depth_of(parameters)
    return 0 if machine.gpus else 2 * machine.tokens * depth.blocks * depth.width * BYTES[dtype] / 1e9


def written(study: Study, model: str, variants: Sequence[str], benchmarks: Sequence[str]) -> Written:
    """What a scoring job has these variants of a model write, of these benchmarks."""
    once = sum(_of_benchmark(study.benchmarks[name], study.config["limit"]) for name in benchmarks)
    behind = [slug for slug in variants if _is_behind_virtual_tokens(slug, study.models[model]["family"])]
    asked = sum(1 + asked_twice(slug) for slug in variants if slug not in behind)
    return Written(once * asked, once * len(behind))


def _is_behind_virtual_tokens(slug: str, family: str) -> bool:
    recovery = parse(slug).recovery
    return recovery is not None and recoveries.method_of(recovery).positions(recovery, family) > 0


def _of_benchmark(row: Row, limit: int | None) -> int:
    """Tokens of all answers to a benchmark, whose file need not be there yet: where only a file says how many rows it
    has, it is taken for CNN/DailyMail or MT-Bench."""
    usual = expected.OFFICIAL.get(row["format"], expected.OFFICIAL["mt_bench"])
    rows, turns = (STORIES, 1) if KINDS[kind_of(row["format"])].sized else usual
    known = expected.most_rows(row, limit)
    return (rows if known is None else min(rows, known)) * turns * expected.new_tokens(row)
