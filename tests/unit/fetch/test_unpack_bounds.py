"""Archives: what they may hold, and folders of what they held that are used again."""

import contextlib
import io
import re
import struct
import types
import warnings
import zipfile

import pytest
from helpers.fetching import probe, tarred, zipped

from knowcost.common import reading
from knowcost.common.errors import InputError
from knowcost.fetch import bounds, unpack
from knowcost.fetch.source import fetch_benchmark_source

ROW = probe("https://a.example/b.zip")


def packed(members, how=zipfile.ZIP_DEFLATED):
    """A zip of [(name, bytes)], packed."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", how) as z:
        warnings.simplefilter("ignore")  # of names that stand twice
        for name, data in members:
            z.writestr(name, data)
    return buffer.getvalue()


def refused(tmp_path, data, match, name="b.zip", most=bounds.MOST):
    archive = tmp_path / name
    archive.write_bytes(data)
    with pytest.raises(InputError, match=match) as said:
        unpack.folder_of(ROW, archive, most)
    assert str(archive) in str(said.value)
    assert [path.name for path in tmp_path.iterdir()] in ([name], [])
    return archive


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_archives_that_hold_too_much(tmp_path, monkeypatch, kind):
    data = {"zip": zipped, "tar": tarred}[kind]({name: name.encode() * 400 for name in "abc"})
    refused(tmp_path, data, r"holds 1\.2e-06 GB or more, and download_gb allows 1\.199e-06", f"b.{kind}", 1199)
    monkeypatch.setattr(unpack, "MOST_MEMBERS", 2)
    refused(tmp_path, data, r"more than 2 members", f"b.{kind}")
    monkeypatch.setattr(unpack, "MOST_MEMBERS", 3)
    monkeypatch.setattr(bounds.shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=1199))
    archive = refused(tmp_path, data, r"holds 1\.2e-06 GB, and the disk of .* has 1\.2e-06 GB free", f"b.{kind}")
    monkeypatch.undo()
    assert sorted(path.name for path in unpack.folder_of(ROW, archive, 1200).glob("?")) == ["a", "b", "c"]


def test_a_zip_bomb(tmp_path, monkeypatch):
    data = packed([("zeros", bytes(10**6))])  # a thousandth
    monkeypatch.setattr(reading, "UNSUSPECTED", 10**6 - 1)
    archive = refused(tmp_path, data, r"b\.zip: unpacks to 1,000,000 bytes or more, over 200 times")
    refused(tmp_path, packed([("zeros", bytes(10**5))] * 10), r"unpacks to 1,000,000 bytes")  # under one name
    monkeypatch.setattr(reading, "UNSUSPECTED", 10**6)
    assert (unpack.folder_of(ROW, archive, bounds.MOST) / "zeros").stat().st_size == 10**5


def test_a_zip_that_says_less_than_it_holds(tmp_path):
    data = bytearray(packed([("zeros", bytes(10**6))]))
    for mark, place in ((b"PK\1\2", 24), (b"PK\3\4", 22)):  # where both headers have the size
        start = data.index(mark) + place
        assert struct.unpack_from("<I", data, start) == (10**6,)
        struct.pack_into("<I", data, start, 10)
    refused(tmp_path, bytes(data), r"not a zip.*CRC.*deleted")


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_of_which_zipfile_unpacks_more_than_it_is_asked_for(tmp_path, how):
    refused(tmp_path, packed([("zeros", bytes(10**6))], how), r"'zeros' is not packed by deflate")


def test_what_no_folder_can_hold(tmp_path):
    refused(tmp_path, packed([("a", b"1"), ("a/b", b"2")]), r"not a zip.*deleted")
    refused(tmp_path, packed([("a\nb", b"1")]), r"'a\\nb' has no name")
    locked = bytearray(packed([("a", b"1")], zipfile.ZIP_STORED))
    for mark, place in ((b"PK\1\2", 8), (b"PK\3\4", 6)):  # the flag of a password
        locked[locked.index(mark) + place] |= 1
    refused(tmp_path, bytes(locked), r"not a zip.*encrypted.*deleted")
    refused(tmp_path, tarred({"\udcff": b"1"}), r"has no name", "b.tar")


# folders that are used again


@pytest.mark.parametrize("harm", ["bit", "added", "missing", "no seal", None])
def test_a_folder_that_is_not_as_it_was_left_is_unpacked_anew(server, tmp_path, caplog, harm):
    server.plain["/b.zip"] = zipped({"in/a.txt": b"one", "b.txt": b"two"})
    folder = fetch_benchmark_source(probe(f"{server.url}/b.zip"), tmp_path)
    if harm == "bit":
        (folder / "in/a.txt").write_bytes(b"onf")
    elif harm == "added":
        (folder / "in/c.txt").write_bytes(b"three")
    elif harm:
        (folder / {"missing": "b.txt", "no seal": "SHA256SUMS"}[harm]).unlink()
    again = fetch_benchmark_source(probe(f"{server.url}/b.zip"), tmp_path)
    found = {path.relative_to(again).as_posix(): path.read_bytes() for path in again.rglob("*.txt")}
    assert found == {"in/a.txt": b"one", "b.txt": b"two"} and len(server.asked) == 1
    said = [r.message for r in caplog.records if re.search(r"; unpacking .*b\.zip anew$", r.message)]
    assert len(said) == (harm is not None)


def test_another_archive_at_its_place_is_unpacked(server, tmp_path, monkeypatch):
    """Also where the job was killed between the new archive and its seal."""
    row = probe("hf://datasets/org/data/b.zip")
    server.add("org/data", {"b.zip": zipped({"a.txt": b"old"})})
    assert (fetch_benchmark_source(row, tmp_path) / "a.txt").read_bytes() == b"old"
    server.add("org/data", {"b.zip": zipped({"a.txt": b"new"})})
    with monkeypatch.context() as killed, contextlib.suppress(KeyboardInterrupt):
        killed.setattr("knowcost.fetch.source.shutil.rmtree", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        fetch_benchmark_source(row, tmp_path)
    assert (fetch_benchmark_source(row, tmp_path) / "a.txt").read_bytes() == b"new"
