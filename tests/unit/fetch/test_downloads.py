"""Bounds of downloads, bodies that end early, downloads that are used again, and what is secret in an address."""

import contextlib
import hashlib
import os
import re
import types
from urllib.parse import unquote

import pytest
from helpers.fetching import REPO, checkpoint, probe, row

from knowcost.common import addresses
from knowcost.common.errors import InputError
from knowcost.fetch import bounds
from knowcost.fetch.model import fetch_model
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
    """Names, but for locks, seals and the notes of the hub's client."""
    found = [path.name for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts]
    return [name for name in found if name != ".lock" and not name.endswith((".sha256", "SHA256SUMS"))]


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
    with pytest.raises(InputError, match=r"probe: .*b\.txt: .*neither a length nor chunks.*sha256"):
        fetch_benchmark_source(probe(f"{server.url}/b.txt"), tmp_path)
    right, cut = (hashlib.sha256(text).hexdigest() for text in (b"one\n", b"one\ntwo\n"))
    with pytest.raises(InputError, match=r"sha256 .*Deleted"):
        fetch_benchmark_source(probe(f"{server.url}/b.txt", sha256=cut), tmp_path)
    assert not files_in(tmp_path)
    assert fetch_benchmark_source(probe(f"{server.url}/b.txt", sha256=right), tmp_path).read_bytes() == b"one\n"


@pytest.mark.parametrize("how", [{"Content_Length": "1001"}, {"Transfer_Encoding": "chunked"}, {"Connection": "close"}])
def test_too_large(server, tmp_path, how):
    body = [chunk(b"x" * 1001), chunk(b"")] if "Transfer_Encoding" in how else [b"x" * 1001]
    server.plain["/b.txt"] = told(*body, **how)
    row = probe(f"{server.url}/b.txt", sha256=hashlib.sha256(b"x" * 1001).hexdigest())
    with pytest.raises(InputError, match=r"probe: .*b\.txt: .*download_gb allows 1e-06"):
        fetch_benchmark_source(row, tmp_path, 1000)
    assert not files_in(tmp_path) and len(server.asked) == 1
    assert fetch_benchmark_source(row, tmp_path, 1001).stat().st_size == 1001


def test_a_size_that_is_announced_is_refused_before_it_comes(server, tmp_path):
    server.plain["/b.txt"] = told(Content_Length=str(10**15))  # and nothing comes
    with pytest.raises(InputError, match=r"1e\+06 GB or more"):
        fetch_benchmark_source(probe(f"{server.url}/b.txt"), tmp_path)
    assert len(server.asked) == 1


@pytest.mark.filterwarnings("ignore:Not enough free disk space")  # as huggingface_hub says it, and goes on
@pytest.mark.parametrize("kind", ["address", "data set", "model"])
def test_no_room_on_the_disk(server, tmp_path, monkeypatch, kind):
    free = types.SimpleNamespace(free=10)
    monkeypatch.setattr(bounds.shutil, "disk_usage", lambda folder: free)
    with pytest.raises(InputError, match=rf"{kind_of(kind)}.*disk of {tmp_path}.* 1e-08 GB free; make room"):
        bring(kind, server, tmp_path)
    assert not [name for name in files_in(tmp_path) if name != "lock"]
    free.free = 10**6
    bring(kind, server, tmp_path)


@pytest.mark.parametrize("kind", ["address", "data set", "model"])
def test_announced_by_each_kind_of_source(server, tmp_path, kind):
    with pytest.raises(InputError, match=rf"{kind_of(kind)}.*GB or more, and download_gb allows 1e-08; raise"):
        bring(kind, server, tmp_path, 10)
    assert not files_in(tmp_path)
    gets = [path for method, path, _ in server.asked if method == "GET" and "/api/" not in path]
    assert len(gets) <= (kind != "model")  # of which the body is not read


def kind_of(kind):
    return {
        "address": r"probe: .*b\.txt",
        "data set": r"probe: b\.txt of (data set )?org/data",
        "model": "tiny: .*org/tiny",
    }[kind]


def bring(kind, server, tmp_path, most=bounds.MOST):
    if kind == "model":
        server.add(REPO, checkpoint())
        return fetch_model(row(), tmp_path / "model", lock_path=tmp_path / "lock", most=most)
    server.plain["/b.txt"] = b"a text of some bytes"
    server.add("org/data", {"b.txt": b"a text of some bytes"})
    source = f"{server.url}/b.txt" if kind == "address" else "hf://datasets/org/data/b.txt"
    return fetch_benchmark_source(probe(source), tmp_path, most)


def test_a_file_of_the_hub_that_brings_more_than_the_hub_records(server, tmp_path):
    server.add(REPO, checkpoint())
    sent = []

    def endless(handler):
        handler.send_response(200)
        for key, value in {"X-Repo-Commit": "0" * 40, "ETag": '"0"', "Transfer-Encoding": "chunked"}.items():
            handler.send_header(key, value)
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(300 if handler.command == "GET" else 0):
                sent.append(handler.wfile.write(chunk(bytes(10**6))))

    commit = server.branches[REPO]["main"]
    server.plain[f"/{REPO}/resolve/{commit}/vocab.txt"] = endless
    with pytest.raises(
        InputError, match=r"tiny: vocab\.txt of org/tiny .*GB or more, and the hub.s list of files says 5.2e-08"
    ):
        fetch_model(row(), tmp_path / "model", lock_path=tmp_path / "lock")
    assert len(sent) < 200 and not (tmp_path / "model/vocab.txt").exists()


# downloads that are used again


@pytest.mark.parametrize("kind", ["address", "data set"])
@pytest.mark.parametrize("harm", ["bit", "cut", "seal", "no seal"])
def test_a_damaged_download_is_fetched_anew(server, tmp_path, caplog, kind, harm):
    file = bring(kind, server, tmp_path)
    before, seal = file.read_bytes(), file.with_name("b.txt.sha256")
    times = os.stat(file)
    if harm == "bit":
        file.write_bytes(bytes([before[0] ^ 4]) + before[1:])
    elif harm == "cut":
        file.write_bytes(before[:5])
    elif harm == "seal":
        seal.write_bytes(b"0" + seal.read_bytes()[1:])
    else:
        seal.unlink()
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # as on a bad disk
    assert bring(kind, server, tmp_path).read_bytes() == before
    assert seal.read_text() == f"{hashlib.sha256(before).hexdigest()}  b.txt\n"
    assert [r.message for r in caplog.records if re.search(r"b\.txt is damaged .*; fetching it anew$", r.message)]
    asked = len(server.downloads("b.txt"))
    assert asked == (1 if kind == "data set" and "seal" in harm else 2)  # of which the hub says that it is right
    bring(kind, server, tmp_path)
    assert len(server.downloads("b.txt")) == asked


def test_a_damaged_download_that_cannot_be_had_again_is_not_used(server, tmp_path):
    bring("address", server, tmp_path).write_bytes(b"other")
    server.fail("b.txt", 404)
    with pytest.raises(InputError, match=r"b\.txt: .*404"):
        fetch_benchmark_source(probe(f"{server.url}/b.txt"), tmp_path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/%2e%2e", "download"),
        ("/a/.lock", "download"),
        ("/.hidden.csv", "download.csv"),
        ("/a%00b%0Ac.txt", "a_b_c.txt"),
        ("/a%2F..%2Fb.txt", "b.txt"),
        ("/" + "x" * 300 + ".jsonl", "download.jsonl"),
        ("/", "download"),
    ],
)
def test_what_a_download_is_called(server, tmp_path, path, name):
    server.plain[unquote(path)] = b"text"
    file = fetch_benchmark_source(probe(f"{server.url}{path}"), tmp_path)
    assert (file.name, file.parent.parent, file.read_bytes()) == (name, tmp_path, b"text")


def test_a_path_that_leaves_its_data_set(server, tmp_path):
    with pytest.raises(InputError, match="expected hf://datasets/"):
        fetch_benchmark_source(probe("hf://datasets/org/data/../../x"), tmp_path)


# what is secret


def test_a_query_is_sent_and_not_shown(server, tmp_path, monkeypatch, caplog):
    caplog.set_level("DEBUG", logger="knowcost")
    source = f"{server.url}/b.txt?token=planted"
    shown = addresses.hidden(source)
    monkeypatch.setattr("os.environ", dict(os.environ))
    addresses.hand_down([source])
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


# files of data sets


@pytest.mark.parametrize("name", ["b.txt", "b.model"])  # of which the hub records git's hash, and the sha256
def test_a_file_of_a_data_set_that_is_not_what_the_hub_records(server, tmp_path, name):
    server.add("org/data", {name: b"what the hub records"})
    server.bodies[name] = b"something else as long"[:20]
    row = probe(f"hf://datasets/org/data/{name}")
    with pytest.raises(InputError, match=rf"{name}: (git hash|sha256) [0-9a-f]+, but the hub records .*deleted"):
        fetch_benchmark_source(row, tmp_path)
    assert not files_in(tmp_path)
    server.bodies.clear()
    assert fetch_benchmark_source(row, tmp_path).read_bytes() == b"what the hub records"


def test_a_data_set_that_is_here_is_used_while_the_hub_is_away(server, tmp_path, caplog):
    row, file = probe("hf://datasets/org/data/b.txt"), bring("data set", server, tmp_path)
    server.fail("b.txt", 503)
    assert fetch_benchmark_source(row, tmp_path) == file
    assert "the hub keeps answering HTTP 503" in caplog.text and "the one that is here is used" in caplog.text
    file.write_bytes(b"changed")
    with pytest.raises(InputError, match="HTTP 503"):
        fetch_benchmark_source(row, tmp_path)
    server.failures.clear()
    server.fail("b.txt", 404, code="EntryNotFound")
    with pytest.raises(InputError, match="no such file"):
        fetch_benchmark_source(row, tmp_path)
