"""A small project of its own: a copy of the workflow, two tiny models and two benchmarks, run once to the end.

It stands where a workflow finds it hard: a folder with an odd name, a home folder that cannot be written, a locale of C
(helpers/workflow.py).
"""

import shutil

import pytest
from filelock import FileLock
from helpers import tiny
from helpers.copies import copy_workflow
from helpers.workflow import Project, facts

MODELS = "name\tfamily\tsource\tnote\none\tencoder\t./checkpoints/bert\tGröße\n"
ODD = "my study (ü) it's [1] 50%20 & #"


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id):
    """A project that was run to the end, once for all of xdist's workers. Not to be changed: see `project`."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "finished" / ODD
    with FileLock(f"{folder.parent}.lock"):
        if not (folder / "results/report.html").exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed
            make(folder)
    return Project(folder)


def make(folder):
    """A small project, run to the end."""
    folder.mkdir(parents=True)
    copy_workflow(folder)
    for number, kind in enumerate(("bert", "distilbert")):
        tiny.fetched(kind, folder / "checkpoints" / kind, seed=number)
    facts(folder / "first.jsonl", 40)
    facts(folder / "second.jsonl", 30)
    (folder / "models.tsv").write_text(MODELS, encoding="utf-8")
    (folder / "benchmarks.tsv").write_text("name\tformat\tsource\tfamilies\nfirst\tcloze\tfirst.jsonl\tencoder\n")
    project = Project(folder)
    project.write_config()
    project.run()


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project, times and all, that a test may change."""
    shutil.copytree(finished.folder, tmp_path / ODD, symlinks=True)
    return Project(tmp_path / ODD)
