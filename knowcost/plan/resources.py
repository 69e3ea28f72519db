"""What a job asks of a cluster: memory, minutes, threads and GPUs. Imports no torch.

`predicted.py` says what a job takes; what is asked for is generous, since a job that asks for too little dies: ten
minutes and three times what is predicted, of what comes after its first hour half as much again (partitions have
limits, and long jobs go on where they were stopped); half as much memory again and a gigabyte. A second attempt asks
for twice as much, a third for three times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from knowcost.compress.calibration import texts
from knowcost.models.gpus import ACTIVATIONS_GB, gpus_for
from knowcost.plan import batching, design, reading, writing
from knowcost.plan import config as configuration
from knowcost.plan.config import Study
from knowcost.plan.design import Cell
from knowcost.plan.machine import Machine
from knowcost.plan.predicted import predicted
from knowcost.plan.sizes import size
from knowcost.plan.training import beside_dense, training_of
from knowcost.plan.work import Work
from knowcost.spec.variants import parse

TEN_MINUTES, HOUR = 600, 3600  # seconds
SPARE, LATER = 3, 1.5  # times the predicted seconds: of the first hour, of the rest
SPARE_GB, MORE_GB = 1.5, 1

ON_A_GPU = ("score", "recover", "compress")  # stages, some of whose jobs take one
NAMES = ("mem_mb", "runtime", "nodes", "gpu", "gpu_model", "gres", "predicted_s")  # all that any job asks for


@dataclass(frozen=True)
class Job:
    """One job of the workflow: its stage, model (None where it has none), variants' slugs, how many cells it asks or
    tabulates, whether the dense model is in memory beside each of the others, and how many facts of each cell are still
    to be asked."""

    stage: str
    model: str | None = None
    variants: Sequence[str] = ()
    cells: int = 1
    beside_dense: bool = False
    asked: Mapping[Cell, int] = field(default_factory=dict)


def needs(work: Work, attempt: int = 1, threads: int | None = None) -> dict[str, int]:
    """{"mem_mb", "runtime" (minutes), "threads", "gpu" (how many), "predicted_s" (seconds that it takes)} of one job.

    attempt: from 1. threads: how many it gets; None: as many as it asks for. A job that computes without a GPU asks for
    one for each 5e8 parameters, at most 8; with one for two. Figures are drawn by two processes. GPUs as in `gpus_for`.
    """
    gpus, most = _gpus_and_threads(work)
    takes = predicted(work, Machine(gpus, threads or most, "float32" if work.dynamic else work.dtype))
    seconds = TEN_MINUTES + SPARE * min(takes.seconds, HOUR) + LATER * max(0, takes.seconds - HOUR)
    return {
        "mem_mb": ceil(1000 * (SPARE_GB * takes.gigabytes + MORE_GB)) * attempt,
        "runtime": ceil(seconds / 60) * attempt,
        "threads": most,
        "gpu": gpus,
        "predicted_s": ceil(takes.seconds),
    }


def _gpus_and_threads(work: Work) -> tuple[int, int]:
    if work.stage == "figures":
        return 0, 2
    if work.size is None or work.stage not in ON_A_GPU or (work.stage == "compress" and not work.calibrated):
        return 0, 1
    if work.gpu_memory_gb:
        spread = work.stage in ("score", "recover")
        weights = work.weights_gb * (2 if work.beside_dense else 1)
        kept = work.training.memory_gb(work.size.parameters, work.dtype) if work.training else 0
        beyond = max(0, kept - ACTIVATIONS_GB)
        return gpus_for(weights + beyond, work.gpu_memory_gb) if spread else 1, 2
    return 0, max(1, min(8, ceil(work.size.parameters / 5e8)))


def of_batch(study: Study, batch: batching.Batch, asked: Mapping[Cell, int]) -> Job:
    """The scoring job of a batch. asked: how many facts are still to be asked of each of the study's cells."""
    beside = len(batching.looked_at(study, batch)) > len(batch.variants)
    facts = {cell: asked[cell] for cell in batch.cells}
    return Job("score", batch.row, batch.variants, len(facts), beside, facts)


def of_job(study: Study, job: Job, attempt: int = 1, threads: int | None = None) -> dict[str, int | str]:
    """What a rule of the workflow declares for one job of a checked Study: `counted`, in its configuration's words.

    Keys: mem_mb, runtime, threads, predicted_s, and where a GPU is asked for nodes (1: its GPUs are in one machine)
    with gpu and perhaps gpu_model, or gres, as `gpu.request` says.
    """
    asked: dict[str, int | str] = dict(counted(study, job, attempt, threads))
    gpus = asked.pop("gpu")
    return asked | (_request(study.config["gpu"]["request"], gpus) if gpus else {})


def names(study: Study, stage: str) -> set[str]:
    """Those of NAMES that some job of a stage has a value for: Snakemake asks for each of each job."""
    on_gpu = stage in ON_A_GPU and _gpu_memory_gb(study, stage)
    return {"mem_mb", "runtime", "predicted_s", *(_request(study.config["gpu"]["request"], 1) if on_gpu else ())}


def counted(study: Study, job: Job, attempt: int = 1, threads: int | None = None) -> dict[str, int]:
    """What one job of a checked Study asks for: `needs`, with the threads that the configuration says."""
    configured = study.config["score"]["threads"]
    if job.stage != "score" or configured == "auto":
        return needs(_work(study, job), attempt, threads)
    return needs(_work(study, job), attempt, threads or configured) | {"threads": configured}


def _work(study: Study, job: Job) -> Work:
    config = study.config
    row = study.checkpoints[job.model] if job.model else None
    recovering = job.stage == "recover"
    return Work(
        job.stage,
        size(row) if row else None,
        dtype=_dtype(study, job),
        methods=[step.method for slug in job.variants for step in parse(slug).steps],
        variants=len(job.variants),
        cells=job.cells,
        gpu_memory_gb=_gpu_memory_gb(study, job.stage),
        rebuilt=job.model in study.models and configuration.archive_mode(study, job.model) != "full",
        archives_gb=_archives_gb(study) if job.stage == "verify" else 0,
        windows=_windows(study, job.variants[0]) if job.stage in ("compress", "recover") else 0,
        training=training_of(config["recovery"], job.variants[0]) if recovering else None,
        beside_dense=job.beside_dense or (recovering and any(map(beside_dense, job.variants))),
        read=reading.read(study, job.asked),
        written=writing.written(study, job.asked),
    )


def _gpu_memory_gb(study: Study, stage: str) -> float | None:
    """Of one GPU of the cluster; None where jobs of a stage take none."""
    device = study.config[{"compress": "compress", "recover": "recovery"}.get(stage, "score")]["device"]
    return None if device in ("cpu", "mps") else study.gpu_memory_gb


def _dtype(study: Study, job: Job) -> str:
    if job.stage == "recover":
        return str(study.config["recovery"]["dtype"])
    return configuration.dtype(study, job.model) if job.model else "float32"


def _archives_gb(study: Study) -> float:
    """Gigabytes of all archives of a study, were they kept in full."""
    sizes = {name: size(row).stored_gb for name, row in study.models.items()}
    return sum(sizes[model] for model, _ in design.archives(study))


def _windows(study: Study, slug: str) -> int:
    """Tokens of the calibration data of a variant."""
    name = design.recovery_data(study, parse(slug)) if parse(slug).recovery else parse(slug).calibration
    data = texts.every(study.config)[name or study.config["calibration"]["name"]]
    return int(data["samples"] * data["length"])


def _request(request: str, gpus: int | str) -> dict[str, int | str]:
    """gpu, gpu:a100, gres or gres:a100 in the words of snakemake-executor-plugin-slurm."""
    how, _, kind = request.partition(":")
    if how == "gres":
        return {"nodes": 1, "gres": f"gpu:{kind}:{gpus}" if kind else f"gpu:{gpus}"}
    return {"nodes": 1, "gpu": gpus} | ({"gpu_model": kind} if kind else {})
