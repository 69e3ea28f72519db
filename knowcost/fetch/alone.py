"""One process at a time: several runs may share the folders that are fetched into."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import filelock

LOCK = ".lock"

log = logging.getLogger(__name__)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make a folder and hold its lock; where another process does, say so and wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        log.info("%s: another process fetches it; waiting for that", folder)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
