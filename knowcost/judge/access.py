"""Where judges are asked, and with which key: `judge.endpoint`, OPENAI_BASE_URL and OPENAI_API_KEY.

The key stands in the environment, and goes from there into the header of requests and nowhere else. An endpoint may
repeat it, in an error or in a reply, so whatever one says passes `Access.hide`.
"""

import ipaddress
import os
import re
from dataclasses import dataclass, field

import httpx2

from knowcost.common import addresses
from knowcost.common.errors import InputError

ADDRESS, KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"
OPENAI = "https://api.openai.com/v1"
HIDDEN = f"[{KEY}]"
LABEL = 63  # characters between two dots of a host's name, at most
SECRET = 8  # characters: what is shorter is a word for endpoints that take any key, and may occur in a reply
_MASKED = re.compile(r"[\w-]+\*{3,}[\w*-]*")  # as OpenAI repeats a wrong one: its beginning and its end


@dataclass(frozen=True)
class Access:
    """An endpoint. address: without a slash at its end. key: empty where none is sent."""

    address: str
    key: str = field(default="", repr=False)

    @property
    def is_here(self) -> bool:
        """Whether the endpoint is on this machine."""
        host = httpx2.URL(self.address).host
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    def hide(self, text: str) -> str:
        """What an endpoint says, without the key."""
        return text.replace(self.key, HIDDEN) if len(self.key) >= SECRET else text

    def hide_parts(self, text: str) -> str:
        """What an endpoint says when it refuses, without the key or parts of it."""
        return _MASKED.sub(HIDDEN, self.hide(text)) if self.key else text


def address_of(configured: str | None) -> str:
    """The address of judge.endpoint, else of OPENAI_BASE_URL, else OpenAI's, as it is written there."""
    return (configured or os.environ.get(ADDRESS) or OPENAI).strip().rstrip("/")


def find(configured: str | None) -> Access:
    """The endpoint of judge.endpoint, else of OPENAI_BASE_URL, else OpenAI's, with the key of OPENAI_API_KEY.

    Raises InputError for what is no address, or says more than where it is; for a key that would be readable on its
    way, or that is missing where only keys are let in.
    """
    where, address = "judge.endpoint" if configured else ADDRESS, address_of(configured)
    key = os.environ.get(KEY, "").strip()
    _check_address(where, address)
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise InputError(f"{KEY} holds characters that no key has, such as blanks; set it to the key alone")
    access = Access(address, key)
    if not access.is_here:
        _check_key(where, access)
    return access


def _check_address(where: str, address: str) -> None:
    if addresses.has_login(address) or "?" in address or "#" in address:
        raise InputError(
            f"{where}: an address with a user, a password, a query or a # is not taken; expected https://HOST/v1, and "
            f"the key in {KEY}"
        )
    try:
        url = httpx2.URL(address)
        labels = url.raw_host.decode().removesuffix(".").split(".")
        named = all(0 < len(label) <= LABEL for label in labels)
        sound = url.scheme in ("https", "http") and named and not re.search(r"\s", address)
    except httpx2.InvalidURL:
        sound = False
    if not sound:
        raise InputError(f"{where} is {address!r}; expected an address such as {OPENAI} or http://127.0.0.1:8000/v1")


def _check_key(where: str, access: Access) -> None:
    """Raise InputError unless an endpoint on another machine gets its key, and nobody else does."""
    if not access.address.startswith("https://"):
        if access.key:
            raise InputError(
                f"{where} is {access.address}: {KEY} is not sent to another machine over plain http, where others can "
                "read it. Use https://, or a tunnel (ssh -L) and its address http://127.0.0.1:PORT/v1; unset "
                f"{KEY} where the endpoint takes none"
            )
    elif not access.key:
        raise InputError(
            f"{KEY} is not set, and {access.address} is asked with it. Set it in the environment, never in the "
            "configuration; to any word where the endpoint takes no key"
        )
