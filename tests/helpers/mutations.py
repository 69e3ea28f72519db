"""Small files of rows, written in every container that is read, and ways to spoil them."""

import codecs
import copy
import csv
import gzip
import io
import json
import os
from pathlib import Path

import hypothesis
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

FUZZ = os.environ.get("KNOWCOST_FUZZ")  # how many examples, of other seeds each time; without it few, the same ones

settings = hypothesis.settings(
    max_examples=int(FUZZ or 12),
    derandomize=FUZZ is None,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)

JUNK = [
    None, "", " ", "x", "A", "AB", "0", "1", "7", "true", "[MASK]", "[MASK] [MASK]", "_", "[X]", "\ud83d", "a\0b",
    "x" * 140_000, "\u2028", '"', "a,b\t|c", 0, 1, -1, 7, 10**30, 1.0, 0.5, float("nan"), float("inf"), True, False,
    [], [None], ["x"], ["x", "x"], ["", "y"], [["x"]], [{}], {}, {"text": ["x"]}, {"x": None},
]  # fmt: skip


NO_SUCH_FILE = (pa.ArrowException, UnicodeError, OverflowError, AttributeError, TypeError)  # by `serialized`


def serialized(name, value):
    """The bytes of a file: rows as its suffix says, a text as it is. NO_SUCH_FILE for what it cannot hold."""
    if isinstance(value, str):
        return value.encode()
    kind = Path(name).suffix
    if kind == ".json":
        return json.dumps(value, indent=1).encode()
    if kind in (".csv", ".tsv"):
        return _csv(value, "," if kind == ".csv" else "\t").encode("utf-8", "surrogatepass")
    if kind == ".parquet":
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(value), sink)
        return sink.getvalue()
    return "".join(json.dumps(row, ensure_ascii=number % 2 == 1 or _has_half(row)) + "\n" for number, row in
                   enumerate(value)).encode()  # fmt: skip


def _has_half(row):
    return "\\ud83d" in json.dumps(row)


def _csv(rows, delimiter):
    columns = list(dict.fromkeys(key for row in rows for key in row))
    sink = io.StringIO()
    writer = csv.writer(sink, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = [row.get(column) for column in columns]
        writer.writerow(["|".join(map(str, cell)) if isinstance(cell, list) else cell for cell in cells])
    return sink.getvalue()


def _places(value, place=()):
    """The places of a JSON value: keys and indices down to each part of it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*place, key)
        yield from _places(part, (*place, key))


def edited(draw, value):
    """Rows of which one part is removed, replaced, said twice, or has another name; sometimes one more."""
    value = _edited(draw, value)
    return _edited(draw, value) if draw(st.integers(0, 3)) == 3 else value


def _edited(draw, value):
    value = copy.deepcopy(value)
    places = list(_places(value))
    if not places:
        return value
    *above, key = draw(st.sampled_from(places))
    holder = value
    for step in above:
        holder = holder[step]
    how = draw(st.sampled_from(("remove", "set", "set", "set", "twice", "rename")))
    if how == "remove":
        del holder[key]
    elif how == "set":
        holder[key] = draw(st.sampled_from(JUNK))
    elif isinstance(holder, list):
        holder.insert(draw(st.integers(0, len(holder))), copy.deepcopy(holder[key]))
    elif how == "rename":
        holder[draw(st.sampled_from(("", "x", key.upper(), f" {key} ")))] = holder.pop(key)
    return value


def damaged(draw, content):
    """Bytes that were cut, emptied, doubled, encoded otherwise, or of which a few are others."""
    how = draw(st.sampled_from(("cut", "empty", "double", "replace", "insert", "remove", "encode", "line", "gzip")))
    at = draw(st.integers(0, max(0, len(content) - 1)))
    if how == "cut":
        return content[:at]
    if how == "empty":
        return b""
    if how == "double":
        return content + content
    if how == "replace":
        return content[:at] + draw(st.binary(min_size=1, max_size=1)) + content[at + 1 :]
    if how == "insert":
        marks = (b'"', b"\n", b"\r", b",", b"\t", b"|", b"\0", b"\xff", b"{", b"]", b"\\", codecs.BOM_UTF8)
        return content[:at] + draw(st.sampled_from(marks)) + content[at:]
    if how == "remove":
        return content[:at] + content[at + draw(st.integers(1, 9)) :]
    if how == "gzip":
        return gzip.compress(content, mtime=0)
    if how == "line":
        lines = content.splitlines(keepends=True)
        chosen = draw(st.permutations(lines)) if len(lines) < 50 else lines
        return b"".join(chosen[draw(st.integers(0, 1)) :])
    return _encoded(content, draw(st.sampled_from(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"))))


def _encoded(content, encoding):
    return content.decode("utf-8", "replace").encode(encoding, "replace")


HARMLESS = {
    "byte-order mark": lambda content: codecs.BOM_UTF8 + content,
    "line ends": lambda content: content.replace(b"\n", b"\r\n"),
    "blank lines": lambda content: content + b"\n  \n\r\n \n",
}


def put(folder, files):
    """Write {name: bytes} into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
