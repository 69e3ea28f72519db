"""What a job takes, as well as it can be foreseen: seconds, and gigabytes of memory. Imports no torch.

A best estimate, of which `resources.py` makes what is asked for. Every constant was measured on the same two cores as
the speeds of machine.py: with SmolLM2-135M, Flan-T5-small and AntiBERTy, and with the three models of the demo of less
than a million parameters, where start-up and the harness's own work for each prompt decide.
"""

from dataclasses import dataclass

from knowcost.plan import writing
from knowcost.plan.machine import Machine
from knowcost.plan.sizes import Size
from knowcost.plan.work import Work
from knowcost.recover.memory import depth_of

# Seconds. START: of a script; TORCH: torch and transformers imported, HARNESS: lm-evaluation-harness beside them; of
# each GB of weights, LOAD: read into a model, HASH: read against its hash, STREAM: read, changed, written, read back.
START, TORCH, HARNESS, LOAD, HASH, STREAM = 0.4, 5, 3, 4, 1, 5
# Of a cell that is asked, and of a prompt: the harness's own work.
CELL, PROMPT = 0.15, 0.0003
TRAINED = 0.05  # of a step of training, however small
INT8 = 1.2  # how many times longer than in float32 its simulation on a CPU takes
# Seconds for a weight and a thousand of its layer's inputs, swept by a solver in one thread; how many threads a GPU is
# worth there, which is a guess and was not measured (GPTQ's abstract has about four GPU hours for 175B).
SOLVED, GPU_THREADS = 1e-7, 8
# Seconds of jobs without a model, and for each cell of the study.
FIXED = {"world": 3, "teach": 100, "tables": 7, "explore": 3, "figures": 12, "report": 5, "verify": 5, "calibrate": 4}
EACH = {"tables": 0.02, "explore": 0.02, "figures": 0.02, "report": 0.02, "verify": 0.02}

# Gigabytes of memory: a script's, and one's with torch and the harness.
SMALL, IMPORTS = 0.15, 0.5
BLOCK = 0.25  # of the weights: the block that is solved, the moments of its inputs, and what the solver has of a layer


@dataclass(frozen=True)
class Predicted:
    """seconds; gigabytes of memory of its own."""

    seconds: float
    gigabytes: float


def predicted(work: Work, machine: Machine) -> Predicted:
    """What one job takes. With P parameters, S gigabytes on disk, W gigabytes of weights when computing (`weights_gb`;
    S where a version that was compressed elsewhere stays packed):

    thresholds, compress, bring, export: START + STREAM x S; they stream in blocks of 16 MB, and a few methods hold
    their largest tensor twice, which is seldom a tenth of a large model.
    compress with calibration data: `_of_calibrated`; score: `_of_scoring`; recover: `_of_recovery`.
    all others: FIXED + EACH for a cell, and HASH for a gigabyte of archives that is read; 0.5 MB of memory a cell.
    """
    size = work.size
    if work.stage == "score" and size:
        return _of_scoring(work, size, machine)
    if work.stage == "recover" and size:
        return _of_recovery(work, size, machine)
    if work.calibrated and size:
        return _of_calibrated(work, size, machine)
    if work.stage in ("thresholds", "compress", "bring", "export") and size:
        seconds = START + (TORCH / 2 if work.solves else 0) + STREAM * size.stored_gb
        return Predicted(seconds, (IMPORTS if work.solves else SMALL) + size.stored_gb / 10)
    seconds = FIXED[work.stage] + EACH.get(work.stage, 0) * work.cells + HASH * work.archives_gb
    return Predicted(seconds, 1 + work.cells / 2000)


def _of_calibrated(work: Work, size: Size, machine: Machine) -> Predicted:
    """Of each method, two forward passes over the windows; where it solves with second moments, about another for
    them, and a sweep over the columns of every layer. Memory holds one block, the moments of its inputs, and the states
    of all windows."""
    methods = len(work.calibrated)
    passes = 2 * methods + work.hessians
    seconds = START + TORCH + STREAM * size.stored_gb
    seconds += passes * 2 * size.parameters * work.windows / machine.speed
    seconds += work.hessians * _sweep(size, machine)
    states = 4 * work.windows * depth_of(size.parameters).width / 1e9
    return Predicted(seconds, IMPORTS + BLOCK * work.weights_gb + states)


def _sweep(size: Size, machine: Machine) -> float:
    threads = GPU_THREADS if machine.gpus else machine.threads
    return SOLVED * size.parameters * depth_of(size.parameters).width / 1000 / threads


def _of_scoring(work: Work, size: Size, machine: Machine) -> Predicted:
    """Every archive is read against its hashes; of those that are asked anything, weights are loaded (made again, where
    they are not kept in full), and what is read passes all parameters with two operations each."""
    seconds = START + HASH * size.stored_gb * work.variants
    if work.read.cells:
        loads = work.read.variants + work.beside_dense
        seconds += TORCH + HARNESS + loads * (LOAD * size.stored_gb + STREAM * size.stored_gb * work.rebuilt)
        seconds += CELL * work.read.cells + PROMPT * work.read.prompts
        slower = INT8 if work.dynamic else 1
        seconds += slower * work.read.tokens * 2 * size.parameters / machine.speed
        seconds += writing.seconds(work.written, size.parameters, work.weights_gb, machine)
    memory = IMPORTS + work.weights_gb * (3 if work.dynamic else 1)
    memory += (1 + work.weights_gb) if work.beside_dense else 0
    if work.written != writing.NOTHING:
        memory += writing.kept_gb(size.parameters, work.dtype, machine)
    return Predicted(seconds, memory)


def _of_recovery(work: Work, size: Size, machine: Machine) -> Predicted:
    """Training: forwards and, through frozen weights, backwards (`Training.operations`). What is worked out without
    training holds the weights twice and takes what a compression with second moments does."""
    seconds = START + TORCH + (1 + work.beside_dense) * LOAD * size.stored_gb
    if not (training := work.training):
        seconds += 3 * 2 * size.parameters * work.windows / machine.speed + _sweep(size, machine)
        return Predicted(seconds, IMPORTS + size.stored_gb + 2 * work.weights_gb)
    weights = work.weights_gb * (2 if work.beside_dense else 1)
    seconds += training.operations(size.parameters, work.dtype, work.beside_dense) / machine.speed
    seconds += TRAINED * training.steps
    kept = training.memory_gb(size.parameters, work.dtype)
    return Predicted(seconds, IMPORTS + size.stored_gb + weights + kept)
