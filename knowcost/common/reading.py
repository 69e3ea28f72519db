"""From a file to its text: the only place where what people bring is opened, decoded and parsed.

Text is UTF-8, with or without a byte-order mark, gzipped where the name ends in .gz. Anything else is an InputError
that names file and line. Rows with names, and Parquet, are in records.py.
"""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from knowcost.common.errors import InputError

PLAIN = (".txt", ".raw")  # suffixes of files that are text and nothing else
LONGEST_CELL = 2**31 - 1  # characters; csv's own limit is 131,072, which an article passes
BYTE_ORDER_MARK = "\ufeff"
TRUNCATED = "a truncated download looks like this: delete the file and fetch it again"
RATIO, UNSUSPECTED = 200, 100e6  # text packs to a tenth, what is made to fill a disk to a thousandth
PACKED = {b"\xfd7zXZ": "xz", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstandard", b"\x1f\x8b": "gzip", b"PK\3\4": "zip"}
SHOWN = 200  # characters that a message shows of what was found

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')


def suffix(path: Path) -> str:
    """The suffix that says how a file is read: in lower case, without .gz."""
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def shown(value: Any) -> str:
    """A value as a message shows it: its repr, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} [...]"


def lines(path: Path) -> Iterator[tuple[str, str]]:
    r"""Yield `("<file>:<line>", line)`; a line ends with \n, \r\n or \r as it stands in the file, the last may not.

    Raises InputError where the file cannot be opened, is not a whole gzip file, or is no text in UTF-8.
    """
    number = 0
    for stretch in _up_to_line_feed(path):
        if not number and (packed := [name for mark, name in PACKED.items() if stretch.startswith(mark)]):
            raise InputError(
                f"{path}: holds {packed[0]}, not text; unpack it (here only what ends in .gz is, and once)"
            )
        try:
            text = stretch.decode()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}:{number + 1}: not UTF-8: {_why(stretch, error)}; save the file as UTF-8"
            ) from None
        if "\0" in text:
            raise InputError(f"{path}:{number + 1}: holds NUL, as UTF-16 does and UTF-8 does not; save it as UTF-8")
        if not number:
            text = text.removeprefix(BYTE_ORDER_MARK)
        for line in io.StringIO(text, newline="") if "\r" in text else [text]:
            number += 1
            yield f"{path}:{number}", line


def _why(stretch: bytes, error: UnicodeDecodeError) -> str:
    if stretch.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "it begins as UTF-16 does"
    return f"byte {stretch[error.start]:#x} after {stretch[max(0, error.start - 20) : error.start]!r}"


def check_ratio(path: Path, unpacked: int) -> None:
    """Raise InputError when a packed file unpacks to so many bytes as no file of texts does."""
    if unpacked > UNSUSPECTED and unpacked > RATIO * path.stat().st_size:
        raise InputError(
            f"{path}: unpacks to {unpacked:,} bytes or more, over {RATIO} times its size, as no file of texts does; "
            "do not trust it. If it is right, unpack it by hand (of Parquet, make JSON lines) and name what it holds"
        )


class _Unpacked(io.RawIOBase):
    """What a gzip file holds, as far as that is in proportion to the file."""

    def __init__(self, path: Path) -> None:
        self._path, self._file, self._so_far = path, gzip.GzipFile(path), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        got = self._file.readinto(buffer)
        self._so_far += got
        check_ratio(self._path, self._so_far)
        return got

    def close(self) -> None:
        self._file.close()
        super().close()


def _up_to_line_feed(path: Path) -> Iterator[bytes]:
    try:
        packed = path.name.lower().endswith(".gz")
        with io.BufferedReader(_Unpacked(path), 1 << 17) if packed else open(path, "rb") as f:
            yield from f
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: not a whole gzip file ({error}); fetch it again") from None
    except (IsADirectoryError, FileNotFoundError, PermissionError) as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected one file") from None


def plain(path: Path) -> list[str]:
    r"""The lines of a text, each with the \n that ends it, whatever ended it in the file."""
    return [re.sub(r"\r\n?$", "\n", line) for _, line in lines(path)]


def parsed(where: str, text: str) -> Any:
    """What a line of JSON says. Raises InputError, beginning with `where`, where it is none or says no text."""
    value = _loads(text, where, [where])
    _refuse_half_characters(where, text)
    return value


def document(path: Path) -> Any:
    """What a file that is one JSON document says. Raises InputError, naming file and line."""
    placed = list(lines(path))
    value = _loads("".join(line for _, line in placed), str(path), [where for where, _ in placed] or [f"{path}:1"])
    for where, line in placed:
        _refuse_half_characters(where, line)
    return value


def _loads(text: str, whole: str, of_line: Sequence[str]) -> Any:
    """whole, of_line: where the text stands, and where each of its lines does."""
    try:
        return json.loads(text, object_pairs_hook=_each_key_once)
    except json.JSONDecodeError as error:
        where = of_line[min(error.lineno, len(of_line)) - 1]  # a text that was cut ends in the line after its last
        raise InputError(f"{where}: not valid JSON ({error}); {TRUNCATED}") from None
    except (ValueError, RecursionError) as error:  # a key twice, a number of more digits than Python takes
        raise InputError(f"{whole}: not readable as JSON: {error}") from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs. JSON lets a key stand twice, and its readers disagree on which of the two counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a key stands twice in one object: {shown([key for key, _ in pairs])}")
    return found


def _refuse_half_characters(where: str, line: str) -> None:
    r"""Half of a surrogate pair ("\ud83d") is JSON but no text: neither UTF-8 nor a tokenizer can say it."""
    try:
        for string in _STRING.findall(line) if _SURROGATE.search(line) else ():
            json.loads(string).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise InputError(f"{where}: {half!r} is half of a surrogate pair, not a character; mend the text") from None


def cells(path: Path, delimiter: str = ",", comment: str | None = None) -> Iterator[tuple[str, list[str]]]:
    """Yield `("<file>:<first line>", cells)` for each row of a CSV file that says something.

    comment: what begins a line between rows that is none. Raises InputError for quotes that do not match.
    """
    csv.field_size_limit(LONGEST_CELL)
    row: list[tuple[str, str]] = []  # the lines of the row that is being read, each with its place

    def fed() -> Iterator[str]:
        for where, line in lines(path):
            if row or comment is None or not line.startswith(comment):
                row.append((where, line))
                yield line

    reader = csv.reader(fed(), delimiter=delimiter, strict=True)
    while True:
        row.clear()
        try:
            found = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(
                f"{row[0][0]}: not CSV ({error}): a quote that begins a cell is not closed, or its cell goes on behind "
                'the next one; inside a quoted cell a quote is written twice ("")'
            ) from None
        if any(cell.strip() for cell in found) or (len(found) == 1 and row[0][1].strip()):  # "" is a cell
            yield row[0][0], found
