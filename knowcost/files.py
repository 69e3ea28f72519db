"""Small helpers for files that are either whole or not there."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path


def sha256(path):
    """Hex digest of a file, read in blocks of 1 MiB."""
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


@contextlib.contextmanager
def atomic(path):
    """Yield a temporary path beside `path`; rename it onto `path` if the block succeeds, remove it if it fails.

    Raises whatever the block raises; a full disk therefore leaves nothing under the final name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(fd)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path, value):
    """Write `value` as sorted, indented JSON, atomically: the same value gives the same bytes."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path):
    return json.loads(Path(path).read_text())


def copy(source, target):
    """Copy the bytes of a file (following links), atomically."""
    with atomic(target) as temporary:
        shutil.copyfile(source, temporary)
