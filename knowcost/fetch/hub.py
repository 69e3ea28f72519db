"""Files of the Hugging Face hub: with retries, checks and errors that say what to do.

huggingface_hub does the transfers (it resumes a broken connection and uses a file that the user's hub cache already
holds); here every file is compared with the hub's own record, and a revision that floats is held to its first commit.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import huggingface_hub
from huggingface_hub import errors
from huggingface_hub.hf_api import BlobLfsInfo, RepoSibling
from huggingface_hub.utils.sha import git_hash

from knowcost.common import files, seal
from knowcost.common.errors import InputError, first_line
from knowcost.fetch import bounds, network
from knowcost.fetch.rows import place

log = logging.getLogger(__name__)

T = TypeVar("T")

WAITS = (2, 8, 30)  # seconds before the second, third and fourth try
NO_NETWORK = (
    "Check the network, the proxy variables and HF_ENDPOINT, then run again; or put a local file or folder in the "
    "source column."
)
_NO_ANSWER = (ValueError, KeyError, TypeError, AttributeError)  # huggingface_hub, at what is not the hub's JSON
COMMIT = re.compile(r"[0-9a-f]{40}")
_BUSY = (408, 429, 500, 502, 503, 504)

network.for_hub()


@dataclass(frozen=True)
class Repository:
    """A repository at one commit. files: {name: huggingface_hub's RepoSibling}, with sizes and hashes."""

    source: str
    commit: str
    files: dict[str, RepoSibling]
    kind: str = "model"  # or "dataset"


def api() -> huggingface_hub.HfApi:
    """huggingface_hub's client for the hub that HF_ENDPOINT names. Raises InputError when that is no address."""
    endpoint = os.environ.get("HF_ENDPOINT")
    if endpoint and not endpoint.startswith(("https://", "http://")):
        raise InputError(f"HF_ENDPOINT is {endpoint!r}; expected an address that begins with https://, or unset it")
    return huggingface_hub.HfApi(endpoint=endpoint)


def _status(error: BaseException) -> int | None:
    """The HTTP status behind an error, or None. huggingface_hub wraps some errors in others."""
    for e in (error, error.__cause__):
        if (response := getattr(e, "response", None)) is not None:
            return response.status_code
    return None


def _unanswered(error: BaseException) -> bool:
    """Whether the other side was not reached or broke off."""
    kinds = (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, *network.PASSING)
    return _status(error) is None and (isinstance(error, kinds) or "Consistency check failed" in str(error))


def _passing(error: BaseException) -> bool:
    """Whether trying again may help."""
    if network.unreachable(error) or huggingface_hub.is_offline_mode():
        return False
    return _status(error) in _BUSY or _unanswered(error)


def retry(action: Callable[[], T], what: str) -> T:
    """The result of `action()`, tried again after WAITS while the trouble looks passing. Raises the last error."""
    for wait in WAITS:
        try:
            return action()
        except Exception as error:
            if not _passing(error):
                raise
            log.warning("%s: %s; trying again in %s s", what, first_line(error), wait)
            time.sleep(wait)
    return action()


def ask(action: Callable[[], T], row: Mapping[str, str], source: str, revision: str, what: str) -> T:
    """`retry(action)`, with what goes wrong on the hub said in terms of the user's table.

    Raises InputError; other errors, such as a full disk, pass.
    """
    where = f"{row['name']}: {what} of {source} at revision {revision}"
    try:
        return retry(action, where)
    except InputError as error:  # of an address that is not asked, of bounds, of proxies
        raise InputError(f"{where}: {error}") from None
    except (errors.HTTPError, httpx2.InvalidURL, OSError, *_NO_ANSWER) as error:
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
    if dead := network.unreachable(error):
        return f"{dead}. {NO_NETWORK}"
    if _unanswered(error) and huggingface_hub.is_offline_mode():
        return "HF_HUB_OFFLINE is set and it is not here yet. Unset it, or put a local file in the source column."
    if _unanswered(error):
        return (
            f"the download failed ({first_line(error)}). Check the connection and HF_ENDPOINT, then run again: "
            "files that are complete are kept."
        )
    if not isinstance(error, OSError):
        return f"no answer that a hub gives ({type(error).__name__}: {first_line(error)}). Check HF_ENDPOINT."
    return None


def repository(row: Mapping[str, str]) -> Repository:
    """Resolve a model row's revision and list the files there. Returns Repository. Raises InputError."""
    source, revision = place(row["source"])[0], row.get("revision") or "main"
    action = partial(api().model_info, source, revision=revision, files_metadata=True, timeout=network.SECONDS)
    info = ask(action, row, source, revision, "the list of files")
    if info.sha is None or info.siblings is None:
        raise InputError(f"{row['name']}: the hub does not list the files of {source}; check HF_ENDPOINT")
    commit = revision if COMMIT.fullmatch(revision) else info.sha
    return Repository(source, commit, {s.rfilename: s for s in info.siblings})


def cached(row: Mapping[str, str]) -> Path:
    """The folder of the user's hub cache that holds a model row's checkpoint; its name is the commit.

    For HF_HUB_OFFLINE. Raises InputError, saying what to fetch and where, when the cache has none.
    """
    (source, only), revision = place(row["source"]), row.get("revision") or "main"
    found = huggingface_hub.try_to_load_from_cache(source, only or "config.json", revision=revision)
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
    moved, and for a lock that is damaged.
    """
    revision = row.get("revision") or "main"
    if COMMIT.fullmatch(revision):
        return None
    lock = {"source": row["source"], "requested_revision": revision, "commit": commit}
    if Path(lock_path).exists():
        old = seal.read_json(lock_path)
        try:
            recorded = old.pop("commit")
        except (KeyError, AttributeError, TypeError):
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
    bar = bounds.bar(Path(folder), record.size or bounds.MOST, bounds.BY_HUB)
    put = {"local_dir": folder, "tqdm_class": bar, "repo_type": repository.kind}
    ask(partial(api().hf_hub_download, source, name, revision=commit, **put), row, source, commit, name)
    found = _compare(path, record)
    if not isinstance(found, dict):
        path.unlink(missing_ok=True)
        raise InputError(
            f"{path}: {found} for {source} at {commit}. The bad file is deleted: run again; if it comes back, the copy "
            f"in the hub cache ({huggingface_hub.constants.HF_HUB_CACHE}) or the mirror in HF_ENDPOINT is bad."
        )
    log.info("%s: %.1f MB in %.1f s, checksum right", path, found["size"] / 1e6, time.monotonic() - began)
    return found


def data_file(row: Mapping[str, str], place: tuple[str, str], folder: Path, most: float, known: str | None) -> str:
    """Put one file of a data set into `folder`, under the path that it has there. Returns its sha256.

    place: (repository, path); most: bytes that it may have; known: the digest of a good one that is here, which stays
    where the hub cannot be asked for another. Raises InputError.
    """
    (repo, name), revision = place, row.get("revision") or "main"
    url = huggingface_hub.hf_hub_url(repo, name, repo_type="dataset", revision=revision, endpoint=api().endpoint)
    head = partial(api().get_hf_file_metadata, url=url, timeout=network.SECONDS)
    try:
        about = ask(head, row, f"data set {repo}", revision, name)
    except InputError as error:
        if known is None or _status(error) not in (None, *_BUSY):
            raise
        log.warning("%s; the one that is here is used", first_line(error))
        return known
    try:
        bounds.check_size(about.size or 0, most)
    except InputError as error:
        raise InputError(f"{row['name']}: {name} of data set {repo}: {error}") from None
    record = RepoSibling(name, size=about.size)
    if re.fullmatch("[0-9a-f]{64}", about.etag or ""):  # of large files; of others it is git's own hash
        record.lfs = BlobLfsInfo(size=about.size or 0, sha256=about.etag or "", pointer_size=0)
    elif COMMIT.fullmatch(about.etag or ""):
        record.blob_id = about.etag
    found = Repository(repo, about.commit_hash or revision, {name: record}, "dataset")
    return download(row, found, name, folder)["sha256"]


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
