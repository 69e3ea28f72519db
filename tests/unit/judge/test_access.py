"""Where judges are asked, and who gets the key."""

import pytest

from knowcost.common.errors import InputError
from knowcost.judge import access

SECRET = "sk-proj-0123456789abcdef"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    monkeypatch.delenv(access.ADDRESS, raising=False)
    monkeypatch.delenv(access.KEY, raising=False)


def test_the_configuration_goes_before_the_environment_and_that_before_openai(monkeypatch):
    monkeypatch.setenv(access.KEY, f" {SECRET}\n")
    assert access.find(None) == access.Access("https://api.openai.com/v1", SECRET)
    monkeypatch.setenv(access.ADDRESS, "https://judges.example/v1/")
    assert access.find(None) == access.Access("https://judges.example/v1", SECRET)
    assert access.find("https://other.example") == access.Access("https://other.example", SECRET)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000/v1", "http://localhost:8000/v1", "http://[::1]:8000"])
def test_this_machine_is_asked_with_and_without_a_key(address, monkeypatch):
    assert access.find(address).key == "" and access.find(address).is_here
    monkeypatch.setenv(access.KEY, SECRET)
    assert access.find(address).key == SECRET


def test_another_machine_over_plain_http_is_asked_only_without_a_key(monkeypatch):
    assert access.find("http://gpu-01:8000/v1") == access.Access("http://gpu-01:8000/v1")
    monkeypatch.setenv(access.KEY, SECRET)
    with pytest.raises(
        InputError, match=r"judge\.endpoint is http://gpu-01:8000/v1: OPENAI_API_KEY is not sent"
    ) as said:
        access.find("http://gpu-01:8000/v1")
    assert SECRET not in str(said.value)


def test_https_without_a_key_is_refused_before_anything_is_asked():
    with pytest.raises(InputError, match=r"OPENAI_API_KEY is not set, and https://api\.openai\.com/v1"):
        access.find(None)


@pytest.mark.parametrize(
    "address", ["https://user:pass@host.example/v1", "https://host.example/v1?api-key=hush", "https://host.example/#v1"]
)
def test_an_address_that_says_more_than_where_is_refused_and_not_shown(address, monkeypatch):
    monkeypatch.setenv(access.ADDRESS, address)
    with pytest.raises(InputError, match="OPENAI_BASE_URL: an address with a user, a password, a query") as said:
        access.find(None)
    assert "pass@" not in str(said.value) and "hush" not in str(said.value)


@pytest.mark.parametrize(
    "address",
    ["api.openai.com/v1", "ftp://host.example", "https://", "http://a b", "file:///v1", "https://a..example/v1",
     f"https://{'a' * 64}.example"],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_refused(address):
    with pytest.raises(InputError, match=r"judge\.endpoint is .*expected an address such as"):
        access.find(address)


@pytest.mark.parametrize("key", [f"{SECRET}\nHost: elsewhere", f"{SECRET} {SECRET}", f"{SECRET}é"])
def test_a_key_that_is_none_is_refused_and_not_shown(key, monkeypatch):
    monkeypatch.setenv(access.KEY, key)
    with pytest.raises(InputError, match="OPENAI_API_KEY holds characters") as said:
        access.find(None)
    assert SECRET not in str(said.value)


def test_a_key_is_hidden_in_what_is_said_and_in_the_object_itself():
    found = access.Access("https://host.example", SECRET)
    assert SECRET not in repr(found)
    assert found.hide(f"Bearer {SECRET}?") == "Bearer [OPENAI_API_KEY]?"
    assert found.hide_parts(f"Incorrect API key provided: sk-proj-****cdef, {SECRET}.") == (
        "Incorrect API key provided: [OPENAI_API_KEY], [OPENAI_API_KEY]."
    )
    assert found.hide("**Assistant A: 8***") == "**Assistant A: 8***"  # a reply may look like a part


def test_a_word_for_endpoints_that_take_any_key_is_no_secret():
    assert access.Access("https://host.example", "1").hide("[[1]]") == "[[1]]"
