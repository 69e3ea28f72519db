"""What a job asks of a cluster: memory, minutes, threads and GPUs, from the size of its model. Imports no torch.

Requests are generous, since a job that asks for too little dies: a second attempt asks for twice the memory and time, a
third for three times.
"""

import functools
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from knowcost.common import paths
from knowcost.compress import registry
from knowcost.fetch import rows
from knowcost.models.gpus import ACTIVATIONS_GB, BYTES, gpus_for, weights_gb
from knowcost.models.headers import read_config, read_object
from knowcost.plan import design, writing
from knowcost.plan.config import Row, Study
from knowcost.plan.training import Training, beside_dense, training_of
from knowcost.plan.writing import NOTHING, Written
from knowcost.spec.variants import parse

UNKNOWN = 7_000_000_000  # parameters of a model that is not here yet

TOKENS_PER_CELL = 500_000  # LAMA's T-REx has a million, WinoGrande a tenth of that
CPU_SPEED, GPU_SPEED = 3e10, 2e13  # floating-point operations a second of one CPU thread, and of a modest GPU


@dataclass(frozen=True)
class Size:
    """Of a model: how many parameters, and gigabytes (1e9 bytes) of weights on disk.

    packed: whether it computes on the weights as they are stored.
    """

    parameters: int
    stored_gb: float
    packed: bool = False


def size(row: Row) -> Size:
    """The Size of a model of the table, as well as it is known now; never raises.

    Once fetched, what source.json says. Before, for a local folder, the sizes of its files and the type that its
    config.json names. Otherwise UNKNOWN parameters of two bytes: a dry run then shows what a 7B would ask. What a job
    really asks is computed when it is submitted, and by then its model is fetched.
    """
    finders: tuple[Callable[[Row], Size | None], ...] = (_fetched, _local)
    for find in finders:
        try:
            found = find(row)
        # not there, or not what it should be
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            continue
        if found and found.parameters > 0:
            return found
    return Size(UNKNOWN, UNKNOWN * 2 / 1e9)


def _fetched(row: Row) -> Size:
    path = Path(paths.model_source(row["name"])).absolute()
    return _read_source(path, _changed(path))


def _changed(*files: Path) -> tuple[int, ...]:
    """What is another number once one of these files is."""
    return tuple(number for about in map(os.stat, files) for number in (about.st_mtime_ns, about.st_ino))


@functools.lru_cache(maxsize=1024)  # every resource of every job asks
def _read_source(path: Path, _changed: tuple[int, ...]) -> Size:
    source = read_object(path)
    weights = [entry["size"] for name, entry in source["files"].items() if rows.is_weights(name)]
    return Size(int(source["parameters"]), sum(weights) / 1e9, source.get("packed", False))


def _local(row: Row) -> Size | None:
    if not rows.is_local(row["source"]):
        return None
    if row.get("parent"):  # how many parameters a file stands for is known once it is fetched
        return None
    folder = Path(row["source"]).absolute()
    return _read_local(folder, row.get("allow", ""), _changed(folder, folder / "config.json"))


@functools.lru_cache(maxsize=1024)
def _read_local(folder: Path, allow: str, _changed: tuple[int, ...]) -> Size:
    row = {"name": folder.name, "source": str(folder), "allow": allow}
    _, weights = rows.choose(rows.names_in(folder), row)
    config = read_config(folder)
    stored = sum((folder / name).stat().st_size for name in weights)
    dtype = str(config.get("dtype") or config.get("torch_dtype"))
    return Size(stored // BYTES.get(dtype, 4), stored / 1e9)


@dataclass(frozen=True)
class Job:
    """One job of the workflow: its stage, model (None where it has none), variants' slugs, how many cells it asks or
    tabulates, whether the dense model is in memory beside each of the others, and which texts it has written
    (plan/writing.py)."""

    stage: str
    model: str | None = None
    variants: Sequence[str] = ()
    cells: int = 1
    beside_dense: bool = False
    written: Written = NOTHING


@dataclass(frozen=True)
class Work:
    """What a Job means for a machine.

    stage: thresholds, compress, score, or any other; size: of its model, None where there is none; dtype: what it
    computes in; methods: the names of its variants' methods; cells: how many it asks or tabulates; gpu_memory_gb: of
    one GPU, None where it takes none; brought: whether it asks a version that was compressed elsewhere;
    training: of a recovery, None where nothing is trained; beside_dense: whether the dense model is in memory too;
    written: of texts.
    """

    stage: str
    size: Size | None = None
    dtype: str = "float32"
    methods: Collection[str] = ()
    cells: int = 1
    gpu_memory_gb: float | None = None
    brought: bool = False
    training: Training | None = None
    beside_dense: bool = False
    written: Written = NOTHING

    @property
    def calibrated(self) -> bool:
        """Whether it runs its model over calibration data."""
        return self.stage == "compress" and any(registry.METHODS[name].needs_data for name in self.methods)

    @property
    def dynamic(self) -> bool:
        return any(registry.METHODS[name].dynamic for name in self.methods)

    @property
    def weights_gb(self) -> float:
        if self.size is None:
            return 0
        return self.size.stored_gb if self.size.packed else weights_gb(self.size.parameters, self.dtype, self.dynamic)


def needs(work: Work, attempt: int = 1) -> dict[str, int]:
    """{"mem_mb", "runtime" (minutes), "threads", "gpu" (how many)} of one job; attempt: from 1.

    With P parameters, S gigabytes on disk, and W gigabytes of weights when computing (`weights_gb`; S where a version
    that was compressed elsewhere stays packed):

    thresholds, compress: 1 GB + S/10; 15 minutes + 2 for each GB. Both stream in blocks of 16 MB (measured: 0.13 GB);
    a few methods hold their largest tensor twice, which is seldom a tenth of a large model; those with torch 1 GB more.
    compress with calibration data: 4 GB + S + W; 60 minutes + 30 for each 1e9 of P; one GPU where there are any.
    score: 3 GB + S + W, with int8 3 GB + S + 3 W (measured on SmolLM2-135M, beside 0.4 GB of imports: 0.9 W, and 3.0 W
    for int8, which is built from float32 copies). 30 minutes, and for each cell 4 + S/2 (archives are hashed, and those
    kept as recipes made again) + 2 P x 500,000 tokens / speed; with int8, and of what was compressed elsewhere, twice
    the tokens, since such cells are asked twice. Where the dense model stands beside those asked, 1 GB + W more (the
    attention of a window). Where it has texts written, what plan/writing.py says beside that. GPUs as in `gpus_for`.
    recover: 4 GB + S + W + A (recover/memory.py: what blocks keep of a batch for the way back), with the loss `kl`
    another W. 30 minutes + 4 P x tokens / speed, forwards and, through frozen weights, backwards; 2 P more where blocks
    compute twice to save memory, and with `kl`; 2 P for held-out windows. Without training 6 GB + S + 2 W, and as many
    minutes as compress with calibration data. GPUs as for scoring, with what A has beyond 4 GB.
    all others (calibrate, world, tables, figures, report, verify): 4 GB + 0.5 MB a cell; 60 minutes + 1 for 50 cells.
    A job that computes without a GPU has a thread for each 5e8 of P, at most 8; with one it has two.
    """
    gpus, threads = _gpus_and_threads(work)
    if work.stage == "score" and work.size:
        memory, minutes = _of_scoring(work, work.size, gpus, threads)
    elif work.stage == "recover" and work.size:
        memory, minutes = _of_recovery(work, work.size, gpus, threads)
    elif work.calibrated and work.size:
        memory, minutes = 4 + work.size.stored_gb + work.weights_gb, 60 + 30 * work.size.parameters / 1e9
    elif work.stage in ("thresholds", "compress") and work.size:
        with_torch = any(registry.METHODS[name].solves for name in work.methods)
        memory, minutes = 1 + work.size.stored_gb / 10 + with_torch, 15 + 2 * work.size.stored_gb
    else:
        memory, minutes = 4 + work.cells / 2000, 60 + work.cells / 50
    return {
        "mem_mb": ceil(1000 * memory) * attempt,
        "runtime": ceil(minutes) * attempt,
        "threads": threads,
        "gpu": gpus,
    }


def _gpus_and_threads(work: Work) -> tuple[int, int]:
    if work.size is None or not (work.stage in ("score", "recover") or work.calibrated):
        return 0, 1
    if work.gpu_memory_gb:
        spread = work.stage in ("score", "recover")
        weights = work.weights_gb * (2 if work.beside_dense else 1)
        kept = work.training.memory_gb(work.size.parameters, work.dtype) if work.training else 0
        beyond = max(0, kept - ACTIVATIONS_GB)
        return gpus_for(weights + beyond, work.gpu_memory_gb) if spread else 1, 2
    return 0, max(1, min(8, ceil(work.size.parameters / 5e8)))


def _of_scoring(work: Work, size: Size, gpus: int, threads: int) -> tuple[float, float]:
    """(gigabytes, minutes)."""
    speed = GPU_SPEED if gpus else CPU_SPEED * threads  # the parts of a spread model work one after the other
    tokens = TOKENS_PER_CELL * (2 if work.dynamic or work.brought else 1)
    memory = 3 + size.stored_gb + work.weights_gb * (3 if work.dynamic else 1)
    memory += (1 + work.weights_gb) if work.beside_dense else 0
    minutes = 30 + work.cells * (4 + size.stored_gb / 2 + 2 * size.parameters * tokens / speed / 60)
    if work.written != NOTHING:
        machine = writing.Machine(gpus, threads)
        memory += writing.kept_gb(size.parameters, work.dtype, machine)
        minutes += writing.minutes(work.written, work.weights_gb, machine)
    return memory, minutes


def _of_recovery(work: Work, size: Size, gpus: int, threads: int) -> tuple[float, float]:
    """(gigabytes, minutes)."""
    if not (training := work.training):
        return 6 + size.stored_gb + 2 * work.weights_gb, 60 + 30 * size.parameters / 1e9
    weights = work.weights_gb * (2 if work.beside_dense else 1)
    speed = GPU_SPEED if gpus else CPU_SPEED * threads
    minutes = 30 + training.operations(size.parameters, work.dtype, work.beside_dense) / speed / 60
    return 4 + size.stored_gb + weights + training.memory_gb(size.parameters, work.dtype), minutes


def of_batch(study: Study, batch: design.Batch) -> Job:
    """The scoring job of a batch."""
    beside_dense = len(design.looked_at(study, batch)) > len(batch.variants)
    written = writing.written(study, batch.model, batch.variants, batch.benchmarks)
    return Job("score", batch.row, batch.variants, len(batch.cells), beside_dense, written)


def of_job(study: Study, job: Job, attempt: int = 1) -> dict[str, int | str]:
    """What a rule of the workflow declares for one job of a checked Study: `counted`, in its configuration's words.

    Keys: mem_mb, runtime, threads, and where a GPU is asked for nodes (1: its GPUs are in one machine) with gpu and
    perhaps gpu_model, or gres, as `gpu.request` says.
    """
    asked: dict[str, int | str] = dict(counted(study, job, attempt))
    gpus = asked.pop("gpu")
    return asked | (_request(study.config["gpu"]["request"], gpus) if gpus else {})


def counted(study: Study, job: Job, attempt: int = 1) -> dict[str, int]:
    """What one job of a checked Study asks for: `needs`, with the threads that the configuration says."""
    config = study.config
    section = {"compress": "compress", "recover": "recovery"}.get(job.stage, "score")
    device = config[section]["device"]
    row = study.checkpoints[job.model] if job.model else None
    work = Work(
        job.stage,
        size(row) if row else None,
        dtype=config["recovery"]["dtype"] if job.stage == "recover" else (row or {}).get("dtype") or "float32",
        training=training_of(config["recovery"], job.variants[0]) if job.stage == "recover" else None,
        methods={step.method for slug in job.variants for step in parse(slug).steps},
        cells=job.cells,
        brought=any(parse(slug).brought for slug in job.variants),
        written=job.written,
        beside_dense=job.beside_dense or (job.stage == "recover" and any(map(beside_dense, job.variants))),
        gpu_memory_gb=None if device in ("cpu", "mps") else study.gpu_memory_gb,
    )
    asked = needs(work, attempt)
    if job.stage == "score" and config["score"]["threads"] != "auto":
        asked["threads"] = config["score"]["threads"]
    return asked


def _request(request: str, gpus: int | str) -> dict[str, int | str]:
    """gpu, gpu:a100, gres or gres:a100 in the words of snakemake-executor-plugin-slurm."""
    how, _, kind = request.partition(":")
    if how == "gres":
        return {"nodes": 1, "gres": f"gpu:{kind}:{gpus}" if kind else f"gpu:{gpus}"}
    return {"nodes": 1, "gpu": gpus} | ({"gpu_model": kind} if kind else {})
