"""What a study asks of a cluster in all: GPU-hours and hours of CPU threads, stage by stage. Imports no torch."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

from knowcost.common.errors import InputError
from knowcost.plan import config, design, origin, resources
from knowcost.plan.config import Study
from knowcost.plan.origin import Origin
from knowcost.plan.resources import Job
from knowcost.spec.variants import parse

STAGES = ("compress", "recover", "score")  # those that hold a model


@dataclass(frozen=True)
class Asked:
    """What the jobs of a stage ask for together: how many there are, hours of GPUs and of CPU threads, and the hours
    and GPUs of the longest and the widest job."""

    stage: str
    jobs: int
    gpu_hours: float
    thread_hours: float
    longest: float
    gpus: int


def jobs(study: Study) -> Iterator[Job]:
    """Every job of the study that holds a model."""
    for model, slug in design.archives(study):
        yield Job("recover" if parse(slug).recovery else "compress", model, [slug])
    for batch in design.batches(study):
        yield resources.of_batch(study, batch)


def asked(study: Study) -> list[Asked]:
    """What each of STAGES asks for at the first attempt; none for a stage without jobs."""
    made = []
    by_stage: dict[str, list[dict[str, int]]] = {stage: [] for stage in STAGES}
    for job in jobs(study):
        by_stage[job.stage].append(resources.counted(study, job))
    for stage, needs in by_stage.items():
        hours = [each["runtime"] / 60 for each in needs]
        if needs:
            gpus, threads = (
                sum(hour * each[what] for hour, each in zip(hours, needs, strict=True)) for what in ("gpu", "threads")
            )
            most = max(each["gpu"] for each in needs)
            made.append(Asked(stage, len(needs), gpus, threads, max(hours), most))
    return made


def main(configfile: str, gpu_memory_gb: str = "") -> None:
    """Print what the study of a configuration asks for. gpu_memory_gb: of one GPU, where the configuration and a site
    do not say it. Raises InputError for what is wrong with either."""
    by = Origin([file for file in (origin.here(), Path(configfile)) if file])  # as Snakemake reads them
    given = functools.reduce(origin.merged, map(origin.read, by.files))
    study = config.load(given, _gigabytes(gpu_memory_gb) if gpu_memory_gb else None, by)
    print(f"{'stage':<10}{'jobs':>7}{'GPU-hours':>12}{'thread-hours':>15}{'longest (h)':>13}{'GPUs a job':>12}")
    for each in (found := asked(study)):
        print(
            f"{each.stage:<10}{each.jobs:>7,}{each.gpu_hours:>12,.0f}{each.thread_hours:>15,.0f}"
            f"{each.longest:>13,.1f}{each.gpus:>12}"
        )
    gpus, threads = sum(each.gpu_hours for each in found), sum(each.thread_hours for each in found)
    print(f"{'all':<10}{sum(each.jobs for each in found):>7,}{gpus:>12,.0f}{threads:>15,.0f}")
    print(
        "Asked for, not used: requests are generous (docs/running-at-a-site.md). Models that are not fetched yet and "
        "lie in no folder are taken for 7B."
    )


def _gigabytes(given: str) -> float:
    try:
        found = float(given)
    except ValueError:
        found = 0
    if not 0 < found < inf:
        raise InputError(f"GPU_MEMORY_GB {given!r}: expected gigabytes of one GPU, such as 80")
    return found
