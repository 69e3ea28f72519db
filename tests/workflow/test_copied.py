"""A project that was moved or copied, whatever its files' times say then."""

import os
import shutil
import time

import pytest
from helpers.workflow import Project, jobs

ORDER = (
    "results/report.html",
    "results",
    "resources",
    "checkpoints",
)  # the later, the newer: each file before its input


@pytest.fixture
def copied(finished, tmp_path):
    """As by `cp -r folder/*` in an unlucky order: all that is made is older than what it was made from.

    Snakemake's own records, a hidden folder, stay behind. With them it goes by the digests of small files.
    """
    folder = tmp_path / finished.folder.name
    shutil.copytree(finished.folder, folder, symlinks=True, copy_function=shutil.copyfile)
    now = time.time()
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        age = next((place for place, start in enumerate(ORDER) if name.startswith(start)), 0)
        os.utime(path, (now + 10 * age - 1000,) * 2, follow_symlinks=False)
    shutil.rmtree(folder / ".snakemake")
    return Project(folder)


def weights(project):
    found = {path: path.stat() for path in project.folder.glob("results/one/*/*.safetensors")}
    return {path: (about.st_ino, about.st_mtime_ns) for path, about in found.items()}


def test_archives_of_a_project_copied_without_times_are_kept(copied):
    assert copied.planned()["compress_variant"] == 6
    before, inode = weights(copied), (copied.folder / "resources/models/one/tokenizer.json").stat().st_ino
    manifests = sorted(path.relative_to(copied.folder) for path in copied.folder.glob("results/one/*/manifest.json"))
    run = copied.snakemake(*map(str, manifests))
    assert jobs(run) == {"fetch_model": 1, "thresholds": 1, "compress_variant": 6}
    assert weights(copied) == before and len(before) == 6
    assert (copied.folder / "resources/models/one/tokenizer.json").stat().st_ino == inode
    assert run.stderr.count("so it is kept") == 7, "six archives and a model"


def test_links_of_a_project_lead_into_it_wherever_it_stands(project):
    links = [path for path in project.folder.glob("re*/**/*") if path.is_symlink()]
    assert [path.name for path in links] == ["model.safetensors"]
    assert links[0].resolve() == project.folder.resolve() / "checkpoints/bert/model.safetensors"
    project.snakemake("verify")


def test_a_link_that_leads_nowhere_is_named(project):
    shutil.rmtree(project.folder / "checkpoints/bert")
    run = project.snakemake("results/one/dense/manifest.json", "--forcerun", "compress_variant", check=False)
    assert run.returncode
    assert "resources/models/one/model.safetensors: a link to ../../../checkpoints/bert/model.safetensors" in run.stderr
