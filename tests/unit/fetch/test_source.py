"""Where benchmarks come from: files, addresses, data sets on a hub."""

import hashlib
import io
import tarfile
import threading

import pytest
from helpers.fetching import probe, tarred, zipped

from knowcost.common.errors import InputError
from knowcost.fetch import rows
from knowcost.fetch.source import fetch_benchmark_source

# benchmark sources


def test_local_benchmark(tmp_path):
    file = tmp_path / "b.jsonl"
    assert rows.benchmark_inputs(probe(file)) == [str(file)]
    assert not any(rows.benchmark_inputs(probe(source)) for source in ("https://a/b.zip", "hf://datasets/a/b/c"))
    with pytest.raises(InputError, match=r"probe.*no file or folder"):
        fetch_benchmark_source(probe(file), tmp_path / "downloads")
    file.write_bytes(b"{}")
    assert fetch_benchmark_source(probe(file), tmp_path / "downloads") == file
    with pytest.raises(InputError, match="sha256 column"):
        fetch_benchmark_source(probe(file, sha256="0" * 64), tmp_path / "downloads")
    assert file.exists()


def test_url(server, tmp_path):
    server.plain["/data/b c.jsonl"] = b"hello"
    server.fail("/data/", 503, times=2)
    good = probe(f"{server.url}/data/b%20c.jsonl?x=1", sha256=hashlib.sha256(b"hello").hexdigest())
    file = fetch_benchmark_source(good, tmp_path)
    assert (file.name, file.read_bytes()) == ("b c.jsonl", b"hello")
    assert file.parent.name == hashlib.sha256(good["source"].encode()).hexdigest()[:16]
    server.asked.clear()
    assert fetch_benchmark_source(good, tmp_path) == file and not server.asked
    with pytest.raises(InputError, match=r"sha256 2cf24dba5f.*says 00000"):
        fetch_benchmark_source({**good, "sha256": "0" * 64}, tmp_path)
    with pytest.raises(InputError, match=r"404.*source column"):
        fetch_benchmark_source(probe(f"{server.url}/none.jsonl"), tmp_path)
    with pytest.raises(InputError, match=r"only a \.zip"):
        fetch_benchmark_source(probe(f"{good['source']}#inside"), tmp_path)
    with pytest.raises(InputError, match="https://"):
        fetch_benchmark_source(probe("http://example.org/b.jsonl"), tmp_path)
    server.plain["/moved.jsonl"] = server.url.replace("127.0.0.1", "127.1") + "/data/b%20c.jsonl"
    with pytest.raises(InputError, match=r"http://127\.1:.*https://"):  # to http on what does not count as loopback
        fetch_benchmark_source(probe(f"{server.url}/moved.jsonl"), tmp_path)


def test_short_url_download_leaves_nothing(server, tmp_path):
    server.plain["/b.jsonl"] = b"0123456789"
    server.cut[None] = 4
    file = fetch_benchmark_source(probe(f"{server.url}/b.jsonl"), tmp_path / "a")
    assert file.read_bytes() == b"0123456789" and len(server.downloads("/b.jsonl")) == 2
    server.fail("/b.jsonl", 503)
    with pytest.raises(InputError, match="503"):
        fetch_benchmark_source(probe(f"{server.url}/b.jsonl"), tmp_path / "b")
    assert [p.name for p in (tmp_path / "b").rglob("*") if p.is_file()] in ([], [".lock"])


def test_threads_share_a_zip(server, tmp_path):
    members = {f"data/{name}/test.jsonl": name.encode() for name in "abcd"}
    server.plain["/lama.zip"] = zipped(members)
    found, start = {}, threading.Barrier(4)

    def job(name):
        start.wait()
        found[name] = fetch_benchmark_source(probe(f"{server.url}/lama.zip#data/{name}"), tmp_path)

    threads = [threading.Thread(target=job, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: (path / "test.jsonl").read_text() for name, path in found.items()} == {n: n for n in "abcd"}
    assert len(server.downloads("/lama.zip")) == 1
    whole = fetch_benchmark_source(probe(f"{server.url}/lama.zip"), tmp_path)
    assert sorted(p.name for p in (whole / "data").iterdir()) == list("abcd")
    for inside in ("data/e", "../../outside"):
        with pytest.raises(InputError, match=r"in the archive, which holds data"):
            fetch_benchmark_source(probe(f"{server.url}/lama.zip#{inside}"), tmp_path)


@pytest.mark.parametrize("member", ["../../evil.txt", "/evil.txt", "a/../../evil.txt"])
def test_zip_that_reaches_out(server, tmp_path, member):
    server.plain["/bad.zip"] = zipped({"fine.txt": b"1", member: b"2"})
    with pytest.raises(InputError, match="outside its folder"):
        fetch_benchmark_source(probe(f"{server.url}/bad.zip"), tmp_path / "downloads")
    assert not list(tmp_path.rglob("*.txt"))


def test_tar(server, tmp_path):
    server.plain["/data.tar"] = tarred({"data/test/a.csv": b"q,1,2,3,4,A", "data/dev/a.csv": b""})
    found = fetch_benchmark_source(probe(f"{server.url}/data.tar#data"), tmp_path)
    assert (found / "test/a.csv").read_bytes() == b"q,1,2,3,4,A"
    server.plain["/out.tar"] = tarred({"../x": b"1"})
    with pytest.raises(InputError, match="outside its folder"):
        fetch_benchmark_source(probe(f"{server.url}/out.tar"), tmp_path)
    link = tarfile.TarInfo("inside")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as t:
        t.addfile(link)
    server.plain["/link.tar"] = buffer.getvalue()
    with pytest.raises(InputError, match="'inside' is a link"):
        fetch_benchmark_source(probe(f"{server.url}/link.tar"), tmp_path)
    server.plain["/no.tar"] = b"<html>"
    with pytest.raises(InputError, match=r"not a tar.*deleted"):
        fetch_benchmark_source(probe(f"{server.url}/no.tar"), tmp_path)


def test_zip_that_is_none(server, tmp_path):
    server.plain["/bad.zip"] = b"<html>"
    with pytest.raises(InputError, match=r"not a zip.*deleted"):
        fetch_benchmark_source(probe(f"{server.url}/bad.zip"), tmp_path)
    server.plain["/bad.zip"] = zipped({"a.txt": b"1"})
    assert (fetch_benchmark_source(probe(f"{server.url}/bad.zip"), tmp_path) / "a.txt").exists()


def test_data_set_on_the_hub(server, tmp_path):
    commit = server.add("org/data", {"parts/test.parquet": b"old"})
    server.add("org/data", {"parts/test.parquet": b"new"})
    source = "hf://datasets/org/data/parts/test.parquet"
    assert fetch_benchmark_source(probe(source), tmp_path).read_bytes() == b"new"
    assert fetch_benchmark_source(probe(source, revision=commit), tmp_path).read_bytes() == b"old"
    with pytest.raises(InputError, match="expected hf://datasets/"):
        fetch_benchmark_source(probe("hf://datasets/org/data"), tmp_path)
    with pytest.raises(InputError, match=r"probe: none.parquet.*no such file"):
        fetch_benchmark_source(probe("hf://datasets/org/data/none.parquet"), tmp_path)
