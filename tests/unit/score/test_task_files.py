"""Which files the harness is asked by."""

import hashlib
from pathlib import Path

import lm_eval
import pytest

from knowcost.benchmarks.kinds import HARNESS, KINDS
from knowcost.common.errors import InputError
from knowcost.score import task_files


def test_the_harness_is_found_without_importing_it():
    assert task_files.harness_folder() == Path(lm_eval.__file__).parent / "tasks"
    assert task_files.harness_version() == lm_eval.__version__


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.engine == HARNESS])
def test_what_a_kinds_file_includes_is_there(kind):
    path = task_files.task_file(kind)
    included = "\ninclude:" in f"\n{path.read_text()}"
    assert len(task_files.digests(path)) >= 1 + included


def test_files_count_that_included_files_include(tmp_path, monkeypatch):
    monkeypatch.setattr(task_files, "harness_folder", lambda: tmp_path / "theirs")
    texts = {
        "ours.yaml": 'include: "$TASKS/a/one.yaml"\nprocess_results: !function knowcost.nothing.here\n',
        "theirs/a/one.yaml": "include: [two.yaml, ../b/two.yaml]\n",
        "theirs/a/two.yaml": "task: two\n",
        "theirs/b/two.yaml": "task: other\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    expected = [hashlib.sha256(text.encode()).hexdigest() for text in texts.values()]
    assert task_files.digests(tmp_path / "ours.yaml") == expected


def test_a_file_is_read_again_only_when_it_has_changed(tmp_path, monkeypatch):
    read, load = [], task_files.yaml.load
    monkeypatch.setattr(task_files.yaml, "load", lambda text, loader: read.append(text) or load(text, loader))
    for name, text in (("ours.yaml", "include: theirs.yaml\n"), ("theirs.yaml", "task: one\n")):
        (tmp_path / name).write_text(text)
    before = task_files.digests(tmp_path / "ours.yaml")
    assert task_files.digests(tmp_path / "ours.yaml") == before and len(read) == 2
    (tmp_path / "theirs.yaml").write_text("task: another\n")
    assert task_files.digests(tmp_path / "ours.yaml") == [before[0], hashlib.sha256(b"task: another\n").hexdigest()]
    assert len(read) == 3


def test_a_kind_without_a_task_file_is_named():
    with pytest.raises(InputError, match=r"riddle\.yaml: missing; kind 'riddle'"):
        task_files.task_file("riddle")
