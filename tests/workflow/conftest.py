"""A small project of its own: a copy of the workflow, two tiny models and two benchmarks, run once to the end."""

import shutil

import pytest
from helpers import tiny
from helpers.copies import copy_workflow
from helpers.workflow import Project, facts


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project that was run to the end. Not to be changed: see `project`."""
    folder = tmp_path_factory.mktemp("project")
    copy_workflow(folder)
    for number, kind in enumerate(("bert", "distilbert")):
        tiny.fetched(kind, folder / "checkpoints" / kind, seed=number)
    facts(folder / "first.jsonl", 40)
    facts(folder / "second.jsonl", 30)
    (folder / "models.tsv").write_text("name\tfamily\tsource\none\tencoder\t./checkpoints/bert\n")
    (folder / "benchmarks.tsv").write_text("name\tformat\tsource\tfamilies\nfirst\tcloze\tfirst.jsonl\tencoder\n")
    project = Project(folder)
    project.write_config()
    project.snakemake()
    return project


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project, times and all, that a test may change."""
    shutil.copytree(finished.folder, tmp_path / "p", symlinks=True)
    return Project(tmp_path / "p")
