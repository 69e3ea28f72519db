"""What of an address may be shown: users, passwords and queries may not."""

import hashlib
import logging

import pytest

from knowcost.common import addresses
from knowcost.common.log import _Formatter

DIGEST = hashlib.sha256(b"token=planted&x=1").hexdigest()[:12]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://a.example/b.zip?token=planted&x=1", f"https://a.example/b.zip?hidden-{DIGEST}"),
        ("https://a.example/b.zip?token=planted&x=1#in/side?", f"https://a.example/b.zip?hidden-{DIGEST}#in/side?"),
        (f"https://a.example/b.zip?hidden-{DIGEST}", f"https://a.example/b.zip?hidden-{DIGEST}"),
        ("https://a.example/b.zip#in?side", "https://a.example/b.zip#in?side"),
        ("https://a.example/b?", "https://a.example/b?"),
        ("hf://datasets/a/b/what?.txt", "hf://datasets/a/b/what?.txt"),
        ("./what?.txt", "./what?.txt"),
    ],
)
def test_hidden(address, shown):
    assert addresses.hidden(address) == shown


@pytest.mark.parametrize(
    "address",
    [
        "https://me:planted@a.example/b",
        "https://planted@a.example/b",
        "https://me:pl/anted@a.example/b",
        "hf://me@datasets/a/b/c",
        "HTTPS://me:planted@a.example",
    ],
)
def test_logins(address):
    assert addresses.has_login(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://a.example:8080/npm/pkg@1.2/x",
        "http://[::1]:80/x",
        "https://a.example/x?mail=me@b",
        "org/name",
        "~me/x@y",
    ],
)
def test_no_logins(address):
    assert not addresses.has_login(address)


@pytest.mark.parametrize(
    "line",
    [
        'HTTP Request: GET https://a.example/b?token=planted "HTTP/1.1 200 OK"',
        "Client error for url 'https://me:planted@a.example/b?sig=planted#part'",
        "see http://a.example?planted: not found",
    ],
)
def test_lines_of_logs(line):
    record = logging.LogRecord("httpx", logging.INFO, "", 0, "%s", (line,), None)
    said = _Formatter("%(name)s %(message)s").format(record)
    assert "planted" not in said and "me:" not in said and "://a.example" in said
    assert said.rsplit(" ", 1)[-1][-6:] == line.rsplit(" ", 1)[-1][-6:]


def test_text_without_a_query_stays():
    line = "see https://a.example/b, or http://c.example/d? It's me@example.org"
    assert addresses.hide(line) == line


def test_handed_down(monkeypatch):
    monkeypatch.delenv(addresses.VARIABLE, raising=False)
    assert addresses.in_full("https://a/?hidden-1") == "https://a/?hidden-1"
    monkeypatch.setenv(addresses.VARIABLE, "")
    addresses.hand_down({"https://a/?hidden-1": "https://a/?x"})
    assert addresses.in_full("https://a/?hidden-1") == "https://a/?x"
