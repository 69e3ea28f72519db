"""Which trouble with the hub is waited out, and for how long."""

import time
from types import SimpleNamespace

import httpx2
import pytest
from huggingface_hub import errors
from huggingface_hub.hf_api import RepoSibling

from knowcost.common.errors import InputError
from knowcost.fetch import hub, network

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # sha256sum of "hello"
GIT = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"  # git hash-object


@pytest.fixture
def tries(monkeypatch):
    """Call hub.retry with what raises each error in turn, then returns "here". Returns (result or error, seconds
    slept)."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)

    def run(*failures):
        slept, left = [], list(failures)
        monkeypatch.setattr(time, "sleep", slept.append)

        def action():
            if left:
                raise left.pop(0)
            return "here"

        try:
            return hub.retry(action, "what"), slept
        except Exception as error:
            return error, slept

    return run


def answered(status):
    error = OSError(f"HTTP {status}")
    error.response = SimpleNamespace(status_code=status)
    return error


def wrapped(cause):
    error = errors.LocalEntryNotFoundError("cannot find the file")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_hub_is_asked_four_times_with_longer_and_longer_pauses(tries, status):
    assert tries() == ("here", [])
    assert tries(answered(status)) == ("here", [2])
    assert tries(answered(status), wrapped(answered(status)), answered(status)) == ("here", [2, 8, 30])
    last = answered(status)
    assert tries(*[answered(status)] * 3, last) == (last, [2, 8, 30])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_an_answer_that_will_stay_is_final(tries, status):
    for error in (answered(status), wrapped(answered(status))):
        assert tries(error) == (error, [])


@pytest.mark.parametrize(
    "error",
    [
        httpx2.ReadTimeout("x"),
        httpx2.RemoteProtocolError("x"),
        httpx2.ReadError("x"),
        wrapped(None),
        OSError("Consistency check failed: file should be of size 9"),
    ],
)
def test_a_connection_that_breaks_is_tried_again(tries, error):
    assert tries(error) == ("here", [2])


@pytest.mark.parametrize("error", [OSError("No space left"), ValueError("x"), KeyError("x"), InputError("x")])
def test_trouble_that_is_not_the_hub_s_is_final(tries, error):
    assert tries(error) == (error, [])


def test_a_host_that_is_not_there_is_not_waited_for(tries):
    away = httpx2.ConnectError("refused")
    dead = wrapped(network.Unreachable("hub cannot be reached"))
    assert tries(dead) == (dead, [])
    assert tries(away)[1] == [2]


def test_nothing_is_waited_for_offline(tries, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for error in (answered(503), errors.OfflineModeIsEnabled("offline")):
        assert tries(error) == (error, [])


@pytest.mark.parametrize("lfs", [True, False])
def test_a_file_is_held_against_what_the_hub_records(tmp_path, lfs):
    path = tmp_path / "a.txt"

    def record(sha256=HELLO, size=5, git=GIT):
        held = {"lfs": {"sha256": sha256, "size": size, "pointerSize": 1}} if lfs else {"blob_id": git}
        return RepoSibling("a.txt", size=size, **held)

    assert hub._compare(path, record()) == "no file"
    path.write_bytes(b"hello")
    assert hub._compare(path, record()) == {"sha256": HELLO, "size": 5}
    assert hub._compare(path, record(size=None)) == {"sha256": HELLO, "size": 5}
    assert hub._compare(path, record(size=6)) == "5 bytes, but the hub records 6"
    other = hub._compare(path, record("0" * 64, git="1" * 40))
    kind = f"sha256 {HELLO}, but the hub records 000" if lfs else f"git hash {GIT}"
    assert other.startswith(kind)
