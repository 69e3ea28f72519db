"""Folders in which `snakemake --profile slurm` runs, and what their jobs' logs say."""

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from helpers import tiny
from knowcost.benchmarks import prepared
from knowcost.common import paths
from knowcost.compress.archive import make as archive
from knowcost.fetch import model as fetch
from knowcost.plan import batching, config

SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
BENCHMARKS = ("first", "second")
CONFIG = {
    "models": "models.tsv",
    "benchmarks": "benchmarks.tsv",
    "study": {"experiments": [{"name": "p", "steps": ["magnitude"], "scopes": ["attention"], "levels": [20, 40, 60]}]},
    "score": {"variants_per_job": 1},
    "gpu": {"memory_gb": 16},
}
# Put behind the copied score stage: a file faults/<variant>.<benchmark> says what happens before that cell is written.
FAULTS = """

from pathlib import Path

from knowcost.common.errors import InputError

_keep_soundly = kept.keep


def _keep(cell, rows, metadata):
    fault = Path("faults") / f"{metadata['variant']}.{metadata['benchmark']}"
    if fault.exists():
        what = fault.read_text()
        if what == "fail":
            raise InputError("this cell was made to fail")
        fault.rename(f"{fault}.happened")
        time.sleep(3600)
    return _keep_soundly(cell, rows, metadata)


kept.keep = _keep
"""


class Run:
    """A snakemake that was started: its process, and what it has said so far."""

    def __init__(self, folder, environment, options, log):
        self.log = log
        with open(log, "w") as out:
            self.process = subprocess.Popen(
                [SNAKEMAKE, *options], cwd=folder, env=os.environ | environment, stdout=out, stderr=subprocess.STDOUT
            )

    @property
    def text(self):
        return self.log.read_text()

    def finish(self, seconds=400):
        """Its return code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"still running after {seconds} s:\n{self.text[-3000:]}") from None


class Project:
    """A folder with a copy of the workflow in which `snakemake --profile slurm` is run."""

    numbers = itertools.count(1)

    def __init__(self, folder, cluster):
        self.folder, self.cluster, self.runs = folder, cluster, []

    def start(self, *options):
        """A Run of `snakemake --profile slurm` with these options."""
        environment = self.cluster.environment | {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        soon = ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5"]
        log = self.folder / f"run-{next(self.numbers)}.log"
        options = ["--profile", "slurm", "--configfile", "config.yaml", *soon, *options]
        self.runs.append(Run(self.folder, environment, options, log))
        return self.runs[-1]

    def end(self):
        """End what a failed test left running."""
        for run in self.runs:
            run.process.kill()
            run.process.wait()

    def configure(self, **changes):
        (self.folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | changes))

    def fault(self, variant, benchmark, what):
        """What is to happen before a cell is written: `fail` every time, or `hang` once."""
        (self.folder / "faults").mkdir(exist_ok=True)
        (self.folder / f"faults/{variant}.{benchmark}").write_text(what)

    def hangs(self, variant, benchmark):
        """Wait until a job hangs; then what Slurm calls it."""
        happened = self.folder / f"faults/{variant}.{benchmark}.happened"
        self.cluster.wait(f"a job that hangs in {happened.name}", happened.exists, seconds=120)
        return self.given(variant)["job"]

    def given(self, variant):
        """{"job", "node", "gpus"}: what the log of a variant's scoring job says that Slurm gave it."""
        return given(self.log(variant).read_text())

    def batch(self, variant):
        """The name of a variant's scoring job."""
        return next(batch.name for batch in batching.batches(self.study()) if variant in batch.variants)

    def log(self, variant):
        return self.folder / paths.log("score", self.batch(variant))

    def study(self):
        with contextlib.chdir(self.folder):
            return config.load(CONFIG)

    def cells(self, variant):
        return {name: self.folder / paths.scores("one", variant, name) for name in BENCHMARKS}


def given(log):
    """{"job", "node", "gpus"} of a job's own log."""
    job, node, gpus = re.search(r"Slurm job (\d+) on node (\w+), GPUs: (\S+)", log).groups()
    return {"job": job, "node": node, "gpus": [] if gpus == "none" else gpus.split(",")}


def archives(folder):
    """Everything before the score stage, made as the workflow makes it but in this process, which is quicker."""
    tiny.fetched("bert", folder / "checkpoints/bert")
    (folder / "models.tsv").write_text("name\tfamily\tsource\none\tencoder\t./checkpoints/bert\n")
    lines = ["name\tformat\tsource\tfamilies", *(f"{name}\tcloze\t{name}.jsonl\tencoder" for name in BENCHMARKS)]
    (folder / "benchmarks.tsv").write_text("\n".join(lines) + "\n")
    with contextlib.chdir(folder):
        for number, name in enumerate(BENCHMARKS):
            rows = [{"id": str(i), "cloze": f"w{i} w{number} [MASK]", "answer": f"w{i + 30}"} for i in range(40)]
            Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            prepared.prepare({"name": name, "format": "cloze"}, f"{name}.jsonl", paths.benchmark(name))
        row = {"name": "one", "family": "encoder", "source": "./checkpoints/bert"}
        fetch.fetch_model(row, paths.model_dir("one"), lock_path=paths.revision_lock("one"))
        wanted = [("paper", "attention", [20, 40, 60])]
        archive.make_thresholds(paths.model_dir("one"), wanted, paths.thresholds("one"))
        for variant in ("dense", *(f"magnitude-{level}@attention" for level in (20, 40, 60))):
            inputs = archive.Inputs(paths.model_dir("one"), paths.thresholds("one"))
            archive.make_archive("one", variant, inputs, paths.archive_dir("one", variant))
