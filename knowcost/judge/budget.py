"""What a run may spend on judges: so many requests, however they end, and so many tokens.

A request begins only if all that it may use is left. Where others under way may leave enough, it waits for them. So the
limits are never passed, but where an endpoint reads or writes more tokens than it was expected and asked to.
"""

import contextlib
import threading
from collections.abc import Iterator

from knowcost.common.errors import InputError


class Bill:
    """What one request used. tokens: as far as is known."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens


class Budget:
    """The limits of a run, and what it has spent of them: requests and tokens."""

    def __init__(self, requests: int, tokens: int) -> None:
        self._most_requests, self._most_tokens = requests, tokens
        self._reserved = 0
        self._changed = threading.Condition()
        self.requests = self.tokens = 0

    @contextlib.contextmanager
    def request(self, most: int) -> Iterator[Bill]:
        """One request that may use `most` tokens: the block says on its bill what it used, all of them where it does
        not. Raises InputError when a limit would be passed."""
        self._begin(most)
        bill = Bill(most)
        try:
            yield bill
        finally:
            with self._changed:
                self._reserved -= most
                self.tokens += bill.tokens
                self._changed.notify_all()

    def _begin(self, most: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._requests_over() or self._fits(most) or not self._reserved)
            if self._requests_over():
                raise InputError(
                    f"judge.requests: this run has made {self.requests:,} requests, and may make no more. All "
                    "replies are kept: run again to go on with as many again, or raise it"
                )
            if not self._fits(most):
                raise InputError(
                    f"judge.tokens: this run has used {self.tokens:,} of {self._most_tokens:,} tokens, and the next "
                    f"request may take {most:,}. All replies are kept: run again to go on with as many again, or raise "
                    "it; judge.reply_tokens is what is set aside for each reply"
                )
            self.requests += 1
            self._reserved += most

    def _requests_over(self) -> bool:
        return self.requests >= self._most_requests

    def _fits(self, most: int) -> bool:
        return self.tokens + self._reserved + most <= self._most_tokens
