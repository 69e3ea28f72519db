"""What endpoints answer: from HTTP to a reply, or to what is to be done about it.

Endpoints say in many ways that a request is too long. Besides OpenAI's code there are the words of vLLM ("maximum
context length is", "longer than the maximum model length", "max_tokens must be at least 1, got -186"), llama.cpp
("exceeds the available context size", in older versions with status 500), SGLang ("longer than the model's context
length", "exceeds the maximum allowed length"), TGI ("`inputs` tokens + `max_new_tokens` must be <="), Anthropic's
("prompt is too long") and Google's ("exceeds the maximum number of tokens").
"""

import email.utils
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knowcost.common.errors import InputError
from knowcost.judge.access import KEY, Access
from knowcost.judge.request import Reply, Request, TooLong, tokens

SHOWN = 300  # characters of what an endpoint says
KEPT = "All replies so far are kept"
WHOLE = 0.75  # tokens for each word of a prompt: a tokenizer makes more, an endpoint that cuts prompts reads fewer
LONGEST_WAIT = 600  # seconds that an endpoint may ask for between two tries

_BUSY = (408, 409, 425, 429)
_PASSED = ("context_length_exceeded", "string_above_max_length", "exceed_context_size_error")
_UNSAID = ("content_filter", "content_policy_violation", "invalid_prompt")  # this text is not to be spoken of
_LONG = re.compile(
    r"context (length|size|window)|maximum (model|prompt|allowed) length|(prompt|input|request) is too long"
    r"|exceeds the maximum number of tokens|max_new_tokens\W* must be|max_tokens must be at least 1|request too large",
    re.I,
)


class Passing(Exception):
    """What may go by itself. Its text is what was said; after: seconds to wait, None where nothing says how many."""

    def __init__(self, said: str, after: float | None = None) -> None:
        super().__init__(said)
        self.after = after


class NoModel(InputError):
    """The endpoint has no such model, or no such address."""


class OtherName(InputError):
    """The model wants the limit of its reply under its new name, `max_completion_tokens`."""


@dataclass(frozen=True)
class Response:
    """What came over HTTP."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def value(self) -> Any:
        """The JSON in it; None where it is none."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None


def reply(response: Response, request: Request, access: Access) -> Reply:
    """What a judge said: nothing where it declines to speak of these texts, which others need not meet.

    Raises what `refuse` raises, Passing for what is no chat completion, and TooLong where the endpoint cut the prompt
    and said nothing, as Ollama does.
    """
    value = response.value
    body = value if isinstance(value, dict) else {}
    if response.status == 200 and isinstance(body.get("error"), dict) and "choices" not in body:
        status = body["error"].get("code")  # OpenRouter's way, where the error came late
        refuse(Response(status if status in range(400, 600) else 500, response.headers, response.content), access)
    if response.status == 400 and _is_any((_error(response).get("code"),), _UNSAID):
        return Reply("", request.model, 0, 0)
    if response.status != 200:
        refuse(response, access)
    try:
        content = _text(body["choices"][0]["message"]["content"])
    except (LookupError, TypeError):
        content = 0
    if not isinstance(content, str | None):
        raise Passing(f"no chat completion: {_words(response, access)}")
    text = access.hide(content or "").encode("utf-8", "replace").decode()  # a reply may be cut within a character
    usage = body.get("usage")
    read, words = _count(usage, "prompt_tokens", request.prompt_tokens), request.words
    if read < WHOLE * words:
        raise TooLong(f"{read:,} tokens were read of a prompt of {words:,} words, so it was cut")
    return Reply(
        text,
        model=access.hide(named) if isinstance(named := body.get("model"), str) else request.model,
        prompt_tokens=read,
        reply_tokens=_count(usage, "completion_tokens", tokens(text)),
    )


def _text(content: Any) -> Any:
    """What a message says: of one in parts, as Mistral's models that think aloud have it, the parts that are texts."""
    if not isinstance(content, list):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")


def _count(usage: Any, name: str, otherwise: int) -> int:
    found = usage.get(name) if isinstance(usage, dict) else None
    return found if type(found) is int and found > 0 else otherwise


def models(response: Response, access: Access) -> set[str] | None:
    """The names of an endpoint's models; None where it has no such list, or cannot make it, as transformers' server
    without a cache of the hub. Raises as `refuse`."""
    if response.status in (404, 405) or response.status >= 500:
        return None
    if response.status != 200:
        refuse(response, access)
    value = response.value
    listed = value.get("data") if isinstance(value, dict) else value
    if not isinstance(listed, list):
        raise InputError(
            f"{access.address}/models: {_words(response, access)}; expected a list of models in JSON. Does the address "
            "end as the endpoint's documentation says, often in /v1?"
        )
    return {access.hide(each["id"]) for each in listed if isinstance(each, dict) and isinstance(each.get("id"), str)}


def refuse(response: Response, access: Access) -> None:
    """Raise what an error means: TooLong, OtherName, Passing for what may go by itself, or InputError."""
    error, status = _error(response), response.status
    words = f"HTTP {status}, {_words(response, access)}"
    kinds = (error.get("code"), error.get("type"))
    if status == 413 or (status in (400, 422, 500) and (_is_any(kinds, _PASSED) or _LONG.search(words))):
        raise TooLong(words)
    if status == 400 and "max_completion_tokens" in words and "max_tokens" in words:
        raise OtherName(f"{access.address}: {words}. {KEPT}")
    if (status in _BUSY or (status >= 500 and status != 501)) and not _is_any(kinds, ("insufficient_quota",)):
        after = _seconds(response.headers.get("retry-after", ""))
        if after is None or after <= LONGEST_WAIT:
            raise Passing(words, after)
        raise InputError(f"{access.address}: {words}; it is to be asked again in {after:,.0f} seconds. {KEPT}")
    raise _fatal(status, f"{access.address}: {words}", access)


def _fatal(status: int, said: str, access: Access) -> InputError:
    if status in (401, 403):
        which = f"{KEY} is not one that it lets in" if access.key else f"{KEY} is not set"
        return InputError(f"{said}: {which}. Set it to a key of this endpoint and run again. {KEPT}")
    if status == 404:
        return NoModel(
            f"{said}: no such model or no such address; correct judge.model, or the address (it often ends in /v1). "
            f"{KEPT}"
        )
    if 300 <= status < 400:
        return InputError(f"{said}: it sends elsewhere, which is not followed; give the address that it should be")
    return InputError(
        f"{said}. It will not answer that; correct what it says (judge.model, judge.temperature, judge.reply_tokens or "
        f"the account) and run again. {KEPT}"
    )


def _error(response: Response) -> Mapping[str, Any]:
    value = response.value
    error = value.get("error", value) if isinstance(value, dict) else None
    return error if isinstance(error, dict) else {}


def _is_any(kinds: tuple[Any, ...], of: tuple[str, ...]) -> bool:
    return any(kind in of for kind in kinds if isinstance(kind, str))


def _words(response: Response, access: Access) -> str:
    """What an endpoint says in its own words, on one line."""
    value = response.value
    found = _error(response).get("message")
    if found is None and isinstance(value, dict):
        found = value.get("error") or value.get("detail")  # the latter is FastAPI's
    text = found if isinstance(found, str) and found else response.content.decode("utf-8", "replace")
    line = " ".join(access.hide_parts(text).split())
    return repr(line if len(line) <= SHOWN else f"{line[:SHOWN]} [...]")


def _seconds(after: str) -> float | None:
    """The seconds of a Retry-After, which has them or a date; None where it says neither."""
    try:
        return max(0.0, float(after))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
