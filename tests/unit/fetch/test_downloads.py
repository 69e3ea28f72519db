"""Bounds of downloads and of what they unpack to, bodies that end early, and what is secret in an address."""

import hashlib
import io
import struct
import zipfile

import pytest
from helpers.fetching import probe, tarred, zipped

from knowcost.common import addresses, reading
from knowcost.common.errors import InputError
from knowcost.fetch import unpack
from knowcost.fetch.source import fetch_benchmark_source

# bounds, and bodies that end early


def told(*pieces, **headers):
    """An answer of these headers and raw pieces, after which the connection ends."""

    def answer(handler):
        handler.send_response(200)
        for key, value in headers.items():
            handler.send_header(key.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(b"".join(pieces))
        handler.close_connection = True

    return answer


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def files_in(folder):
    return [path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


def test_chunks_without_an_end(server, tmp_path):
    whole = told(chunk(b"one\n"), chunk(b"two\n"), chunk(b""), Transfer_Encoding="chunked")
    cut = told(chunk(b"one\n"), Transfer_Encoding="chunked")
    answers = [cut, whole]
    server.plain["/b.txt"] = lambda handler: answers.pop(0)(handler)
    assert fetch_benchmark_source(probe(f"{server.url}/b.txt"), tmp_path / "a").read_bytes() == b"one\ntwo\n"
    server.plain["/b.txt"] = cut
    with pytest.raises(InputError, match=r"probe: .*b\.txt: .*(incomplete|without sending)"):
        fetch_benchmark_source(probe(f"{server.url}/b.txt"), tmp_path / "b")
    assert not files_in(tmp_path / "b")


def test_without_length_or_chunks_only_a_sha256_tells_a_cut(server, tmp_path):
    server.plain["/b.txt"] = told(b"one\n", Connection="close")
    assert fetch_benchmark_source(probe(f"{server.url}/b.txt"), tmp_path / "a").read_bytes() == b"one\n"
    with pytest.raises(InputError, match=r"sha256 .*Deleted"):
        fetch_benchmark_source(
            probe(f"{server.url}/b.txt", sha256=hashlib.sha256(b"one\ntwo\n").hexdigest()), tmp_path / "b"
        )
    assert not files_in(tmp_path / "b")


@pytest.mark.parametrize("how", [{"Content_Length": "1001"}, {"Transfer_Encoding": "chunked"}, {"Connection": "close"}])
def test_too_large(server, tmp_path, how):
    body = [chunk(b"x" * 1001), chunk(b"")] if "Transfer_Encoding" in how else [b"x" * 1001]
    server.plain["/b.txt"] = told(*body, **how)
    with pytest.raises(InputError, match=r"probe: .*b\.txt: .*download_gb allows 1e-06"):
        fetch_benchmark_source(probe(f"{server.url}/b.txt"), tmp_path, 1000)
    assert not files_in(tmp_path) and len(server.asked) == 1
    assert fetch_benchmark_source(probe(f"{server.url}/b.txt"), tmp_path, 1001).stat().st_size == 1001


def test_a_size_that_is_announced_is_refused_before_it_comes(server, tmp_path):
    server.plain["/b.txt"] = told(Content_Length=str(10**15))  # and nothing comes
    with pytest.raises(InputError, match=r"1e\+06 GB or more"):
        fetch_benchmark_source(probe(f"{server.url}/b.txt"), tmp_path)
    assert len(server.asked) == 1


def deflated(contents):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in contents.items():
            z.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_archives_that_hold_too_much(server, tmp_path, monkeypatch, kind):
    contents = {name: name.encode() * 400 for name in "abc"}
    server.plain[f"/b.{kind}"] = {"zip": zipped, "tar": tarred}[kind](contents)
    source, room = probe(f"{server.url}/b.{kind}"), 20_000  # for the archive itself
    fetch_benchmark_source(source, tmp_path, room)
    (archive,) = tmp_path.glob(f"*/b.{kind}")
    with pytest.raises(InputError, match=r"holds 1\.2e-06 GB, and download_gb allows 1\.199e-06"):
        unpack.folder_of(source, archive.rename(tmp_path / f"again.{kind}"), 1199)
    monkeypatch.setattr(unpack, "MOST_MEMBERS", 2)
    with pytest.raises(InputError, match=r"again.*3 members, more than 2"):
        unpack.folder_of(source, tmp_path / f"again.{kind}", room)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("again")) == [f"again.{kind}"]


def test_a_zip_bomb(server, tmp_path, monkeypatch):
    server.plain["/b.zip"] = deflated({"zeros": bytes(10**6)})  # a thousandth
    monkeypatch.setattr(reading, "UNSUSPECTED", 10**6)
    assert fetch_benchmark_source(probe(f"{server.url}/b.zip"), tmp_path / "a").is_dir()
    monkeypatch.setattr(reading, "UNSUSPECTED", 10**6 - 1)
    with pytest.raises(InputError, match=r"b\.zip: unpacks to 1,000,000 bytes or more, over 200 times"):
        fetch_benchmark_source(probe(f"{server.url}/b.zip"), tmp_path / "b")
    assert files_in(tmp_path / "b") == ["b.zip"]


def test_a_zip_that_says_less_than_it_holds(server, tmp_path):
    packed = bytearray(deflated({"zeros": bytes(10**6)}))
    for mark, place in ((b"PK\1\2", 24), (b"PK\3\4", 22)):  # where both headers have the size
        start = packed.index(mark) + place
        assert struct.unpack_from("<I", packed, start) == (10**6,)
        struct.pack_into("<I", packed, start, 10)
    server.plain["/b.zip"] = bytes(packed)
    with pytest.raises(InputError, match=r"not a zip.*CRC.*deleted"):
        fetch_benchmark_source(probe(f"{server.url}/b.zip"), tmp_path)
    assert not files_in(tmp_path)


# what is secret


def test_a_query_is_sent_and_not_shown(server, tmp_path, monkeypatch, caplog):
    caplog.set_level("DEBUG", logger="knowcost")
    source = f"{server.url}/b.txt?token=planted"
    shown = addresses.hidden(source)
    monkeypatch.setenv(addresses.VARIABLE, "{}")
    addresses.hand_down({shown: source})
    server.plain["/b.txt"] = b"text"
    server.fail("/b.txt", 503, times=1)
    assert fetch_benchmark_source(probe(shown), tmp_path / "a").read_bytes() == b"text"
    assert [path for _, path, _ in server.asked] == ["/b.txt?token=planted"] * 2
    for status in (404, 503):
        server.fail("/b.txt", status)
        with pytest.raises(InputError) as said:
            fetch_benchmark_source(probe(shown), tmp_path / "b")
        assert shown in str(said.value) and said.value.__suppress_context__
        assert "planted" not in str(said.value) + caplog.text
        server.failures.clear()
    with pytest.raises(InputError, match=r"only a \.zip") as said:
        fetch_benchmark_source(probe(f"{source}#inside"), tmp_path / "a")
    assert "planted" not in str(said.value)


def test_logins_come_from_netrc(server, tmp_path, monkeypatch):
    login = tmp_path / "netrc"
    login.write_text("machine 127.0.0.1 login me password planted\nmachine b.example login you password other\n")
    login.chmod(0o600)
    server.plain["/b.txt"] = b"text"
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    fetch_benchmark_source(probe(f"{server.url}/b.txt"), tmp_path / "a")
    monkeypatch.setenv("NETRC", str(login))
    fetch_benchmark_source(probe(f"{server.url}/b.txt"), tmp_path / "b")
    sent = [headers.get("Authorization") for headers in server.downloads("/b.txt")]
    assert sent == [None, "Basic bWU6cGxhbnRlZA=="]  # me:planted, by base64(1)
    login.write_text("machine 127.0.0.1 login me pass planted")
    with pytest.raises(InputError, match=r"netrc: bad follower token.*NETRC") as said:
        fetch_benchmark_source(probe(f"{server.url}/b.txt"), tmp_path / "c")
    assert "planted" not in str(said.value)
