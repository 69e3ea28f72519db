"""Copies of models on a node's own disk."""

import errno
import logging
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections import namedtuple

import pytest
from helpers import tiny

from knowcost.common import files, paths, seal
from knowcost.models import staged
from knowcost.models.base import Base

FORK = multiprocessing.get_context("fork")  # so that what a test has put in the place of a function holds there too


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "m"
    tiny.fetched("llama", folder)
    return folder


@pytest.fixture
def model(made, tmp_path, monkeypatch):
    """A fetched model, and a node's disk of this test's own."""
    (tmp_path / "node").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "node"))
    return shutil.copytree(made, tmp_path / "m")


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The names of the files that were copied, by whatever process."""
    log, copy = tmp_path / "copied", staged._copied
    log.touch()

    def counted(path, to):
        with open(log, "a") as f:
            f.write(f"{path.name}\n")
        return copy(path, to)

    monkeypatch.setattr(staged, "_copied", counted)
    return lambda: log.read_text().split()


def left_on(tmp_path):
    """What lies on the node's disk, but for empty folders and locks."""
    return [path for path in (tmp_path / "node").rglob("*") if path.is_file() and path.name != ".lock"]


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_model_is_copied_once_and_is_the_same_base(model, tmp_path, copied):
    assert staged.folder(model, False) == model and not left_on(tmp_path)
    copy = staged.folder(model, True)
    assert copy.is_relative_to(tmp_path / "node") and bytes_of(copy) == bytes_of(model)
    listed = sorted(files.read_json(model / paths.SOURCE)["files"])
    assert staged.folder(model, True) == copy and copied() == listed
    assert Base(copy).hashes == Base(model).hashes
    assert (copy.parent.parent.stat().st_mode & 0o777) == 0o700


def test_a_model_that_is_fetched_anew_has_another_copy(model):
    first = staged.folder(model, True)
    (model / "config.json").write_text((model / "config.json").read_text() + "\n")
    tiny.write_source(model)
    second = staged.folder(model, True)
    assert first != second and bytes_of(second) == bytes_of(model)


def test_of_two_processes_one_copies_and_the_other_waits(model, copied, monkeypatch):
    copy = staged._copied
    monkeypatch.setattr(staged, "_copied", lambda *of: time.sleep(0.05) or copy(*of))
    barrier, found = FORK.Barrier(2), FORK.Queue()

    def job():
        barrier.wait()
        found.put(staged.folder(model, True))

    jobs = [FORK.Process(target=job) for _ in range(2)]
    for each in jobs:
        each.start()
    first, second = found.get(timeout=60), found.get(timeout=60)
    for each in jobs:
        each.join(60)
    assert first == second != model and bytes_of(first) == bytes_of(model)
    assert copied() == sorted(files.read_json(model / paths.SOURCE)["files"])


def test_a_copier_that_is_killed_holds_nobody_up(model, monkeypatch):
    copy = staged._copied

    def killed(path, to):
        to.write_bytes(path.read_bytes()[:10])
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(staged, "_copied", killed)
    job = FORK.Process(target=staged.folder, args=(model, True))
    job.start()
    job.join(60)
    assert job.exitcode == -signal.SIGKILL
    monkeypatch.setattr(staged, "_copied", copy)
    assert bytes_of(staged.folder(model, True)) == bytes_of(model)


def flip(copy):
    data = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def lose(copy):
    (copy / "config.json").unlink()


def replace(copy):
    """A copy that is whole, of another source.json."""
    seal.write_json(copy / paths.SOURCE, files.read_json(copy / paths.SOURCE) | {"source": "another"})


@pytest.mark.parametrize("spoil", [flip, lose, replace, lambda copy: (copy / paths.SOURCE).unlink()])
def test_a_spoiled_copy_is_made_anew(model, spoil):
    copy = staged.folder(model, True)
    spoil(copy)
    assert staged.folder(model, True) == copy and bytes_of(copy) == bytes_of(model)


def no_room(model, node, monkeypatch):
    room = namedtuple("room", "total used free")(1, 1, 0)
    monkeypatch.setattr(staged.shutil, "disk_usage", lambda path: room)
    return "has room for 0.0"


def full_disk(model, node, monkeypatch):
    def copied(path, to):
        to.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(to))

    monkeypatch.setattr(staged, "_copied", copied)
    return "No space left on device"


def damaged(model, node, monkeypatch):
    flip(model)
    return "model.safetensors is not what source.json lists"


def somebody_s_link(model, node, monkeypatch):
    (node.parent / "elsewhere").mkdir()
    (node / f"knowcost-models-{os.getuid()}").symlink_to(node.parent / "elsewhere")
    return "is another user's"


@pytest.mark.parametrize("hinder", [no_room, full_disk, damaged, somebody_s_link])
def test_what_cannot_be_copied_is_read_where_it_is(model, tmp_path, monkeypatch, caplog, hinder):
    why = hinder(model, tmp_path / "node", monkeypatch)
    with caplog.at_level(logging.INFO):
        assert staged.folder(model, True) == model
    assert len(caplog.messages) == 1 and "read where it is" in caplog.text and why in caplog.text
    assert not left_on(tmp_path)
