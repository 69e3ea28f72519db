"""No network: said at once, after one try. The tries are counted where Python's standard library connects."""

import contextlib
import logging
import re
import socket

import httpx2
import pytest
from helpers.fetching import REPO, checkpoint, row
from helpers.hub_server import HubServer

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


# where a redirect may lead

INSIDE = [
    "http://127.0.0.1:9/x",
    "https://127.0.0.1/x",
    "https://localhost/x",
    "https://me.localhost./x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://127.1/x",
    "https://2130706433/x",
    "https://0x7f.1/x",
    "https://0.0.0.0/x",
    "https://10.1.2.3/x",
    "https://172.16.0.1/x",
    "https://192.168.1.1/x",
    "https://169.254.169.254/latest/meta-data",
    "https://[fe80::1]/x",
    "https://[fd00::1]/x",
    "https://\uff11\uff12\uff17.0.0.1/x",  # digits in full width
    "https://127.0.0.1./x",
    "https://100.100.100.200/x",
    "//127.0.0.1/x",
    "https://a.example@127.0.0.1/x",
    "http://files.example/x",  # no longer https
    "ftp://files.example/x",
]


def _redirecting(target, start="https://files.example/start"):
    """A client whose `start` leads to the target, and [url] of what was asked."""
    asked = []

    def answer(request):
        asked.append(str(request.url))
        return (
            httpx2.Response(302, headers={"Location": target.encode()})
            if str(request.url) == start
            else httpx2.Response(200)
        )

    return network.Client(source=start, transport=httpx2.MockTransport(answer)), asked


@pytest.mark.parametrize("target", INSIDE)
def test_a_redirect_inside_is_not_asked(monkeypatch, target):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    client, asked = _redirecting(target)
    with pytest.raises((network.Refused, httpx2.UnsupportedProtocol, httpx2.RemoteProtocolError)):
        client.get("https://files.example/start")
    assert asked == ["https://files.example/start"]


@pytest.mark.parametrize("target", ["https://cdn.example/x", "https://8.8.8.8/x", "https://[2606:4700::1]/x", "/x"])
def test_a_redirect_out_in_the_world_is_followed(monkeypatch, target):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    client, asked = _redirecting(target)
    assert client.get("https://files.example/start").status_code == 200 and len(asked) == 2


@pytest.mark.parametrize("named", ["http://127.0.0.1:8001", "https://10.1.2.3", "http://mirror.lan:80"])
def test_what_hf_endpoint_names_is_asked_and_no_other_port(monkeypatch, named):
    monkeypatch.setenv("HF_ENDPOINT", named)
    client, asked = _redirecting(f"{named}/x")
    assert client.get("https://files.example/start").status_code == 200 and len(asked) == 2
    host = named.split("://")[1].split(":")[0]
    client, asked = _redirecting(f"http://{host}:9/x")
    with pytest.raises(network.Refused, match=rf"http://{host}:9/x: not asked"):
        client.get("https://files.example/start")
    assert len(asked) == 1


def test_a_login_stays_with_its_host(tmp_path):
    sent = {}

    def answer(request):
        sent[request.url.host] = request.headers.get("Authorization")
        there = {"Location": "https://cdn.example/x"}
        return httpx2.Response(302, headers=there) if request.url.host == "a.example" else httpx2.Response(200)

    client = network.Client(transport=httpx2.MockTransport(answer))
    client.get("https://a.example/x", headers={"Authorization": "Bearer planted"})
    assert sent == {"a.example": "Bearer planted", "cdn.example": None}


def test_other_servers_of_this_machine_hear_nothing(server, tmp_path, monkeypatch, caplog):
    """From a benchmark's address and from a hub, to a second server whose port nobody named."""
    caplog.set_level(logging.INFO)
    with HubServer() as other:
        other.plain["/x"] = b"text"
        server.plain["/start.txt"] = "/hop.txt"
        server.plain["/hop.txt"] = f"{other.url}/x?token=planted"
        with pytest.raises(InputError, match=rf"probe: .*start\.txt: {other.url}/x\?hidden-\w+: not asked") as said:
            _source(f"{server.url}/start.txt", tmp_path)
        assert [path for _, path, _ in server.asked] == ["/start.txt", "/hop.txt"]
        server.add(REPO, checkpoint())
        server.extra["vocab.txt"] = {"Location": f"{other.url}/x"}
        with pytest.raises(InputError, match=rf"tiny: vocab\.txt of {REPO} .*{other.url}/x: not asked"):
            fetch_model(row(), tmp_path / "model", lock_path=tmp_path / "lock")
        assert not other.asked and "planted" not in str(said.value)
        monkeypatch.setenv("HF_ENDPOINT", other.url)  # which names it
        _source(f"{server.url}/start.txt", tmp_path)
        assert len(other.asked) == 1


@pytest.mark.parametrize(
    ("endpoint", "host", "sent"),
    [
        ("https://mirror.example", "mirror.example", True),
        ("https://mirror.example", "huggingface.co", True),
        ("https://mirror.example", "cas.example", False),
        ("https://mirror.example", "mirror.example.cas.example", False),
        (None, "huggingface.co", True),
        (None, "cas-huggingface.co", False),
    ],
)
def test_the_token_goes_to_the_hub_alone(monkeypatch, endpoint, host, sent):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    if endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
    asked = []
    answer = httpx2.MockTransport(lambda request: asked.append(request) or httpx2.Response(200))
    client = network.Client(hooks=[network.keep_token], transport=answer)
    client.get(f"https://{host}/x")  # without a token anywhere
    refusal = pytest.raises(network.Refused, match=rf"https://{host}/x\?hidden-\w+: not asked")
    with contextlib.nullcontext() if sent else refusal as said:
        client.get(f"https://{host}/x?sig=planted", headers={"Authorization": "Bearer hf_planted"})
    assert len(asked) == 1 + sent and "planted" not in str(said and said.value)


def test_a_hub_that_sends_the_token_elsewhere(server, tmp_path, monkeypatch):
    """As where Xet storage says that access is to be had: huggingface_hub would ask there with the token."""
    monkeypatch.setenv("HF_TOKEN", "hf_planted")
    server.add(REPO, checkpoint())
    with HubServer() as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        server.extra["model.safetensors"] = {"X-Xet-Hash": "0" * 64, "X-Xet-Refresh-Route": f"{elsewhere}/x"}
        with pytest.raises(
            InputError, match=r"tiny: model\.safetensors of .*HF_TOKEN, which only the hub gets"
        ) as said:
            fetch_model(row(), tmp_path / "model", lock_path=tmp_path / "lock")
        assert not other.asked and "planted" not in str(said.value)
    assert server.asked[-1][2]["authorization"] == "Bearer hf_planted"


def test_certificates_that_are_none_are_said(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "nowhere.pem")
    with pytest.raises(InputError, match="SSL_CERT_FILE or SSL_CERT_DIR in the environment names none"):
        network.Client()
