"""Judges over HTTP: chat completions as OpenAI defined them, and as many others offer them.

An endpoint may be asked by several threads at a time. What may pass is tried again: too many requests (429), errors of
the server, connections that break and replies that take too long. The waits between grow and differ by chance, and are
at least what a Retry-After asks for. What will not pass ends all that ask: a wrong key for one is wrong for all.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2
import tenacity

import knowcost
from knowcost.common.addresses import CERTIFICATES
from knowcost.common.errors import InputError
from knowcost.judge import responses
from knowcost.judge.access import Access
from knowcost.judge.budget import Budget
from knowcost.judge.request import Reply, Request, TooLong
from knowcost.judge.responses import KEPT, OtherName, Passing, Response

log = logging.getLogger(__name__)

T = TypeVar("T")

TRIES = 10  # of one request, over some five minutes
FIRST_WAIT, MOST_WAIT = 2, 60  # seconds
CONNECT = 10  # seconds that a host which swallows what is sent to it is waited for
LARGEST = 2**25  # bytes of what is read of one answer: a list of models has some hundred thousand
ALIKE = ("{}", "models/{}", "{}:latest")  # how Google and Ollama list what may be asked for by its name alone
PROBE = (("user", "Say yes."),)


class Endpoint:
    """`with Endpoint(access, budget, seconds) as endpoint`: asks judges until it is left.

    seconds: that a reply may take. wait: what sleeps between tries, given seconds.
    """

    def __init__(
        self, access: Access, budget: Budget, seconds: float, wait: Callable[[float], None] | None = None
    ) -> None:
        self._access, self._budget, self._seconds = access, budget, seconds
        self._ended = threading.Event()
        self._why = f"{access.address}: is not asked any more. {KEPT}"
        self._wait = tenacity.sleep_using_event(self._ended) if wait is None else wait
        self._answered = False
        self._by_new_name: set[str] = set()  # models that take max_completion_tokens alone
        headers = {"User-Agent": f"knowcost/{knowcost.__version__}"}
        if access.key:
            headers["Authorization"] = f"Bearer {access.key}"
        try:
            self._client = httpx2.Client(
                headers=headers,
                timeout=httpx2.Timeout(seconds, connect=min(CONNECT, seconds)),
                limits=httpx2.Limits(max_connections=None),  # whoever asks says how many at a time
                trust_env=not access.is_here,  # a proxy between this machine and itself would get the key
                verify=access.address.startswith("https://"),  # no certificates are read that nothing asks for
                follow_redirects=False,
            )
        except OSError as error:
            raise InputError(f"{CERTIFICATES} names none that can be read ({error}); correct it") from None
        except (ValueError, ImportError, httpx2.InvalidURL) as error:
            raise InputError(f"the proxy that the environment names cannot be used ({error}); correct it") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._client.close()

    def end(self) -> None:
        """Begin nothing any more: whoever waits to ask again, or asks from now on, gets an InputError at once. Requests
        under way are still answered."""
        self._ended.set()

    def check(self, models: Iterable[str]) -> None:
        """Raise InputError where the endpoint is out of reach, refuses the key or has not one of the models.

        Nothing is paid for: its list of models is asked for, and what is not in it is asked a word, since some lists
        are not complete. An endpoint without such a list is let through.
        """
        listed = self._insist(self._listed)
        for model in models:
            if listed is None or any(way.format(model) in listed for way in ALIKE):
                continue
            try:
                self.ask(Request(model, PROBE, temperature=1, max_tokens=16))
            except (responses.NoModel, TooLong) as error:
                some = ", ".join(sorted(listed)[:20]) or "none"
                raise InputError(
                    f"judge.model or judge.second_model: {model!r}: {error}. Of models it lists: {some}"
                ) from None

    def ask(self, request: Request) -> Reply:
        """What the judge says. Raises TooLong where it cannot read that much, and InputError where it will not answer
        this or any other request; everybody else who asks then gets the same."""
        try:
            return self._insist(lambda: self._once(request))
        except TooLong as error:
            log.info("%s: longer than the judge reads: %s", self._access.address, error)
            raise

    def _insist(self, try_: Callable[[], T]) -> T:
        def unless_ended() -> T:
            if self._ended.is_set():
                raise InputError(self._why)
            return try_()

        tries = tenacity.Retrying(
            sleep=self._wait,
            stop=tenacity.stop_after_attempt(TRIES) | tenacity.stop_when_event_set(self._ended),
            wait=_seconds,
            retry=tenacity.retry_if_exception_type(Passing),
            before_sleep=self._say,
            reraise=True,
        )
        try:
            return tries(unless_ended)
        except InputError as error:
            self._end(str(error))
            raise
        except Passing as error:
            self._end(
                f"{self._access.address}: has not answered in {TRIES} tries, the last time: {error}. {KEPT}: run again "
                "when it answers, or raise judge.seconds where its replies take longer"
            )
            raise InputError(self._why) from None

    def _end(self, why: str) -> None:
        if not self._ended.is_set():
            self._why = why
            self._ended.set()

    def _say(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0
        log.info("%s: %s; asked again in %.0f s", self._access.address, error, wait)

    def _listed(self) -> set[str] | None:
        return responses.models(self._send("GET", "/models"), self._access)

    def _once(self, request: Request) -> Reply:
        if request.model not in self._by_new_name:
            try:
                return self._asked(request, "max_tokens")
            except OtherName:
                self._by_new_name.add(request.model)
        return self._asked(request, "max_completion_tokens")

    def _asked(self, request: Request, limit: str) -> Reply:
        body = {
            "model": request.model,
            "messages": request.chat,
            "temperature": request.temperature,
            limit: request.max_tokens,
        }
        with self._budget.request(request.prompt_tokens + request.max_tokens) as bill:
            try:
                response = self._send("POST", "/chat/completions", body)
            except _Unsent:
                bill.tokens = 0
                raise
            if response.status != 200:
                bill.tokens = 0
            reply = responses.reply(response, request, self._access)
            bill.tokens = reply.prompt_tokens + reply.reply_tokens
            return reply

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Response:
        """What comes back. Raises Passing where nothing does, and InputError where nothing ever did."""
        try:
            with self._client.stream(method, f"{self._access.address}{path}", json=body) as stream:
                self._answered = True
                return Response(stream.status_code, dict(stream.headers), self._read(stream))
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            if not self._answered:
                raise InputError(
                    f"{self._access.address}: cannot be reached ({_why(error)}); is it running, and the address right? "
                    f"{KEPT}"
                ) from None
            raise _Unsent(_why(error)) from None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise Passing(_why(error)) from None

    def _read(self, stream: httpx2.Response) -> bytes:
        """All that a response holds, unless that is no end of bytes, or comes slower than a reply may."""
        content, until = bytearray(), time.monotonic() + self._seconds
        for part in stream.iter_bytes():
            content += part
            if len(content) > LARGEST:
                raise httpx2.DecodingError(f"over {LARGEST:,} bytes")
            if time.monotonic() > until:
                raise httpx2.ReadTimeout("timed out")
        return bytes(content)


class _Unsent(Passing):
    """A request that nobody got, so nobody charges for it."""


def _why(error: httpx2.HTTPError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    return " ".join(str(error).split()) or type(error).__name__


def _seconds(state: tenacity.RetryCallState) -> float:
    """How long to wait before the next try: by chance between half and all of what doubles each time."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.after if isinstance(error, Passing) else None
    wait = min(MOST_WAIT, FIRST_WAIT * 2 ** (state.attempt_number - 1)) * random.uniform(0.5, 1)
    return wait if asked is None else asked + wait
