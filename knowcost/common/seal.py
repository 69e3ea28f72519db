"""Seals: the sha256 of what a stage hands on, written beside it, and checked by whoever reads it.

    <file>.sha256    beside a file: its digest
    SHA256SUMS       in a folder: the digests of all files in it

Both are written as `sha256sum` writes them, so `sha256sum --check` reads them too. Where a file lists others itself, as
manifest.json and source.json do, that file is sealed, and the files of its folder are held against its list
(`check_listed`). Hidden files are nobody's: Snakemake's stamps and unfinished temporaries are such.

A seal tells damage and change apart from what was made; it is no signature. docs/trust.md says what that leaves open.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from knowcost.common import files
from knowcost.common.errors import InputError

SUFFIX = ".sha256"
SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n")


def beside(path: str | Path) -> Path:
    """The file that holds the seal of a file."""
    return Path(f"{path}{SUFFIX}")


@contextlib.contextmanager
def sealed(path: str | Path) -> Iterator[Path]:
    """As files.atomic; the file is sealed when the block is left."""
    with files.atomic(path) as temporary:
        yield temporary
        digest = files.sha256(temporary)
    _write(beside(path), {Path(path).name: digest})


def seal(path: str | Path) -> str:
    """Seal a file as it is now. Returns its digest."""
    digest = files.sha256(path)
    _write(beside(path), {Path(path).name: digest})
    return digest


def pass_on(path: str | Path, to: str | Path) -> None:
    """Seal what is about to be a link or a copy of a sealed file. Raises InputError where that has no seal."""
    digest = _sums(beside(path)).get(Path(path).name)
    if digest is None:
        raise _damaged(Path(path), f"its seal {beside(path)} is missing or torn", None)
    _write(beside(to), {Path(to).name: digest})


def check(path: str | Path, delete: str | Path | None = None) -> str:
    """The digest of a sealed file, which was read for it.

    delete: what the user deletes to have it made again, where that is not the file itself. Raises InputError for a file
    that is missing, has no seal, or is not what was sealed.
    """
    found = digest(path, delete)
    if found == files.ABSENT:
        raise InputError(f"{path}: missing; delete {delete or beside(path)} and run again")
    _compare(Path(path), found, _sums(beside(path)).get(Path(path).name), beside(path), delete)
    return found


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as JSON (files.as_json) and seal it."""
    with sealed(path) as temporary:
        temporary.write_text(files.as_json(value), encoding="utf-8")


def read_json(path: str | Path, delete: str | Path | None = None) -> Any:
    """The value of a sealed JSON file. Raises InputError as `check` does, and for what is no JSON."""
    check(path, delete)
    try:
        return files.read_json(path)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: sealed, but no JSON ({error}); delete {delete or path} and run again") from None


def seal_folder(folder: str | Path) -> str:
    """Seal all files in a folder and below. Returns the digest of the seal.

    Raises InputError for a name with a line break in it, which no list of lines can hold.
    """
    names = sorted(_names(Path(folder)))
    if broken := [name for name in names if "\n" in name]:
        raise InputError(f"{folder}: the file {broken[0]!r} has a line break in its name; rename it")
    _write(Path(folder) / SUMS, {name: files.sha256(Path(folder) / name) for name in names})
    return files.sha256(Path(folder) / SUMS)


def check_folder(folder: str | Path) -> str:
    """The digest of the seal of a folder. Raises InputError when a file is missing, changed, or was added."""
    folder = Path(folder)
    by = folder / SUMS
    sums = _sums(by)
    if not sums:
        raise _damaged(folder, f"its seal {by} is missing or torn", folder)
    check_listed(folder, sums, by, folder)
    if unlisted := _names(folder) - sums.keys():
        raise _unlisted(folder / min(unlisted), by)
    return files.sha256(by)


def check_listed(folder: Path, digests: Mapping[str, str], by: Path, delete: str | Path | None = None) -> None:
    """Hold files of a folder against their digests {name: sha256} in the list `by`.

    delete: as of `check`; the list itself where it is None. Raises InputError naming the first that is wrong, and for
    a name that leads out of the folder.
    """
    for name, wanted in digests.items():
        if not is_inside(name):
            raise InputError(
                f"{by}: lists {name!r}, which is no file of its folder; delete {delete or by} and run again"
            )
        _compare(folder / name, digest(folder / name, delete or by), wanted, by, delete or by)


def check_unlisted(folder: Path, listed: Collection[str], by: Path) -> None:
    """Raise InputError for a file or folder in `folder` that is neither in `listed` nor hidden nor a seal of `by`.

    A loader takes what lies there: an index, a file of special tokens, a folder of templates.
    """
    known = {*listed, by.name, beside(by).name}
    for path in sorted(folder.iterdir()):
        if path.name not in known and not path.name.startswith("."):
            raise _unlisted(path, by)


def is_inside(name: str) -> bool:
    """Whether a name of a list stays in the folder of that list."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and not set(name) & set("\\\0")


def digest(path: str | Path, delete: str | Path | None = None) -> str:
    """The sha256 of a file, files.ABSENT where there is none. Raises InputError for what cannot be read; delete: as of
    `check`."""
    try:
        return files.sha256(path)
    except (FileNotFoundError, NotADirectoryError):
        return files.ABSENT
    except OSError as error:
        raise _unreadable(path, error, delete) from None


def of_values(value: Any) -> str:
    """The digest of a JSON value: the same for equal values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _compare(path: Path, found: str, wanted: str | None, by: Path, delete: str | Path | None) -> None:
    if wanted is None:
        raise _damaged(path, f"its seal {by} is missing or torn", delete)
    if found != wanted:
        raise _damaged(path, f"its sha256 is {found}, {by} says {wanted}", delete)


def _damaged(path: Path, why: str, delete: str | Path | None) -> InputError:
    return InputError(
        f"{path} is damaged or was changed since it was made ({why}); delete {delete or path} and run again"
    )


def _unreadable(path: str | Path, error: OSError, delete: str | Path | None) -> InputError:
    if isinstance(error, IsADirectoryError):
        return InputError(f"{path}: is a folder, where a file should be; move it away and run again")
    return InputError(
        f"{path}: cannot be read ({error.strerror}); mend that, or delete {delete or path}, and run again"
    )


def _unlisted(path: Path, by: Path) -> InputError:
    return InputError(f"{path}: is not in {by}, so nobody knows what it is; move it away and run again")


def _names(folder: Path) -> set[str]:
    """The files of a folder and below, and links wherever they lead, but for hidden ones and its seal."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {name.as_posix() for name in found if not any(part.startswith(".") for part in name.parts)} - {SUMS}


def _write(by: Path, digests: Mapping[str, str]) -> None:
    with files.atomic(by) as temporary:
        lines = (f"{digest}  {name}\n" for name, digest in digests.items())
        temporary.write_text("".join(lines), encoding="utf-8")


def _sums(by: Path) -> dict[str, str]:
    """{name: digest} of a seal; empty where it is missing or torn."""
    try:
        text = by.read_bytes().decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _unreadable(by, error, None) from None
    found = _LINE.findall(text)
    whole = "".join(f"{digest}  {name}\n" for digest, name in found) == text
    return {name: digest for digest, name in found} if whole else {}
