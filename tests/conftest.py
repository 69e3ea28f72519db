"""Fixtures that every test may use."""

import logging
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Of the files of tests, each more than twenty seconds of a CPU.
LONGEST = (
    "tests/e2e/test_demo.py",
    "tests/workflow/test_reruns.py",
    "tests/workflow/test_faults.py",
    "tests/workflow/test_archives.py",
    "tests/workflow/test_secrets.py",
    "tests/unit/test_every_architecture.py",
    "tests/browser/test_explorer.py",
    "tests/unit/draw/test_job.py",
    "tests/unit/world/test_teach.py",
)


def pytest_collection_modifyitems(items):
    """The longest files first, so that no worker waits for another at the end."""
    places = {ROOT / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def root():
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared():
    """Real data and models that some machines have beside the repository."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("no ../shared with real data on this machine")
    return folder


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk():
    """Bytes are handed to the disk without waiting for it, of which an aggregate alone does 150 times.

    What must be there after a power cut, and in which order, is held by tests that watch the calls.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda fd: None)
        yield


@pytest.fixture
def quiet():
    """Nothing is logged: thousands of refused files would say so much that hypothesis' report is lost in it."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)
