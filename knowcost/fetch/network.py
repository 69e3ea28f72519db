"""The HTTP client of every download, and whether there is a network at all.

huggingface_hub takes a name that does not resolve for a passing trouble and asks six times, and hub.retry four times as
often. So the client says what a failed connection means: a host that has answered before may come back, one that never
has is out of reach, as in offline mode, and that is said at once. Files that are here already are used then.
"""

import ipaddress
import os
import socket
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import huggingface_hub
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils._http import hf_request_event_hook

from knowcost.common.addresses import CERTIFICATES
from knowcost.common.errors import InputError

SECONDS = 10  # that a host which swallows what is sent to it is waited for, as huggingface_hub does for its downloads
TIMEOUT = httpx2.Timeout(60, connect=SECONDS)
PASSING = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.ProxyError)


class Unreachable(OfflineModeIsEnabled):
    """No connection to a host that has not answered yet. huggingface_hub asks no second time after such an error."""


class Refused(InputError):
    """An address that is not asked, whoever leads there."""


class Client(httpx2.Client):
    """An HTTP client that asks only what may be asked (Refused), each step of a redirect before it is taken, and tells
    a host out of reach (Unreachable) from a passing trouble (httpx2's own errors).

    source: the address that the user named, which is asked wherever it leads. hooks: called with each request first.
    """

    def __init__(self, source: str = "", hooks: Sequence[Callable[..., Any]] = (), **options: Any) -> None:
        self._source = source
        before = {"request": [*hooks, self._check]}
        try:
            super().__init__(follow_redirects=True, timeout=TIMEOUT, event_hooks=before, **options)
        except OSError as error:
            raise InputError(f"{CERTIFICATES} names none that can be read ({error}); correct it") from None
        except (ValueError, ImportError, httpx2.InvalidURL) as error:
            raise InputError(f"{_proxies()}: no proxy that can be used ({error}); correct the variable") from None
        self._answered: set[tuple[str, int | None]] = set()

    def _check(self, request: httpx2.Request) -> None:
        """Raise Refused for an address that the user did not name and that is not https, or not out in the world.

        Others may send a download anywhere, so a redirect must not reach services that trust this machine or its
        network. Names are not resolved for this: a proxy would resolve them anew, many a site's own mirror has a
        private address, and a service inside that answers https with a certificate of the name is rare.
        """
        url = request.url
        if url.scheme == "https" and not _inside(url.host):
            return
        named = [httpx2.URL(address) for address in (self._source, os.environ.get("HF_ENDPOINT")) if address]
        if all(_origin(url) != _origin(each) for each in named):
            raise Refused(
                f"{url}: not asked. Expected https:// and no address of this machine or of a "
                "private network, other than where the source column or HF_ENDPOINT itself points; a redirect that "
                "leads elsewhere is not followed. Put the address that it should be in the source column"
            )

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """As httpx2's. Raises Unreachable instead of a failed connection to a host that has not answered yet."""
        try:
            response = super().send(request, **options)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            url = error.request.url
            if (url.host, url.port) in self._answered:
                raise
            raise Unreachable(_why(url, error)) from error
        self._answered |= {(each.url.host, each.url.port) for each in (*response.history, response)}
        return response


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _inside(host: str) -> bool:
    """Whether a host is this machine, or an address of a private or link-local network, however that is spelled."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(name).is_global
    except ValueError:
        pass
    try:
        return not ipaddress.ip_address(socket.inet_aton(name)).is_global  # 127.1, 2130706433, 0x7f000001
    except OSError:
        return False


def _why(url: httpx2.URL, error: Exception) -> str:
    reason = "no answer" if isinstance(error, httpx2.ConnectTimeout) else str(error) or type(error).__name__
    proxies = "" if urllib.request.proxy_bypass(url.host) else _proxies()
    return f"{url.host} cannot be reached{proxies and f' through {proxies}'} ({reason})"


def _proxies() -> str:
    """The variables that name a proxy, as NAME=value; a password in them is not shown."""
    lower = ("https_proxy", "http_proxy", "all_proxy")
    found = [(name, os.environ[name]) for each in lower for name in (each, each.upper()) if os.environ.get(name)]
    return ", ".join(f"{name}={value.rpartition('@')[2]}" for name, value in found)


def unreachable(error: BaseException | None) -> Unreachable | None:
    """The Unreachable behind an error: huggingface_hub wraps some errors in others."""
    while error is not None and not isinstance(error, Unreachable):
        error = error.__cause__
    return error


def keep_token(request: httpx2.Request) -> None:
    """Raise Refused for a request with the user's token to another host than the hub.

    huggingface_hub leaves it out where a file redirects to another host, but sends it wherever an answer says that
    access to Xet storage is to be had.
    """
    hub = httpx2.URL(os.environ.get("HF_ENDPOINT") or huggingface_hub.constants.ENDPOINT).host
    if "Authorization" in request.headers and request.url.host not in (hub, "huggingface.co"):  # a mirror leads there
        raise Refused(
            f"{request.url}: not asked. An answer of {hub} leads there with HF_TOKEN, which only "
            "the hub gets; unset HF_TOKEN, or correct HF_ENDPOINT"
        )


def for_hub() -> None:
    """Let huggingface_hub use such a client, in this process."""
    huggingface_hub.set_client_factory(lambda: Client(hooks=[hf_request_event_hook, keep_token]))
