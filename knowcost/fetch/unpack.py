"""Downloaded archives of benchmark files: zip and tar."""

import itertools
import logging
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from knowcost.common import reading, seal
from knowcost.common.errors import InputError, first_line
from knowcost.fetch import bounds

SUFFIXES = (".zip", ".tar")
MOST_MEMBERS = 100_000  # each of them costs a file of its own

log = logging.getLogger(__name__)

_NO_NAME = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NO_PATH = (NotADirectoryError, IsADirectoryError, FileExistsError)  # a member that is both file and folder

Packed = zipfile.ZipFile | tarfile.TarFile


def folder_beside(archive: Path) -> Path:
    """Where what an archive holds is unpacked."""
    return archive.with_suffix("")


def folder_of(row: Mapping[str, str], archive: Path, most: float) -> Path:
    """The sealed folder with an archive's contents, beside it; unpacked anew where it is not as it was left.

    most: bytes that it may hold. Raises InputError for a file that is no archive, reaches out, or holds too much.
    """
    folder = folder_beside(archive)
    if folder.exists():
        try:
            seal.check_folder(folder)
            return folder
        except InputError as error:
            log.warning("%s; unpacking %s anew", first_line(error).partition("; delete")[0], archive)
            shutil.rmtree(folder)
    try:
        with _opened(archive) as packed, tempfile.TemporaryDirectory(dir=archive.parent) as temporary:
            root = Path(temporary).resolve() / "root"
            root.mkdir()
            _check(archive, packed, root, most)
            log.info("%s: unpacking", archive)
            packed.extractall(root)
            seal.seal_folder(root)
            os.replace(root, folder)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError, *_NO_PATH) as error:
        archive.unlink()
        kind = archive.suffix.lstrip(".")
        raise InputError(f"{archive}: not a {kind} ({error}); deleted. Check the source of {row['name']}") from error
    return folder


def _check(archive: Path, packed: Packed, root: Path, most: float) -> None:
    """Refuse, by what an archive says of its members, what would go wrong; no more is read of each than it says."""
    members = _members(archive, packed)
    for name, _ in members:
        if _NO_NAME.search(name):
            raise InputError(f"{archive}: member {name!r} has no name that a file can have; pack it anew")
        if not (root / name).resolve().is_relative_to(root):
            raise InputError(f"{archive}: member {name!r} would land outside its folder; do not trust it")
    size = sum(size for _, size in members)
    reading.check_ratio(archive, size)
    try:
        bounds.check_size(size, most)
        bounds.check_room(size, root)
    except InputError as error:
        raise InputError(f"{archive}: holds {error}") from None


def _members(archive: Path, packed: Packed) -> list[tuple[str, int]]:
    """(name, bytes) of each. Raises InputError for members of a kind that a benchmark needs none of, and for many."""
    members = []
    if isinstance(packed, zipfile.ZipFile):
        for zipped in packed.infolist():  # of bzip2 and LZMA zipfile unpacks all of a block, however much that is
            if zipped.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InputError(f"{archive}: member {zipped.filename!r} is not packed by deflate; pack it anew")
            members.append((zipped.filename, zipped.file_size))
    else:
        packed.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.4 and later
        for tarred in itertools.islice(packed, MOST_MEMBERS + 1):
            if not (tarred.isfile() or tarred.isdir()):  # a link may lead out of the folder
                raise InputError(f"{archive}: member {tarred.name!r} is a link or a device; do not trust it")
            members.append((tarred.name, tarred.size))
    if len(members) > MOST_MEMBERS:
        raise InputError(f"{archive}: more than {MOST_MEMBERS:,} members; do not trust it")
    return members


def _opened(archive: Path) -> Packed:
    if archive.suffix.lower() == ".zip":
        return zipfile.ZipFile(archive)
    return tarfile.TarFile(archive)


def inside(row: Mapping[str, str], folder: Path, path: str) -> Path:
    """What an archive holds at a path, "" for all of it."""
    found = folder / path
    if not found.resolve().is_relative_to(folder.resolve()) or not found.exists():
        held = ", ".join(sorted(set(os.listdir(folder)) - {seal.SUMS}))
        raise InputError(f"{row['name']}: no {path!r} in the archive, which holds {held}; correct the source column")
    return found
