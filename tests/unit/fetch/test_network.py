"""No network: said at once, after one try. The tries are counted where Python's standard library connects."""

import re
import socket

import httpx2
import pytest
from helpers.fetching import REPO, row

from knowcost.common.errors import InputError
from knowcost.fetch import hub, network
from knowcost.fetch.model import fetch_model
from knowcost.fetch.source import fetch_benchmark_source

NO_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
LONGEST = 10  # seconds until no network is said
SOURCES = ["hf://datasets/org/data/test.parquet", "https://files.example/test.jsonl"]
PROXIES = [f"{kind}_proxy" for kind in ("http", "https", "all", "no")]


@pytest.fixture
def connections(server, monkeypatch):
    """[(host, seconds)] of every attempt to connect; each ends as `connections.error` says."""

    class Attempts(list):
        error = NO_NAME

    def connect(address, timeout=None, **_):
        attempts.append((address[0], timeout))
        raise attempts.error

    attempts = Attempts()
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)  # as log.setup has it
    network.for_hub()  # a client that has met nobody
    yield attempts
    network.for_hub()


def _source(source, folder):
    fetch_benchmark_source({"name": "probe", "source": source, "revision": "", "sha256": ""}, folder)


@pytest.mark.parametrize("error", [NO_NAME, ConnectionRefusedError(111, "Connection refused"), TimeoutError()])
@pytest.mark.parametrize("source", [REPO, *SOURCES])
def test_one_try_then_what_to_do(connections, tmp_path, error, source):
    connections.error = error
    with pytest.raises(InputError) as said:
        if source == REPO:
            fetch_model(row(), tmp_path / "model", lock_path=tmp_path / "lock")
        else:
            _source(source, tmp_path)
    [(host, seconds)] = connections
    assert host in ("hub.example", "files.example") and 0 < seconds <= LONGEST
    assert f"{host} cannot be reached ({error if str(error) else 'no answer'})" in str(said.value)
    assert re.match(r"tiny: |probe: ", str(said.value)) and "run again; or put a local file" in str(said.value)


@pytest.mark.parametrize("source", SOURCES)
def test_a_dead_proxy_is_named_without_its_password(connections, tmp_path, monkeypatch, source):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example:3128")
    network.for_hub()
    with pytest.raises(InputError, match=r"cannot be reached through HTTPS_PROXY=proxy\.example:3128") as said:
        _source(source, tmp_path)
    assert [host for host, _ in connections] == ["proxy.example"] and "secret" not in str(said.value)


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_no_proxy(connections, tmp_path, monkeypatch, source):
    monkeypatch.setenv("HTTPS_PROXY", "proxy:3128:1")
    network.for_hub()
    with pytest.raises(InputError, match=r"HTTPS_PROXY.*correct the variable"):
        _source(source, tmp_path)
    assert not connections


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("HF_ENDPOINT", "hub.example", "HF_ENDPOINT is 'hub.example'; expected an address"),
        ("", "", "HF_HUB_OFFLINE is set"),
    ],
)
def test_settings_that_reach_nobody(connections, tmp_path, monkeypatch, variable, value, message):
    if variable:
        monkeypatch.setenv(variable, value)
    else:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=message):
        _source(SOURCES[0], tmp_path)
    assert not connections


def test_what_is_here_is_used(connections, server, tmp_path, monkeypatch):
    server.add("org/data", {"test.parquet": b"here"})
    refuse, connect = socket.create_connection, socket.socket.connect
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setattr(socket, "create_connection", lambda address, *_, **__: _connected(connect, address))
    _source(SOURCES[0], tmp_path)
    monkeypatch.setattr(socket, "create_connection", refuse)
    network.for_hub()
    _source(SOURCES[0], tmp_path)
    assert len(connections) == 1


def _connected(connect, address):
    made = socket.socket()
    connect(made, address)
    return made


def test_a_host_that_has_answered_is_asked_again(monkeypatch):
    monkeypatch.setattr(hub, "WAITS", (0.01, 0.01, 0.01))
    answers = [httpx2.Response(200), httpx2.ConnectError("gone"), httpx2.Response(200), None]

    def answer(request):
        found = answers.pop(0) or httpx2.ConnectError("gone")
        if isinstance(found, Exception):
            raise found
        return found

    client = network.Client(transport=httpx2.MockTransport(answer))
    assert client.get("https://a.example/1").status_code == 200
    assert hub.retry(lambda: client.get("https://a.example/2"), "2").status_code == 200
    with pytest.raises(network.Unreachable, match=r"b\.example"):
        hub.retry(lambda: client.get("https://b.example/"), "3")
    assert not answers
