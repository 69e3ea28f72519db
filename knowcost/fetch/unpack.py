"""Downloaded archives of benchmark files: zip and tar."""

import logging
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from knowcost.common import reading
from knowcost.common.errors import InputError

SUFFIXES = (".zip", ".tar")
MOST_MEMBERS = 100_000  # each of them costs a file of its own

log = logging.getLogger(__name__)


def folder_of(row: Mapping[str, str], archive: Path, most: float) -> Path:
    """The folder with an archive's contents, beside it.

    most: bytes that it may hold. Raises InputError for a file that is no archive, reaches out, or holds too much.
    """
    folder = archive.with_suffix("")
    if folder.exists():
        return folder
    try:
        with _opened(archive) as packed, tempfile.TemporaryDirectory(dir=archive.parent) as temporary:
            root = Path(temporary).resolve() / "root"
            root.mkdir()
            names = packed.namelist() if isinstance(packed, zipfile.ZipFile) else packed.getnames()
            for name in names:
                if not (root / name).resolve().is_relative_to(root):
                    raise InputError(f"{archive}: member {name!r} would land outside its folder; do not trust it")
            _check_size(archive, packed, most)
            log.info("%s: unpacking %d files", archive, len(names))
            if isinstance(packed, tarfile.TarFile):
                _refuse_links(archive, packed)
                packed.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.4 and later
            packed.extractall(root)
            os.replace(root, folder)
    except (zipfile.BadZipFile, tarfile.TarError) as error:
        archive.unlink()
        kind = archive.suffix.lstrip(".")
        raise InputError(f"{archive}: not a {kind} ({error}); deleted. Check the source of {row['name']}") from error
    return folder


def _check_size(archive: Path, packed: zipfile.ZipFile | tarfile.TarFile, most: float) -> None:
    """By what the archive says of its members, of which no more is read than that."""
    if isinstance(packed, zipfile.ZipFile):
        sizes = [member.file_size for member in packed.infolist()]
    else:
        sizes = [member.size for member in packed.getmembers()]
    if len(sizes) > MOST_MEMBERS:
        raise InputError(f"{archive}: {len(sizes):,} members, more than {MOST_MEMBERS:,}; do not trust it")
    reading.check_ratio(archive, sum(sizes))
    if sum(sizes) > most:
        raise InputError(
            f"{archive}: holds {sum(sizes) / 1e9:.3g} GB, and download_gb allows {most / 1e9:g}; raise it if that is "
            "right"
        )


def _refuse_links(archive: Path, packed: tarfile.TarFile) -> None:
    """A link may lead out of the folder, and a benchmark needs none."""
    for member in packed.getmembers():
        if not (member.isfile() or member.isdir()):
            raise InputError(f"{archive}: member {member.name!r} is a link or a device; do not trust it")


def _opened(archive: Path) -> zipfile.ZipFile | tarfile.TarFile:
    if archive.suffix.lower() == ".zip":
        return zipfile.ZipFile(archive)
    return tarfile.TarFile(archive)


def inside(row: Mapping[str, str], folder: Path, path: str) -> Path:
    """What an archive holds at a path, "" for all of it."""
    found = folder / path
    if not found.resolve().is_relative_to(folder.resolve()) or not found.exists():
        held = ", ".join(sorted(os.listdir(folder)))
        raise InputError(f"{row['name']}: no {path!r} in the archive, which holds {held}; correct the source column")
    return found
