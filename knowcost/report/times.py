"""The report's table of times: what the jobs of each stage took, beside what was predicted and asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, nan
from pathlib import Path

import pandas as pd

from knowcost.common import files
from knowcost.common.paths import LOGS, requested_beside
from knowcost.report.saying import listed
from knowcost.report.table import GONE, Cell, Table, columns, number, row, whole

SHORT = 20  # seconds, up to which a job's start-up decides what it takes
OFF = 3  # times more or less than predicted that are worth a sentence

HEADS = (
    "jobs", "seconds in all", "longest job", "predicted / taken", "of the job predicted worst", "peak memory (MB)",
    "of what was asked (%)",
)  # fmt: skip
NOTE = (
    "Seconds by the clock, of each job's last run. Predicted: what the plan takes such jobs for; left out are jobs of "
    f"which nothing was. The job that was predicted worst is one of those that took or should have taken {SHORT} "
    "seconds. Memory: the most that a job took, and the most of what it had asked for."
)
MEND = (
    "Off by more than three: {}. On a machine that did something else at the same time that says little; otherwise the "
    "constants of knowcost/plan/predicted.py do not fit it (docs/running-at-a-site.md)."
)


@dataclass(frozen=True)
class Job:
    """What a job took, seconds and MB, and what it was predicted to take and asked for; nan where that is not known."""

    stage: str
    name: str
    seconds: float
    memory: float
    predicted: float = nan
    asked: float = nan

    @property
    def ratio(self) -> float:
        return self.predicted / self.seconds


def timings(paths: Iterable[str | Path]) -> Table | None:
    """A row per stage, from Snakemake's benchmark files and what lies beside them; None without any."""
    jobs = [_job(path) for path in map(Path, paths) if path.is_file()]
    stages = {stage: [job for job in jobs if job.stage == stage] for stage in dict.fromkeys(job.stage for job in jobs)}
    if not stages:
        return None
    off = [
        f"{stage} ({number(ratio, '.2g')})"
        for stage, found in stages.items()
        if max(job.seconds for job in found) > SHORT and not 1 / OFF <= (ratio := _ratio(found)) <= OFF and ratio > 0
    ]
    note = f"{NOTE} {MEND.format(listed(off))}" if off else NOTE
    return Table("Time", note, columns(["stage"], HEADS), [_row(stage, found) for stage, found in stages.items()])


def _row(stage: str, jobs: Sequence[Job]) -> list[Cell]:
    seconds = [job.seconds for job in jobs]
    judged = [job for job in jobs if max(job.predicted, job.seconds) >= SHORT and job.ratio > 0]
    worst = max(judged, key=lambda job: abs(log(job.ratio)), default=None)
    said = f"{number(worst.ratio, '.2g')} ({worst.name})" if worst else GONE
    memory = pd.Series([job.memory for job in jobs]).max()
    used = pd.Series([100 * job.memory / job.asked for job in jobs]).max()
    took = [whole(len(jobs)), number(sum(seconds)), number(max(seconds))]
    return row([stage], [*took, number(_ratio(jobs), ".2g", GONE), said, whole(memory), whole(used, GONE)])


def _ratio(jobs: Sequence[Job]) -> float:
    """Predicted seconds over taken ones, of the jobs of which any were predicted; nan without one."""
    known = [job for job in jobs if job.predicted > 0]
    return sum(job.predicted for job in known) / sum(job.seconds for job in known) if known else nan


def _job(path: Path) -> Job:
    frame = pd.read_csv(path, sep="\t")
    stage, *name = path.parts[path.parts.index(LOGS) + 1 :]
    memory = pd.to_numeric(frame["max_rss"], errors="coerce").max()  # "-" or "NA" for a job too short to be seen
    beside = requested_beside(path)
    asked = files.read_json(beside) if beside.is_file() else {}
    return Job(
        stage.split(".")[0],
        "/".join(name).removesuffix(".timing.tsv"),
        float(frame["s"].sum()),
        memory,
        asked.get("predicted_s") or nan,
        asked.get("mem_mb") or nan,
    )
