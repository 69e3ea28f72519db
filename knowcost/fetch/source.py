"""The raw file of a benchmark or of calibration data: local, or downloaded."""

import hashlib
import logging
import netrc
import os
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlparse

import filelock
import httpx2

from knowcost.common import addresses, files
from knowcost.common.errors import InputError, first_line
from knowcost.common.log import Progress
from knowcost.fetch import hub, network, unpack
from knowcost.fetch.rows import REMOTE

MOST = 10e9  # bytes of a download, and of what an archive holds; the configuration's download_gb says otherwise
LOOPBACK = ("127.0.0.1", "localhost", "::1")

log = logging.getLogger(__name__)


def fetch_benchmark_source(row: Mapping[str, str], downloads: str | Path, most: float = MOST) -> Path:
    """The Path of a benchmark's raw file or folder, downloaded into `downloads` first where it is remote.

    A remote zip is unpacked, and `#path/inside` leads into it; jobs that share one download it once. most: bytes that
    an address may send, and that an archive may unpack to. Raises InputError when it cannot be had, is larger, or is
    not what the row's sha256 says.
    """
    if row["source"].startswith(REMOTE):
        return _downloaded(row, downloads, most)
    path = Path(row["source"])
    if not path.exists():
        raise InputError(f"{row['name']}: there is no file or folder {path}; correct the source column")
    if row.get("sha256"):
        problem = "a folder has no sha256" if path.is_dir() else _wrong_sum(row, path)
        if problem:
            raise InputError(f"{path}: {problem}; correct the sha256 column of {row['name']}, or the file")
    return path


def _downloaded(row: Mapping[str, str], downloads: str | Path, most: float) -> Path:
    """Download a benchmark row's source into a folder of its own under `downloads`; unpack it if it is a zip or tar.

    Returns the Path of the file, or of the folder or file inside it. Jobs that share a download wait for the first
    of them. Raises InputError.
    """
    url, _, inside = addresses.in_full(row["source"]).partition("#")
    identity = f"{url}@{row.get('revision') or 'main'}" if url.startswith("hf://") else url
    folder = Path(downloads) / hashlib.sha256(identity.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / ".lock"):
        file = _dataset_file(row, url, folder) if url.startswith("hf://") else _plain_file(row, url, folder, most)
        problem = _wrong_sum(row, file)
        if problem:
            file.unlink()
            raise InputError(f"{file}: {problem}. Deleted: run again, or correct the sha256 column.")
        if file.suffix.lower() in unpack.SUFFIXES:
            return unpack.inside(row, unpack.folder_of(row, file, most), inside)
    if inside:
        raise InputError(
            f"{row['name']}: {addresses.hidden(url)}: only a .zip or .tar has an inside; drop `#{inside}` from the "
            "source column"
        )
    return file


def _wrong_sum(row: Mapping[str, str], file: Path) -> str | None:
    """How a file differs from the row's sha256, or None."""
    wanted, got = (row.get("sha256") or "").lower(), files.sha256(file)
    return f"sha256 {got}, but the row of {row['name']} says {wanted}" if wanted not in ("", got) else None


def _dataset_file(row: Mapping[str, str], url: str, folder: Path) -> Path:
    parts = url.removeprefix("hf://").split("/", 3)
    if len(parts) < 4 or parts[0] != "datasets" or not all(parts):
        raise InputError(f"{row['name']}: {url}: expected hf://datasets/organisation/name/path/in/repository")
    repo, name, revision = f"{parts[1]}/{parts[2]}", parts[3], row.get("revision") or "main"
    action = partial(hub.api().hf_hub_download, repo, name, repo_type="dataset", revision=revision, local_dir=folder)
    return Path(hub.ask(action, row, f"data set {repo}", revision, name))


def _plain_file(row: Mapping[str, str], url: str, folder: Path, most: float) -> Path:
    """Download a URL, whole or not at all, unless it is here."""
    target = folder / (PurePosixPath(unquote(urlparse(url).path)).name or "download")
    if target.exists():
        return target
    shown = addresses.hidden(url)
    _check_scheme(row, url, shown)
    client = network.Client(source=url, headers={"Accept-Encoding": "identity"}, auth=_logins())
    log.info("%s: downloading %s", target, shown)
    progress = Progress(log)
    try:
        hub.retry(partial(_stream, client, url, target, most), shown)
    except network.Unreachable as error:
        raise InputError(f"{row['name']}: {shown}: {error}. {hub.NO_NETWORK}") from None
    except InputError as error:
        raise InputError(f"{row['name']}: {shown}: {error}") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise InputError(
            f"{row['name']}: {shown}: {first_line(error)}. Try again later; if the file has moved, correct the "
            "source column, or download it by hand and put its path there. A user and password are read from ~/.netrc."
        ) from None  # the error behind says the whole address
    finally:
        client.close()
    log.info("%s: %.1f MB in %.1f s", target, target.stat().st_size / 1e6, progress.seconds)
    shutil.rmtree(target.with_suffix(""), ignore_errors=True)  # what an earlier download held
    return target


def _stream(client: httpx2.Client, url: str, target: Path, most: float) -> None:
    """GET a URL into a file. Raises httpx2's errors, also for a body that ends before its announced length or its last
    chunk, and InputError for one that is too large, at its announcement if there is one."""
    progress = Progress(log)
    with client.stream("GET", url) as response:
        response.raise_for_status()
        _check_size(int(response.headers.get("Content-Length", 0)), most)
        with files.atomic(target) as temporary, open(temporary, "wb") as f:
            for block in response.iter_raw(1 << 20):
                f.write(block)
                _check_size(f.tell(), most)
                progress.say("%s: %.1f MB", target, f.tell() / 1e6)


def _check_size(size: int, most: float) -> None:
    if size > most:
        raise InputError(
            f"{size / 1e9:.3g} GB or more, and download_gb allows {most / 1e9:g}; raise it if that is right"
        )


def _logins() -> httpx2.NetRCAuth | None:
    """What a user's netrc file says for hosts, as curl and requests read it; None where there is no such file."""
    path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    if not os.access(path, os.R_OK):
        return None
    try:
        return httpx2.NetRCAuth(str(path))
    except (netrc.NetrcParseError, UnicodeDecodeError) as error:
        what = error.msg if isinstance(error, netrc.NetrcParseError) else "not UTF-8"
        raise InputError(f"{path}: {what}; correct the file, or name another in NETRC") from None


def _check_scheme(row: Mapping[str, str], url: str, shown: str) -> None:
    parts = urlparse(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise InputError(f"{row['name']}: {shown}: expected an https:// address in the source column")
