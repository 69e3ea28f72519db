"""The raw file of a benchmark or of calibration data: local, or downloaded."""

import hashlib
import logging
import netrc
import os
import re
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlparse

import httpx2

from knowcost.common import addresses, files, seal
from knowcost.common.errors import InputError, first_line
from knowcost.common.log import Progress
from knowcost.fetch import bounds, hub, network, unpack
from knowcost.fetch.alone import alone
from knowcost.fetch.rows import REMOTE, is_invented

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LONGEST_NAME = 150  # bytes; a file's name may have 255, with what marks temporaries and seals

log = logging.getLogger(__name__)


def fetch_benchmark_source(row: Mapping[str, str], downloads: str | Path, most: float = bounds.MOST) -> Path:
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
    if is_invented(row["source"]):
        seal.check(path)
    if row.get("sha256"):
        if path.is_dir():
            raise InputError(f"{path}: a folder has no sha256; correct the sha256 column of {row['name']}")
        digest = files.sha256(path)
        if digest != row["sha256"].lower():
            raise InputError(f"{path}: {_differs(row, digest)}; correct the sha256 column, or the file")
    return path


def folder_of(row: Mapping[str, str], downloads: str | Path) -> Path:
    """Where in `downloads` a benchmark row's remote source is kept: one folder for each address, and each revision of a
    data set."""
    url = addresses.in_full(row["source"]).partition("#")[0]
    identity = f"{url}@{row.get('revision') or 'main'}" if url.startswith("hf://") else url
    return Path(downloads) / hashlib.sha256(identity.encode()).hexdigest()[:16]


def _downloaded(row: Mapping[str, str], downloads: str | Path, most: float) -> Path:
    """Download a benchmark row's source into a folder of its own under `downloads`; unpack it if it is a zip or tar.

    Returns the Path of the file, or of the folder or file inside it. Jobs that share a download wait for the first
    of them. Raises InputError.
    """
    url, _, inside = addresses.in_full(row["source"]).partition("#")
    folder = folder_of(row, downloads)
    with alone(folder):
        file, digest = _sealed(row, url, folder, most)
        if (row.get("sha256") or digest).lower() != digest:
            file.unlink()
            raise InputError(f"{file}: {_differs(row, digest)}. Deleted: run again, or correct the sha256 column.")
        if file.suffix.lower() in unpack.SUFFIXES:
            return unpack.inside(row, unpack.folder_of(row, file, most), inside)
    if inside:
        raise InputError(
            f"{row['name']}: {url}: only a .zip or .tar has an inside; drop `#{inside}` from the source column"
        )
    return file


def _sealed(row: Mapping[str, str], url: str, folder: Path, most: float) -> tuple[Path, str]:
    """(the download, its digest): the one that is here, if it is as it came, else fetched; the revision of a data set
    is looked up each time."""
    on_hub = url.startswith("hf://")
    repo, name = _in_data_set(row, url) if on_hub else ("", _name(url))
    file, known = folder / name, None
    if file.exists():
        try:
            known = seal.check(file)
        except InputError as error:
            log.warning("%s; fetching it anew", first_line(error).partition("; delete")[0])
    digest = known
    if on_hub:
        digest = hub.data_file(row, (repo, name), folder, most, known)
    elif known is None:
        _plain_file(row, url, file, most)
    if known is None or digest != known:
        shutil.rmtree(unpack.folder_beside(file), ignore_errors=True)  # before the seal, in case this is killed here
        known = seal.seal(file)
    return file, known


def _name(url: str) -> str:
    """What the download of an address is called: as the address ends, where a file can be."""
    name = re.sub(r"[\x00-\x1f\x7f/]", "_", PurePosixPath(unquote(urlparse(url).path)).name)
    hidden, too_long = name.startswith("."), len(name.encode()) > LONGEST_NAME
    return f"download{PurePosixPath(name).suffix[:20]}" if hidden or too_long else name or "download"


def _differs(row: Mapping[str, str], digest: str) -> str:
    return f"sha256 {digest}, but the row of {row['name']} says {row['sha256']}"


def _in_data_set(row: Mapping[str, str], url: str) -> tuple[str, str]:
    parts = url.removeprefix("hf://").split("/")
    if len(parts) < 4 or parts[0] != "datasets" or not all(parts) or ".." in parts:
        raise InputError(f"{row['name']}: {url}: expected hf://datasets/organisation/name/path/in/repository")
    return "/".join(parts[1:3]), "/".join(parts[3:])


def _plain_file(row: Mapping[str, str], url: str, target: Path, most: float) -> None:
    """Download a URL, whole or not at all."""
    shown = addresses.hidden(url)
    _check_scheme(row, url, shown)
    client = network.Client(source=url, headers={"Accept-Encoding": "identity"}, auth=_logins())
    log.info("%s: downloading %s", target, shown)
    progress = Progress(log)
    try:
        hub.retry(partial(_stream, client, url, target, most, bool(row.get("sha256"))), shown)
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


def _stream(client: httpx2.Client, url: str, target: Path, most: float, has_sum: bool) -> None:
    """GET a URL into a file.

    has_sum: whether a sha256 will tell if it is whole. Raises httpx2's errors, also for a body that ends before its
    announced length or its last chunk, and InputError for one that is too large or of which no end is announced.
    """
    progress = Progress(log)
    with client.stream("GET", url) as response:
        response.raise_for_status()
        announced = response.headers.get("Content-Length")
        if announced is None and "Transfer-Encoding" not in response.headers and not has_sum:
            raise InputError(
                "the server announces neither a length nor chunks, so a download that breaks off looks whole; put the "
                "file's sha256 beside its source, or download it by hand and put its path there"
            )
        bounds.check_size(int(announced or 0), most)
        bounds.check_room(int(announced or 0), target.parent)
        with files.atomic(target) as temporary, open(temporary, "wb") as f:
            for block in response.iter_raw(1 << 20):
                bounds.check_size(f.tell() + len(block), most)
                f.write(block)
                progress.say("%s: %.1f MB", target, f.tell() / 1e6)


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
