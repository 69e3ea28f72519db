"""The raw file of a benchmark or of calibration data: local, or downloaded."""

import hashlib
import logging
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlparse

import filelock
import httpx2

from knowcost.common import files
from knowcost.common.errors import InputError, first_line
from knowcost.common.log import Progress
from knowcost.fetch import hub, network, unpack
from knowcost.fetch.rows import REMOTE

LOOPBACK = ("127.0.0.1", "localhost", "::1")

log = logging.getLogger(__name__)


def fetch_benchmark_source(row: Mapping[str, str], downloads: str | Path) -> Path:
    """The Path of a benchmark's raw file or folder, downloaded into `downloads` first where it is remote.

    A remote zip is unpacked, and `#path/inside` leads into it; jobs that share one download it once. Raises InputError
    when it cannot be had, or is not what the row's sha256 says.
    """
    if row["source"].startswith(REMOTE):
        return _downloaded(row, downloads)
    path = Path(row["source"])
    if not path.exists():
        raise InputError(f"{row['name']}: there is no file or folder {path}; correct the source column")
    if row.get("sha256"):
        problem = "a folder has no sha256" if path.is_dir() else _wrong_sum(row, path)
        if problem:
            raise InputError(f"{path}: {problem}; correct the sha256 column of {row['name']}, or the file")
    return path


def _downloaded(row: Mapping[str, str], downloads: str | Path) -> Path:
    """Download a benchmark row's source into a folder of its own under `downloads`; unpack it if it is a zip or tar.

    Returns the Path of the file, or of the folder or file inside it. Jobs that share a download wait for the first
    of them. Raises InputError.
    """
    url, _, inside = row["source"].partition("#")
    identity = f"{url}@{row.get('revision') or 'main'}" if url.startswith("hf://") else url
    folder = Path(downloads) / hashlib.sha256(identity.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / ".lock"):
        file = _dataset_file(row, url, folder) if url.startswith("hf://") else _plain_file(row, url, folder)
        problem = _wrong_sum(row, file)
        if problem:
            file.unlink()
            raise InputError(f"{file}: {problem}. Deleted: run again, or correct the sha256 column.")
        if file.suffix.lower() in unpack.SUFFIXES:
            return unpack.inside(row, unpack.folder_of(row, file), inside)
    if inside:
        raise InputError(
            f"{row['name']}: {url}: only a .zip or .tar has an inside; drop `#{inside}` from the source column"
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


def _plain_file(row: Mapping[str, str], url: str, folder: Path) -> Path:
    """Download a URL, whole or not at all, unless it is here."""
    target = folder / (PurePosixPath(unquote(urlparse(url).path)).name or "download")
    if target.exists():
        return target

    client = network.Client(headers={"Accept-Encoding": "identity"})

    def once() -> None:
        _check_scheme(row, url)
        with client.stream("GET", url) as response:
            _check_scheme(row, str(response.url))
            response.raise_for_status()
            with files.atomic(target) as temporary, open(temporary, "wb") as f:
                for block in response.iter_raw(1 << 20):
                    f.write(block)
                    progress.say("%s: %.1f MB", target, f.tell() / 1e6)

    log.info("%s: downloading %s", target, url)
    progress = Progress(log)
    try:
        hub.retry(once, url)
    except network.Unreachable as error:
        raise InputError(f"{row['name']}: {url}: {error}. {hub.NO_NETWORK}") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise InputError(
            f"{row['name']}: {url}: {first_line(error)}. Try again later; if the file has moved, correct the "
            "source column, or download it by hand and put its path there."
        ) from error
    log.info("%s: %.1f MB in %.1f s", target, target.stat().st_size / 1e6, progress.seconds)
    shutil.rmtree(target.with_suffix(""), ignore_errors=True)  # what an earlier download held
    return target


def _check_scheme(row: Mapping[str, str], url: str) -> None:
    parts = urlparse(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise InputError(f"{row['name']}: {url}: expected an https:// address in the source column")
