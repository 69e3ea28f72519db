"""Small helpers for files that are either whole or not there."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xxhash
import yaml

ABSENT = "no file"  # in the place of a digest
SCRATCH = "knowcost-scratch-"

Entries = dict[str, dict[str, Any]]  # {file: what `describe` says of it}


def _host() -> str:
    return socket.gethostname().replace("-", "_")  # one hyphen ends it in the names of temporaries


_HOST = _host()
_UMASK = threading.Lock()  # it is read by setting it, for all threads of the process


def sha256(path: str | Path) -> str:
    """Hex digest of a file, read in blocks of 1 MiB."""
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def quick_digest() -> xxhash.xxh3_128:
    """What takes a digest, XXH3 with 128 bits, of blocks that are given to its `update`: in a tenth of sha256's time.

    It tells damage and change, but not whoever looks for other bytes with the same digest. That is enough where nothing
    rests on it alone. A changed tensor was computed from bytes whose sha256 was checked, or lies in a file whose sha256
    was; a fetched file that is read once more had its sha256 checked by the job that took its quick digest.
    """
    return xxhash.xxh3_128()


def quick(path: str | Path) -> str:
    """The quick_digest of a file."""
    with open(path, "rb") as f:
        return hashlib.file_digest(f, quick_digest).hexdigest()


def sha256_and_quick(path: str | Path) -> tuple[str, str]:
    """Both digests of a file, of the same bytes."""
    slow, quick = hashlib.sha256(), quick_digest()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            slow.update(block)
            quick.update(block)
    return slow.hexdigest(), quick.hexdigest()


def describe(path: Path) -> dict[str, Any]:
    """{"sha256", "size"} of a file, as manifests list it."""
    return {"sha256": sha256(path), "size": path.stat().st_size}


def settle(path: Path) -> None:
    """Give a file that a library wrote the permissions of any other, and bring its bytes to the disk."""
    with _UMASK:
        umask = os.umask(0)
        os.umask(umask)
    path.chmod(0o666 & ~umask)
    sync(path)


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it onto `path` if the block succeeds, remove it if it fails.

    Bytes and name are on the disk when it returns, so that a power cut leaves nothing torn under a final name. Several
    processes may write a path at a time: the last one stays. Raises whatever the block raises; a full disk therefore
    leaves nothing under the final name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = f".{path.name}.{_HOST}-"
    for left in path.parent.glob(f"{glob.escape(mine)}*.tmp"):
        if not _is_alive(left.name.removeprefix(mine).partition("-")[0]):  # by a job that was killed
            left.unlink(missing_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f"{mine}{os.getpid()}-", suffix=".tmp")
    os.close(fd)
    temporary = Path(name)
    try:
        yield temporary
        settle(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk does not say which one
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Yield a new folder under $TMPDIR, removed afterwards. One that a killed process left goes at the next call.

    Its name says which process of which machine made it.
    """
    mine = f"{SCRATCH}{_HOST}-"
    for left in Path(tempfile.gettempdir()).glob(f"{glob.escape(mine)}*"):
        if not _is_alive(left.name.removeprefix(mine).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{mine}{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def sync(path: Path) -> None:
    """Have what a file or folder holds on the disk; a file system that knows no such thing is left in peace."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:  # another user's
        pass
    return True


def as_json(value: Any) -> str:
    """`value` as sorted, indented JSON: the same value gives the same text."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as JSON (as_json), atomically."""
    with atomic(path) as temporary:
        temporary.write_text(as_json(value), encoding="utf-8")


def describe_json(value: Any) -> dict[str, Any]:
    """What `describe` would say of a file that write_json wrote."""
    data = as_json(value).encode()
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def read_json(path: str | Path) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def parse_yaml(text: str) -> Any:
    """What a YAML file of this package holds, by PyYAML's parser in C where there is one: the other took a fifth of the
    time of planning."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def copy(source: str | Path, target: str | Path) -> None:
    """Copy the bytes of a file (following links), atomically."""
    with atomic(target) as temporary:
        shutil.copyfile(source, temporary)


def link(source: str | Path, target: str | Path) -> None:
    """Give a file a second name, in place of whatever has it now; copy it where links cannot be."""
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).unlink(missing_ok=True)
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        copy(source, target)
