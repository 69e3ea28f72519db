"""Recoveries: what was done to a compressed model to bring knowledge back, as slugs and the configuration write it.

lora-r4                       low-rank updates of rank 4
prompt-50, prefix-26          so many virtual tokens
dynamic_prompt-50+100         one of the prompts of these lengths
lora-r4-kl                    an option of the method behind its size
lora-r4~wikitext2             trained on other texts than those that the compression looked at
"""

import functools
import re
from dataclasses import dataclass

from knowcost.common.errors import InputError

MARK = "^"  # between the steps of a slug and its recovery

_RECOVERY = re.compile(
    r"(?P<method>[a-z][a-z0-9_]*)-(?P<size>r?[1-9]\d*(\+[1-9]\d*)*)(?P<options>(-[a-z]+)*)"
    r"(~(?P<data>[A-Za-z0-9._-]+))?"
)


@dataclass(frozen=True)
class Recovery:
    """A method of recovery (recover/registry.py), its size as written ("r4", "50", "50+100"), its options, and the name
    of the texts that it looks at where these are not its variant's, else None."""

    method: str
    size: str
    options: tuple[str, ...] = ()
    data: str | None = None

    def __str__(self) -> str:
        options = "".join(f"-{option}" for option in self.options)
        return f"{self.method}-{self.size}{options}" + (f"~{self.data}" if self.data else "")

    @property
    def sizes(self) -> list[int]:
        """The numbers of its size: [4] of "r4", [50, 100] of "50+100"."""
        return [int(part) for part in self.size.removeprefix("r").split("+")]

    @property
    def is_rank(self) -> bool:
        """Whether the size is a rank, and not a number of tokens."""
        return self.size.startswith("r")


@functools.cache
def parse(text: str) -> Recovery:
    """The Recovery of its text. Raises InputError when it is not one."""
    if not (found := _RECOVERY.fullmatch(text)):
        raise InputError(
            f"recovery {text!r} is not method-size[-option][~texts], such as lora-r4, prompt-50, "
            "dynamic_prompt-50+100 or lora-r4-kl~wikitext2"
        )
    options = tuple(found["options"].split("-")[1:])
    return Recovery(found["method"], found["size"], options, found["data"])
