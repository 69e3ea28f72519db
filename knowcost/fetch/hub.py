"""Files from elsewhere, the Hugging Face hub and plain URLs: with retries, checks and errors that say what to do.

huggingface_hub does the transfers (it resumes a broken connection and uses a file that the user's hub cache already
holds); here every file is compared with the hub's own record, and a revision that floats is held to its first commit.
"""

import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import unquote, urlparse

import filelock
import huggingface_hub
import requests
from huggingface_hub import errors
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils.sha import git_hash

from knowcost.common import files
from knowcost.common.errors import InputError
from knowcost.fetch import unpack

log = logging.getLogger(__name__)

T = TypeVar("T")

WAITS = (2, 8, 30)  # seconds before the second, third and fourth try
COMMIT = re.compile(r"[0-9a-f]{40}")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_BUSY = (408, 429, 500, 502, 503, 504)
_BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


@dataclass(frozen=True)
class Repository:
    """A model's repository at one commit. files: {name: huggingface_hub's RepoSibling}, with sizes and hashes."""

    source: str
    commit: str
    files: dict[str, RepoSibling]


def _api() -> huggingface_hub.HfApi:
    return huggingface_hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT"))


def _status(error: BaseException) -> int | None:
    """The HTTP status behind an error, or None. huggingface_hub wraps some errors in others."""
    for e in (error, error.__cause__):
        if (response := getattr(e, "response", None)) is not None:
            return response.status_code
    return None


def _unanswered(error: BaseException) -> bool:
    """Whether the other side was not reached or broke off."""
    # errors.HTTPError is the base of the errors of the HTTP library that huggingface_hub uses, whichever that is
    kinds = (errors.HTTPError, errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, *_BROKEN)
    return _status(error) is None and (isinstance(error, kinds) or "Consistency check failed" in str(error))


def _passing(error: BaseException) -> bool:
    """Whether trying again may help."""
    return _status(error) in _BUSY or (_unanswered(error) and not huggingface_hub.is_offline_mode())


def retry(action: Callable[[], T], what: str) -> T:
    """The result of `action()`, tried again after WAITS while the trouble looks passing. Raises the last error."""
    for wait in WAITS:
        try:
            return action()
        except Exception as error:
            if not _passing(error):
                raise
            log.warning("%s: %s; trying again in %s s", what, _first_line(error), wait)
            time.sleep(wait)
    return action()


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _ask(action: Callable[[], T], row: Mapping[str, str], source: str, revision: str, what: str) -> T:
    """`retry(action)`, with what goes wrong on the hub said in terms of the user's table.

    Raises InputError; other errors, such as a full disk, pass.
    """
    where = f"{row['name']}: {what} of {source} at revision {revision}"
    try:
        return retry(action, where)
    except (errors.HTTPError, errors.HFValidationError, OSError) as error:
        problem = _problem(error)
        if problem is None:
            raise
        raise InputError(f"{where}: {problem}") from error


def _problem(error: BaseException) -> str | None:
    """What an error means and what to do about it, or None when it is none of the hub's."""
    status = _status(error)
    if isinstance(error, errors.GatedRepoError):
        return "the repository is gated. Accept its terms on its page, then set HF_TOKEN to a token of that account."
    if isinstance(error, errors.RevisionNotFoundError):
        return "the hub has no such revision; correct the revision column."
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return "the hub has no such file; correct the source or revision column."
    if isinstance(error, errors.HFValidationError):
        return "not a hub id. Expected organisation/name; a local folder begins with ./, ../, / or resources/."
    if isinstance(error, errors.RepositoryNotFoundError) or status == 404:
        return (
            f"not found (HTTP {status}). Correct the source column; if the repository is private, set HF_TOKEN; if it "
            "is gone, put a local folder with the checkpoint in the source column."
        )
    if status in (401, 403):
        return f"access refused (HTTP {status}). Set HF_TOKEN to a token that may read it."
    if status is not None:
        return f"the hub keeps answering HTTP {status}. Try again later, or name a mirror in HF_ENDPOINT."
    if _unanswered(error):
        return (
            f"the download failed ({_first_line(error)}). Check the connection, HF_ENDPOINT and HF_HUB_OFFLINE, then "
            "run again: files that are complete are kept."
        )
    return None


def repository(row: Mapping[str, str]) -> Repository:
    """Resolve a model row's revision and list the files there. Returns Repository. Raises InputError."""
    source, revision = row["source"], row.get("revision") or "main"
    action = partial(_api().model_info, source, revision=revision, files_metadata=True)
    info = _ask(action, row, source, revision, "the list of files")
    commit = revision if COMMIT.fullmatch(revision) else info.sha
    return Repository(source, commit, {s.rfilename: s for s in info.siblings})


def cached(row: Mapping[str, str]) -> Path:
    """The folder of the user's hub cache that holds a model row's checkpoint; its name is the commit.

    For HF_HUB_OFFLINE. Raises InputError, saying what to fetch and where, when the cache has none.
    """
    source, revision = row["source"], row.get("revision") or "main"
    found = huggingface_hub.try_to_load_from_cache(source, "config.json", revision=revision)
    if not isinstance(found, str):
        raise InputError(
            f"{row['name']}: HF_HUB_OFFLINE is set and the hub cache ({huggingface_hub.constants.HF_HUB_CACHE}) has no "
            f"{source} at revision {revision}. Where there is a network, run "
            f"`hf download {source} --revision {revision}` into that cache, or add `--local-dir FOLDER` and put that "
            "folder in the source column."
        )
    return Path(found).parent


def pin(row: Mapping[str, str], commit: str, lock_path: str | Path) -> dict[str, str] | None:
    """Hold a floating revision to the commit it was first resolved to.

    Returns what is to be written to `lock_path` once the model is whole, or None for a revision that is a commit. A
    lock of another source or revision is of an earlier row and counts no more. Raises InputError when the revision has
    moved.
    """
    revision = row.get("revision") or "main"
    if COMMIT.fullmatch(revision):
        return None
    lock = {"source": row["source"], "requested_revision": revision, "commit": commit}
    if Path(lock_path).exists():
        try:
            old = files.read_json(lock_path)
            recorded = old.pop("commit")
        except (ValueError, KeyError, AttributeError):
            raise InputError(f"{lock_path}: not a revision lock; delete it to record the revision anew") from None
        if recorded != commit and old.items() <= lock.items():
            raise InputError(
                f"{row['name']}: revision {revision} of {row['source']} was commit {recorded} when first downloaded "
                f"and is {commit} now. Delete {lock_path} to accept the new one, or put {recorded} in the revision "
                "column."
            )
    return lock


def download(row: Mapping[str, str], repository: Repository, name: str, folder: str | Path) -> dict[str, Any]:
    """Put one file of a repository into `folder`, unless the right one is there. Returns {"sha256", "size"}.

    Raises InputError when it is not what the hub says it is; the bad file is deleted then.
    """
    path, record = Path(folder) / name, repository.files[name]
    found = _compare(path, record)
    if isinstance(found, dict):
        log.info("%s: already here", path)
        return found
    path.unlink(missing_ok=True)
    log.info("%s: downloading %s", path, "" if record.size is None else f"{record.size / 1e6:,.1f} MB")
    began = time.monotonic()
    source, commit = repository.source, repository.commit
    _ask(partial(_api().hf_hub_download, source, name, revision=commit, local_dir=folder), row, source, commit, name)
    found = _compare(path, record)
    if not isinstance(found, dict):
        path.unlink(missing_ok=True)
        raise InputError(
            f"{path}: {found} for {source} at {commit}. The bad file is deleted: run again; if it comes back, the copy "
            f"in the hub cache ({huggingface_hub.constants.HF_HUB_CACHE}) or the mirror in HF_ENDPOINT is bad."
        )
    log.info("%s: %.1f MB in %.1f s, checksum right", path, found["size"] / 1e6, time.monotonic() - began)
    return found


def _compare(path: Path, record: RepoSibling) -> dict[str, Any] | str:
    """{"sha256", "size"} of the file if it is what the hub's record says, else a sentence that says how it differs.

    The hub records the sha256 of large files (LFS, Xet) and git's own hash of small ones.
    """
    if not path.is_file():
        return "no file"
    size = path.stat().st_size
    if record.size is not None and size != record.size:
        return f"{size:,} bytes, but the hub records {record.size:,}"
    digest = files.sha256(path)
    if record.lfs:
        expected, got, kind = record.lfs["sha256"], digest, "sha256"
    else:
        expected, got, kind = record.blob_id, git_hash(path.read_bytes()), "git hash"
    if expected is not None and got != expected:
        return f"{kind} {got}, but the hub records {expected}"
    return {"sha256": digest, "size": size}


def benchmark_file(row: Mapping[str, str], downloads: str | Path) -> Path:
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
        problem = wrong_sum(row, file)
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


def wrong_sum(row: Mapping[str, str], file: Path) -> str | None:
    """How a file differs from the row's sha256, or None."""
    wanted, got = (row.get("sha256") or "").lower(), files.sha256(file)
    return f"sha256 {got}, but the row of {row['name']} says {wanted}" if wanted not in ("", got) else None


def _dataset_file(row: Mapping[str, str], url: str, folder: Path) -> Path:
    parts = url.removeprefix("hf://").split("/", 3)
    if len(parts) < 4 or parts[0] != "datasets" or not all(parts):
        raise InputError(f"{row['name']}: {url}: expected hf://datasets/organisation/name/path/in/repository")
    repo, name, revision = f"{parts[1]}/{parts[2]}", parts[3], row.get("revision") or "main"
    action = partial(_api().hf_hub_download, repo, name, repo_type="dataset", revision=revision, local_dir=folder)
    return Path(_ask(action, row, f"data set {repo}", revision, name))


def _plain_file(row: Mapping[str, str], url: str, folder: Path) -> Path:
    """Download a URL, whole or not at all, unless it is here."""
    target = folder / (PurePosixPath(unquote(urlparse(url).path)).name or "download")
    if target.exists():
        return target

    def once() -> None:
        _check_scheme(row, url)
        with requests.get(url, stream=True, timeout=(10, 60), headers={"Accept-Encoding": "identity"}) as response:
            _check_scheme(row, response.url)
            response.raise_for_status()
            with files.atomic(target) as temporary, open(temporary, "wb") as f:
                for block in response.iter_content(1 << 20):
                    f.write(block)

    log.info("%s: downloading %s", target, url)
    began = time.monotonic()
    try:
        retry(once, url)
    except requests.RequestException as error:
        raise InputError(
            f"{row['name']}: {url}: {_first_line(error)}. Try again later; if the file has moved, correct the source "
            "column, or download it by hand and put its path there."
        ) from error
    log.info("%s: %.1f MB in %.1f s", target, target.stat().st_size / 1e6, time.monotonic() - began)
    shutil.rmtree(target.with_suffix(""), ignore_errors=True)  # what an earlier download held
    return target


def _check_scheme(row: Mapping[str, str], url: str) -> None:
    parts = urlparse(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise InputError(f"{row['name']}: {url}: expected an https:// address in the source column")
