"""What of an address may be shown: users, passwords and queries may not."""

import hashlib
import logging
import os
import subprocess
import sys

import pytest

from knowcost.common import addresses
from knowcost.common.errors import InputError
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


def test_an_address_is_handed_down_to_children(monkeypatch):
    full = [f"https://a.example/{i}.zip?token=planted{i}&x=%2F#in/{i}" for i in range(500)]
    full += ["https://a.example/long?sig=" + "x" * 3000]
    monkeypatch.setattr(os, "environ", os.environ.copy())
    addresses.hand_down(full)
    code = "import sys; from knowcost.common import addresses; print(*map(addresses.in_full, sys.argv[1:]), sep='\\n')"
    shown = [addresses.hidden(address) for address in full]
    assert "planted" not in "".join(shown)
    child = subprocess.run([sys.executable, "-c", code, *shown], capture_output=True, text=True, env=os.environ)
    assert child.stdout.split() == full, child.stderr
    unknown = "https://a.example/x?hidden-0123456789ab"
    assert addresses.in_full(unknown) == unknown


def test_an_error_shows_no_key():
    assert "planted" not in str(InputError("models.tsv:3: row 'a': 'https://me:planted@a.example/?x=planted' is none"))
