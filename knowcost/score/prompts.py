"""What a model reads where its answer is a text: a conversation in the words of a template, no longer than its window.

The template is the tokenizer's for chats where it has one. Decoders without one get that of FastChat's Vicuna, quoted,
as LLM-KICK has it; encoder-decoders without one the bare messages, a line each.
"""

import bisect
import datetime
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from knowcost.benchmarks.kinds import Kind
from knowcost.common.errors import InputError, in_one_line
from knowcost.models.tokenizers import beginning, ending

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions."
)
OWN, PUBLISHED, BARE = "the tokenizer's", "published", "none"  # names of templates

# Templates that tell the date tell this one, Llama's own where it knows of none: a model is asked the same every day.
# They see data alone, so what they call is replaced by a macro of theirs; its line is the one that Jinja trims.
TODAY = datetime.datetime(2024, 7, 26)
CLOCK = "strftime_now"
_DIRECTIVES = "".join(
    f""" | replace("%{each}", "{TODAY.strftime(f"%{each}")}")"""
    for each in (*"aAbBdeHIjmMpSyYxXc", "-d", "-m", "-H", "-I")
)
_STOPPED = f"{{% macro {CLOCK}(format) %}}{{{{ format{_DIRECTIVES} }}}}{{% endmacro %}}\n"

_Texts = list[str]


@dataclass(frozen=True)
class Template:
    """How messages, a user's and the model's by turns, become what the model reads. name: OWN, PUBLISHED or BARE."""

    tokenizer: PreTrainedTokenizerBase
    name: str

    def text(self, messages: Sequence[str]) -> str:
        """The prompt behind which the model's next answer follows. Raises InputError for a template that fails."""
        if self.name == BARE:
            return "\n".join(messages)
        if self.name == PUBLISHED:
            return _published(messages, self.tokenizer.eos_token)
        chat = [{"role": ("user", "assistant")[i % 2], "content": each} for i, each in enumerate(messages)]
        try:
            template = self.tokenizer.get_chat_template()
            template = _STOPPED + template if CLOCK in template else template
            return self.tokenizer.apply_chat_template(
                chat, chat_template=template, add_generation_prompt=True, tokenize=False
            )
        except Exception as error:  # whatever a template's own code raises
            raise InputError(
                f"tokenizer {self.tokenizer.name_or_path}: its chat template fails on a conversation of "
                f"{len(messages)} messages ({type(error).__name__}: {in_one_line(error, 300)}); correct the template "
                "(chat_template.jinja, or chat_template in tokenizer_config.json), or take it out, and fetch the model "
                "again"
            ) from error

    def tokens(self, messages: Sequence[str]) -> list[int]:
        """The same as tokens. A tokenizer's template writes all special tokens itself."""
        special = self.name != OWN
        return self.tokenizer(self.text(messages), add_special_tokens=special, verbose=False)["input_ids"]


def template_of(tokenizer: PreTrainedTokenizerBase, family: str) -> Template:
    """The template of a tokenizer's model."""
    if tokenizer.chat_template:
        return Template(tokenizer, OWN)
    return Template(tokenizer, PUBLISHED if family == "decoder" else BARE)


def _published(messages: Sequence[str], end: str) -> str:
    said = [f"ASSISTANT: {each}{end}" if i % 2 else f"USER: {each} " for i, each in enumerate(messages)]
    return f"{SYSTEM} {''.join(said)}ASSISTANT:"


@dataclass(frozen=True)
class Prompt:
    """What a model reads. cut: how many more tokens it had before it was shortened; of a text of more than a quarter of
    a million characters (tokenizers.WHOLE), at least so many."""

    tokens: list[int]
    cut: int = 0


@dataclass(frozen=True)
class _Asked:
    """A row's messages, and the model's answers to the first of them."""

    template: Template
    kind: Kind
    row: dict[str, Any]
    answers: Sequence[str]

    @property
    def texts(self) -> _Texts:
        """What may be shortened: the text that the kind says, or all that was said."""
        return [self.row[self.kind.shortened]] if self.kind.shortened else self._said(self.row)

    @property
    def order(self) -> list[int]:
        """The places of the texts in which they are shortened."""
        return [0] if self.kind.shortened else sorted(range(len(self.texts)), key=lambda i: (self.is_users(i), i))

    def is_users(self, place: int) -> bool:
        """Whether a text is what a user said in a conversation: it loses its beginning, all others their ends."""
        return not self.kind.shortened and place % 2 == 0

    def cut(self, texts: _Texts, place: int, size: int) -> _Texts:
        """The texts with so many characters of one of them."""
        text = texts[place]
        kept = text[len(text) - size :] if self.is_users(place) else text[:size]
        return [*texts[:place], kept, *texts[place + 1 :]]

    def tokens(self, texts: _Texts) -> list[int]:
        """The prompt, of these texts."""
        column = self.kind.shortened
        return self.template.tokens(self._said(self.row | {column: texts[0]}) if column else texts)

    def _said(self, row: dict[str, Any]) -> _Texts:
        messages = self.kind.said(row)
        earlier = [text for pair in zip(messages, self.answers, strict=False) for text in pair]
        return [*earlier, messages[len(self.answers)]]


def prompt(template: Template, kind: Kind, row: dict[str, Any], answers: Sequence[str], most: int) -> Prompt:
    """The prompt for a model's next answer in a benchmark's row, behind those that it gave before.

    At most so many tokens, if it can be: where a kind's text may be shortened (Kind.shortened) it loses its end; in a
    conversation the model's answers lose their ends, the earliest first, and then what the user said its beginnings.
    """
    asked = _Asked(template, kind, row, answers)
    texts = asked.texts
    for place, text in enumerate(texts):
        within = ending if asked.is_users(place) else beginning
        texts[place] = within(template.tokenizer, text, most)
    whole = asked.tokens(texts)
    if len(whole) <= most:
        return Prompt(whole)
    left = asked.tokens(_shortened(asked, texts, most))
    return Prompt(left, len(whole) - len(left))


def _shortened(asked: _Asked, texts: _Texts, most: int) -> _Texts:
    """The texts with as much as fits, or none of those that may be shortened."""
    for place in asked.order:
        sizes = range(len(texts[place]) + 1)
        too_long = functools.partial(_is_too_long, asked, texts, place, most)
        fitting = bisect.bisect_left(sizes, True, key=too_long)  # False, ..., False, True, ...
        if fitting:
            return asked.cut(texts, place, fitting - 1)
        texts = asked.cut(texts, place, 0)
    return texts


def _is_too_long(asked: _Asked, texts: _Texts, place: int, most: int, size: int) -> bool:
    return len(asked.tokens(asked.cut(texts, place, size))) > most
