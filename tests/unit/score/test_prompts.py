"""What a model reads: the templates in their own words, and what is left of what does not fit."""

import datetime

import pytest
import transformers
from helpers import tiny
from tokenizers.processors import TemplateProcessing
from transformers.utils import chat_template_utils

from knowcost.benchmarks.kinds import KINDS, SUMMARISE
from knowcost.common.errors import InputError
from knowcost.models import tokenizers
from knowcost.score.prompts import prompt, template_of

CONVERSATION, SUMMARY = KINDS["conversation"], KINDS["summary"]


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A tokenizer of 120 words, </s> at the end of none; a word is a token."""
    folder = tmp_path_factory.mktemp("words")
    tiny.save_tokenizer(folder)
    return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.fixture
def chatting(words, monkeypatch):
    """It with a template: w1 before what a user says, w2 before the model's words, w3 where it goes on."""
    text = "{% for m in messages %}{{ 'w1' if m.role == 'user' else 'w2' }} {{ m.content }} {% endfor %}"
    monkeypatch.setattr(words, "chat_template", text + "{% if add_generation_prompt %}w3{% endif %}")
    return words


def row(*turns):
    return {"turns": list(turns)}


def test_the_published_template_is_fastchat_s(words):
    """What `python -m fastchat.conversation` prints of its vicuna_v1.1, whose end token is </s>."""
    said = template_of(words, "decoder").text(["Hello!", "Hi!", "How are you?"])
    assert said == (
        "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
        "detailed, and polite answers to the user's questions. USER: Hello! ASSISTANT: Hi!</s>USER: How are you? "
        "ASSISTANT:"
    )
    assert template_of(words, "decoder").name == "published"


def test_encoder_decoders_without_a_template_read_bare_lines(words):
    made = template_of(words, "encoder_decoder")
    assert made.name == "none" and made.text(["a", "b", "c"]) == "a\nb\nc"


@pytest.mark.parametrize("family", ["decoder", "encoder_decoder"])
def test_a_tokenizer_s_own_template_comes_first(chatting, family):
    made = template_of(chatting, family)
    assert made.name == "the tokenizer's"
    assert made.text(["w10", "w11", "w12"]) == "w1 w10 w2 w11 w1 w12 w3"
    assert made.tokens(["w10"]) == chatting.convert_tokens_to_ids(["w1", "w10", "w3"])


def test_the_special_tokens_of_a_template_are_not_doubled(words, tmp_path):
    words.save_pretrained(tmp_path)
    beginning = transformers.AutoTokenizer.from_pretrained(tmp_path)
    beginning.backend_tokenizer.post_processor = TemplateProcessing("[MASK] $A", special_tokens=[("[MASK]", 4)])
    assert template_of(beginning, "encoder_decoder").tokens(["w0"]) == [4, 6]
    beginning.chat_template = "[MASK]{{ messages[0].content }}"
    assert template_of(beginning, "decoder").tokens(["w0"]) == [4, 6]


DATED = """
  {% if strftime_now is defined %}{% set date = strftime_now("%d %b %Y") %}{% endif %}
  {%- macro told() %}{{ strftime_now('%A, %-d %B %Y %H:%M:%S %y-%m') }}{% endmacro %}
{{ date }} {{ told() }} {{ messages[0].content }}
"""


def test_a_template_that_tells_the_date_tells_the_same_on_every_day(words, monkeypatch):
    monkeypatch.setattr(words, "chat_template", DATED)
    found = template_of(words, "decoder").text(["a"])

    class Then(datetime.datetime):
        @classmethod
        def now(cls, *_):
            return cls(2024, 7, 26)

    monkeypatch.setattr(chat_template_utils, "datetime", Then)
    assert found == words.apply_chat_template([{"role": "user", "content": "a"}], tokenize=False)
    assert found == "\n26 Jul 2024 Friday, 26 July 2024 00:00:00 24-07 a"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ raise_exception('roles must alternate') }}", "TemplateError: roles must alternate"),
        ("{{ messages[0].content", "TemplateSyntaxError"),
        ("{{ messages[9].content.strip() }}", "UndefinedError"),
        ({"rag": "a", "tool": "b"}, "ValueError"),
    ],
)
def test_a_template_that_fails_is_named(words, monkeypatch, template, why):
    monkeypatch.setattr(words, "chat_template", template)
    with pytest.raises(InputError, match=rf"its chat template fails on a conversation of 1 messages \({why}"):
        template_of(words, "decoder").text(["a"])


def fitted(words, kind, row, answers, most):
    """(what is left of a prompt as a text, how many tokens were cut)."""
    made = prompt(template_of(words, "decoder"), kind, row, answers, most)
    return words.decode(made.tokens), made.cut


def test_what_fits_stays(chatting):
    assert fitted(chatting, CONVERSATION, row("w10 w11", "w12"), ["w20"], 8) == ("w1 w10 w11 w2 w20 w1 w12 w3", 0)


@pytest.mark.parametrize(
    ("most", "left"),
    [
        (11, "w1 w10 w11 w2 w20 w21 w22 w1 w12 w13 w3"),
        (10, "w1 w10 w11 w2 w20 w21 w1 w12 w13 w3"),
        (8, "w1 w10 w11 w2 w1 w12 w13 w3"),
        (7, "w1 w11 w2 w1 w12 w13 w3"),
        (5, "w1 w2 w1 w13 w3"),
        (4, "w1 w2 w1 w3"),
        (2, "w1 w2 w1 w3"),  # no more can be left out: the window's end is near
    ],
)
def test_a_conversation_loses_the_end_of_answers_and_then_its_earliest_words(chatting, most, left):
    text, cut = fitted(chatting, CONVERSATION, row("w10 w11", "w12 w13"), ["w20 w21 w22"], most)
    assert (text, cut) == (left, 11 - len(left.split()))


def test_the_earliest_answer_is_shortened_first(chatting):
    text, cut = fitted(chatting, CONVERSATION, row("w10", "w11", "w12"), ["w20 w21", "w22 w23"], 10)
    assert (text, cut) == ("w1 w10 w2 w1 w11 w2 w22 w1 w12 w3", 3)


def test_a_story_loses_its_end_and_its_request_nothing(chatting):
    whole = len(chatting(SUMMARISE)["input_ids"])
    text, cut = fitted(chatting, SUMMARY, {"story": "w10 w11 w12 w13 w14"}, [], whole + 5)
    assert text.endswith("w10 w11 w12 w3") and cut == 2
    assert text.startswith("w1") and len(text.split()) == whole + 5


def test_of_a_very_long_story_little_is_tokenized(chatting, monkeypatch):
    longest, counted = 0, tokenizers._count

    def count(tokenizer, text):
        nonlocal longest
        longest = max(longest, len(text))
        return counted(tokenizer, text)

    monkeypatch.setattr(tokenizers, "_count", count)
    monkeypatch.setattr(tokenizers, "WHOLE", 1000)
    text, cut = fitted(chatting, SUMMARY, {"story": "w10 w11 " * 10_000}, [], 60)
    assert len(text.split()) == 60 and cut > 60 and longest == 1000
