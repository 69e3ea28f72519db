"""The HTTP client of every download, and whether there is a network at all.

huggingface_hub takes a name that does not resolve for a passing trouble and asks six times, and hub.retry four times as
often. So the client says what a failed connection means: a host that has answered before may come back, one that never
has is out of reach, as in offline mode, and that is said at once. Files that are here already are used then.
"""

import os
import urllib.request
from typing import Any

import httpx2
import huggingface_hub
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils._http import hf_request_event_hook

from knowcost.common.errors import InputError

SECONDS = 10  # that a host which swallows what is sent to it is waited for, as huggingface_hub does for its downloads
TIMEOUT = httpx2.Timeout(60, connect=SECONDS)
PASSING = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.ProxyError)


class Unreachable(OfflineModeIsEnabled):
    """No connection to a host that has not answered yet. huggingface_hub asks no second time after such an error."""


class Client(httpx2.Client):
    """An HTTP client that tells a host out of reach (Unreachable) from a passing trouble (httpx2's own errors)."""

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(follow_redirects=True, timeout=TIMEOUT, **options)
        except (ValueError, ImportError, httpx2.InvalidURL) as error:
            raise InputError(f"{_proxies()}: no proxy that can be used ({error}); correct the variable") from None
        self._answered: set[tuple[str, int | None]] = set()

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


def for_hub() -> None:
    """Let huggingface_hub use such a client, in this process."""
    huggingface_hub.set_client_factory(lambda: Client(event_hooks={"request": [hf_request_event_hook]}))
