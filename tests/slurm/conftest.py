"""A real Slurm for the tests beside this file, and a small project whose archives are made and whose cells are not."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from helpers.cluster import PACKAGES, PROGRAMS, Cluster, find
from helpers.copies import copy_workflow
from helpers.projects import BENCHMARKS, FAULTS, Project, archives

from knowcost.common import paths
from knowcost.plan import design


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """A running cluster, its packages installed if need be. Skips where that cannot be."""
    if os.geteuid() != 0:
        pytest.skip("a Slurm of one's own needs root: its daemons change users and the fake GPUs are device nodes")
    if not all(find(program) for program in PROGRAMS):
        install()
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def install():
    apt = ["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    if not shutil.which("apt-get"):
        pytest.skip("no Slurm here, and no apt-get to install it with")
    for command in (apt, ["apt-get", "update"], apt):  # a fresh image has no lists of packages yet
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if all(find(program) for program in PROGRAMS):
            return
    pytest.skip(f"Slurm cannot be installed: {done.stderr[-300:]}")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A folder with the archives, and a function that gives the cells of an undisturbed run."""
    folder = tmp_path_factory.mktemp("prepared")
    copy_workflow(folder)
    with open(folder / "knowcost/score/job.py", "a") as f:
        f.write(FAULTS)
    archives(folder)
    return folder


@pytest.fixture
def project(slurm, prepared, tmp_path):
    """A Project of one's own, with all archives and no cell."""
    shutil.copytree(prepared, tmp_path / "p", symlinks=True)
    made = Project(tmp_path / "p", slurm)
    made.configure()
    yield made
    made.end()


@pytest.fixture(scope="session")
def undisturbed(prepared, tmp_path_factory):
    """{(variant, benchmark): bytes} of all cells, as a run without Slurm and without faults makes them."""
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(prepared, folder / "p", symlinks=True)
    study = Project(folder / "p", None).study()
    variants = design.variants(study, "encoder")
    code = (
        "from knowcost.score import cells, job; "
        f"job.score('one', {variants!r}, {BENCHMARKS!r}, cells.Settings({study.config['score']!r}))"
    )
    environment = os.environ | {"PYTHONPATH": str(folder / "p"), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=folder / "p", env=environment, check=True)
    cells = {(v, b): folder / "p" / paths.scores("one", v, b) for v in variants for b in BENCHMARKS}
    return {cell: path.read_bytes() for cell, path in cells.items()}


@pytest.fixture
def demo(slurm, tmp_path):
    """The demo with 20 people, one family and three variants, each of which asks for two GPUs."""
    copy_workflow(tmp_path)
    preset = yaml.safe_load((tmp_path / "config/presets/demo.yaml").read_text())
    preset |= {"models": "models.tsv", "world": {"people": 20, "seed": 1}, "gpu": {"memory_gb": 4}}
    preset["score"]["variants_per_job"] = 1
    preset["study"]["experiments"] = [
        {"name": "prune", "steps": ["magnitude"], "scopes": ["attention"], "levels": [40]},
        {"name": "quantize", "steps": ["int8"], "scopes": ["overall"]},
    ]
    rows = (tmp_path / "config/presets/demo.models.tsv").read_text().splitlines(keepends=True)
    (tmp_path / "models.tsv").write_text("".join(rows[:2]))  # the encoder
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(preset))
    made = Project(tmp_path, slurm)
    yield made
    made.end()
