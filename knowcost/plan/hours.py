"""What a study asks of a cluster in all: GPU-hours and hours of CPU threads, stage by stage. Imports no torch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from knowcost.common.errors import InputError
from knowcost.plan import asking, batching, config, design, origin, resources
from knowcost.plan.config import Study
from knowcost.plan.resources import Job
from knowcost.spec.variants import parse

STAGES = ("compress", "recover", "score")  # those that hold a model


@dataclass(frozen=True)
class Asked:
    """What the jobs of a stage take together: how many there are, hours of GPUs and of CPU threads, as predicted and as
    asked for, and the hours asked for and GPUs of the longest and the widest job."""

    stage: str
    jobs: int
    gpu_hours: float
    thread_hours: float
    asked_gpu_hours: float
    asked_thread_hours: float
    longest: float
    gpus: int


def jobs(study: Study) -> Iterator[Job]:
    """Every job of the study that holds a model."""
    for model, slug in design.archives(study):
        yield Job("recover" if parse(slug).recovery else "compress", model, [slug])
    to_ask = asking.to_ask(study)
    for batch in batching.batches(study):
        yield resources.of_batch(study, batch, to_ask)


def asked(study: Study) -> list[Asked]:
    """What each of STAGES takes and asks for at the first attempt; none for a stage without jobs."""
    by_stage: dict[str, list[dict[str, int]]] = {stage: [] for stage in STAGES}
    for job in jobs(study):
        by_stage[job.stage].append(resources.counted(study, job))
    return [_asked(stage, needs) for stage, needs in by_stage.items() if needs]


def _asked(stage: str, needs: Sequence[Mapping[str, int]]) -> Asked:
    def hours(time: str, unit: float, what: str) -> float:
        return sum(each[time] / unit * each[what] for each in needs)

    return Asked(
        stage,
        len(needs),
        gpu_hours=hours("predicted_s", 3600, "gpu"),
        thread_hours=hours("predicted_s", 3600, "threads"),
        asked_gpu_hours=hours("runtime", 60, "gpu"),
        asked_thread_hours=hours("runtime", 60, "threads"),
        longest=max(each["runtime"] for each in needs) / 60,
        gpus=max(each["gpu"] for each in needs),
    )


def main(configfile: str, gpu_memory_gb: str = "") -> None:
    """Print what the study of a configuration takes and asks for. gpu_memory_gb: of one GPU, where the configuration
    and a site do not say it. Raises InputError for what is wrong with either."""
    given, by = origin.with_file(configfile)
    study = config.load(given, _gigabytes(gpu_memory_gb) if gpu_memory_gb else None, by)
    print(f"{'':<17}{'predicted':>26}{'asked for':>26}")
    hours = f"{'GPU-hours':>11}{'thread-hours':>15}"
    print(f"{'stage':<10}{'jobs':>7}{hours}{hours}{'longest':>9}{'GPUs a job':>12}")
    for each in (found := asked(study)):
        print(
            f"{each.stage:<10}{each.jobs:>7,}{each.gpu_hours:>11,.0f}{each.thread_hours:>15,.0f}"
            f"{each.asked_gpu_hours:>11,.0f}{each.asked_thread_hours:>15,.0f}{each.longest:>9,.1f}{each.gpus:>12}"
        )
    print(
        f"{'all':<10}{sum(each.jobs for each in found):>7,}{sum(each.gpu_hours for each in found):>11,.0f}"
        f"{sum(each.thread_hours for each in found):>15,.0f}{sum(each.asked_gpu_hours for each in found):>11,.0f}"
        f"{sum(each.asked_thread_hours for each in found):>15,.0f}"
    )
    print(
        "Requests are generous (docs/running-at-a-site.md). Models that are not fetched yet and lie in no folder are "
        "taken for 7B; what is asked already is not counted, but archives are, whether or not they are here."
    )


def _gigabytes(given: str) -> float:
    try:
        found = float(given)
    except ValueError:
        found = 0
    if not 0 < found < inf:
        raise InputError(f"GPU_MEMORY_GB {given!r}: expected gigabytes of one GPU, such as 80")
    return found
