"""What a judge is asked, what it replies, and how many tokens that may be."""

import math
from dataclasses import dataclass

BYTES_PER_TOKEN = 3  # English has more than 4, other scripts fewer characters but more bytes: rather too many tokens
AROUND = 8  # tokens that a template puts around a message


class TooLong(Exception):
    """A request has more tokens than the judge reads. Others it may read, and this one another judge."""


@dataclass(frozen=True)
class Request:
    """One question to a judge. messages: (role, content) of each, roles as chat completions have them."""

    model: str
    messages: tuple[tuple[str, str], ...]
    temperature: float
    max_tokens: int

    @property
    def chat(self) -> list[dict[str, str]]:
        """The messages as chat completions have them."""
        return [{"role": role, "content": content} for role, content in self.messages]

    @property
    def prompt_tokens(self) -> int:
        """An estimate, from the messages' bytes, of how many tokens are read."""
        return sum(tokens(content) + AROUND for _, content in self.messages)

    @property
    def words(self) -> int:
        """Of what is asked, without the instructions of the system."""
        return sum(len(content.split()) for role, content in self.messages if role != "system")


@dataclass(frozen=True)
class Reply:
    """What a judge says. text: empty where it says nothing, or has no room to be reminded, and without its end where it
    was cut. model: which one answered, as it calls itself. The tokens are those that the endpoint counted, estimated
    where it says none."""

    text: str
    model: str
    prompt_tokens: int
    reply_tokens: int


def tokens(text: str) -> int:
    """About how many tokens a text is, rather too many."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)
