"""Files are whole or not there: what a writer that fails leaves behind is nothing."""

import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from knowcost.common import files


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, partial(OSError, errno.ENOSPC, "no space")])
@pytest.mark.parametrize("former", [None, "the former"])
def test_a_writer_that_fails_leaves_what_was_there(tmp_path, error, former):
    path, error = tmp_path / "folder" / "a.txt", error()
    if former:
        path.parent.mkdir()
        path.write_text(former)
    with pytest.raises(type(error)) as raised, files.atomic(path) as temporary:
        temporary.write_text("half of")
        raise error
    assert raised.value is error
    assert [(p.name, p.read_text()) for p in path.parent.iterdir()] == ([("a.txt", former)] if former else [])
    if isinstance(error, OSError):
        assert error.filename == str(path)


def test_nothing_stands_under_the_name_before_the_writer_is_done(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("the former")
    with files.atomic(path) as temporary:
        temporary.write_text("half of")
        assert temporary.parent == tmp_path and path.read_text() == "the former"
    assert path.read_text() == "half of" and os.listdir(tmp_path) == ["a.txt"]


def test_a_rename_that_fails_leaves_no_torso(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError), files.atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
    assert not list(tmp_path.iterdir())


def test_a_file_is_for_all_whom_the_umask_lets(tmp_path):
    before = os.umask(0o027)
    try:
        with files.atomic(tmp_path / "a.txt") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_threads_read_the_umask_one_at_a_time(tmp_path, monkeypatch):
    """It is read by setting it to 0: a second thread would find that, and leave the process with it."""
    real, inside, most = os.umask, [0], [0]

    def slowly(mask):
        inside[0] += 1 if mask == 0 else -1
        most[0] = max(most[0], inside[0])
        time.sleep(0.005)
        return real(mask)

    monkeypatch.setattr(os, "umask", slowly)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda n: files.write_json(tmp_path / f"{n}.json", n), range(3)))
    assert most == [1]
