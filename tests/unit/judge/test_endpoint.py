"""Judges over HTTP: asked again where that helps, given up on where it does not, and never a key in what is said."""

import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers.judge_server import WORDS, JudgeServer

from knowcost.common.errors import InputError
from knowcost.judge import endpoint as module
from knowcost.judge import responses
from knowcost.judge.access import Access
from knowcost.judge.budget import Budget
from knowcost.judge.endpoint import Endpoint
from knowcost.judge.request import Reply, Request, TooLong

SECRET = "sk-proj-0123456789abcdef"
PAIR = (
    'Follow this format: "[[A]]" if assistant A is better\n'
    "[The Start of Assistant A's Answer]\nlong enough\n[The End of Assistant A's Answer]\n"
    "[The Start of Assistant B's Answer]\nshort\n[The End of Assistant B's Answer]"
)
ASKED = Request("judge", (("system", "Be fair."), ("user", PAIR)), temperature=0.5, max_tokens=64)


class Waits(list):
    """What sleeps: it only counts."""

    def __call__(self, seconds):
        self.append(seconds)


@pytest.fixture
def ask():
    """Ask a judge of this mode ASKED; attributes: the waits, the server and the budget of the last call."""

    def run(mode="fair", seconds=5, key=SECRET, request=ASKED, **options):
        with JudgeServer(mode, **options) as run.server:
            run.waits, run.budget = Waits(), Budget(100, 10**6)
            with Endpoint(Access(run.server.url, key), run.budget, seconds, run.waits) as judge:
                return judge.ask(request)

    return run


def fails(ask, *words, mode, **options):
    """Asking must end with an InputError of all these words and without the key; returns what it says."""
    with pytest.raises(InputError) as caught:
        ask(mode, **options)
    said = "".join(traceback.format_exception(caught.value))
    assert SECRET not in said
    assert not [word for word in words if word not in said], said
    return str(caught.value)


def test_a_request_has_the_fields_of_chat_completions_and_the_key_in_its_header(ask):
    assert ask() == Reply("Both say something. [[C]]", "judge-2026", 38, 4)
    [(path, headers, body)] = ask.server.asked
    assert path == "/v1/chat/completions" and headers["Authorization"] == f"Bearer {SECRET}"
    messages = [{"role": "system", "content": "Be fair."}, {"role": "user", "content": PAIR}]
    assert body == {"model": "judge", "messages": messages, "temperature": 0.5, "max_tokens": 64}
    assert (ask.budget.requests, ask.budget.tokens) == (1, 42)


def test_without_a_key_no_header_is_sent(ask):
    ask(key="")
    assert "Authorization" not in ask.server.asked[0][1]


def test_the_proxy_of_the_environment_is_not_asked_for_this_machine(ask, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert ask().text == "Both say something. [[C]]"


@pytest.mark.parametrize("place", ["nowhere.pem", __file__])
def test_certificates_that_are_none_are_said(place, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", place)
    with pytest.raises(InputError, match="SSL_CERT_FILE or SSL_CERT_DIR in the environment names none"):
        Endpoint(Access("https://judge.example/v1"), Budget(1, 1), 1)


def test_a_busy_judge_is_asked_again_after_the_time_that_it_names(ask):
    assert ask("busy", times=2).text == "Both say something. [[C]]"
    assert [7 + 1 <= ask.waits[0] <= 7 + 2, 7 + 2 <= ask.waits[1] <= 7 + 4] == [True, True]
    assert len(ask.server.bodies) == ask.budget.requests == 3 and ask.budget.tokens == 42


@pytest.mark.parametrize("mode", ["broken", "closes", "not_json", "no_choices"])
def test_what_may_pass_is_tried_again_and_then_works(ask, mode):
    assert ask(mode, times=3).text == "Both say something. [[C]]"
    assert len(ask.server.bodies) == ask.budget.requests == 4
    assert 1 <= ask.waits[0] <= 2 <= ask.waits[1] <= 4 <= ask.waits[2] <= 8


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("broken", "HTTP 500, 'The server had an error'"),
        ("busy", "HTTP 429, 'Rate limit reached'"),
        ("closes", "disconnected"),
        ("not_json", "no chat completion: '<html>Welcome</html>'"),
        ("no_choices", "no chat completion"),
    ],
)
def test_what_does_not_pass_ends_after_so_many_tries_and_says_what_was_said_last(ask, mode, words):
    fails(ask, words, "in 10 tries", "All replies so far are kept: run again", mode=mode, times=99)
    assert len(ask.server.bodies) == ask.budget.requests == module.TRIES == len(ask.waits) + 1
    assert max(ask.waits) <= 60 + 7


def test_a_reply_that_takes_too_long_is_given_up_and_counted_as_if_it_had_come(ask, monkeypatch):
    assert ask("slow", seconds=0.05, times=1).text == "Both say something. [[C]]"
    assert ask.budget.tokens == ASKED.prompt_tokens + ASKED.max_tokens + 42
    monkeypatch.setattr(module, "TRIES", 2)
    fails(ask, "no answer in time", "judge.seconds", mode="slow", seconds=0.05)


def test_an_endpoint_that_asks_for_hours_is_not_waited_for(ask):
    error = (429, {"error": {"message": "Daily limit"}}, {"Retry-After": "86400"})
    fails(ask, "Daily limit", "86,400 seconds", "kept", mode="error", error=error)
    assert len(ask.server.bodies) == 1


def test_an_account_without_money_is_not_waited_for(ask):
    error = (429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, {})
    fails(ask, "You exceeded your quota", "kept", mode="error", error=error)
    assert len(ask.server.bodies) == 1


@pytest.mark.parametrize(("after", "seconds"), [("7", 7), ("0.5", 0.5), ("-1", 0), ("soon", None), ("", None)])
def test_retry_after_in_seconds(after, seconds):
    assert responses._seconds(after) == seconds


def test_retry_after_as_a_date(monkeypatch):
    monkeypatch.setattr(responses.time, "time", lambda: 784111777 - 20)
    assert responses._seconds("Sun, 06 Nov 1994 08:49:37 GMT") == 20  # the date of RFC 9110


@pytest.mark.parametrize("words", WORDS)
def test_a_request_that_is_too_long_ends_that_request_alone(ask, words):
    with pytest.raises(TooLong, match="HTTP"):
        ask("too_long", words=words)
    assert len(ask.server.bodies) == 1 and ask.budget.tokens == 0
    with JudgeServer("too_long", times=1) as server, Endpoint(Access(server.url), Budget(9, 999), 5) as judge:
        with pytest.raises(TooLong):
            judge.ask(ASKED)
        assert judge.ask(ASKED).text == "Both say something. [[C]]"


@pytest.mark.parametrize("read", [26, 27, 0])
def test_a_prompt_that_was_cut_in_silence_is_too_long(ask, read, caplog):
    """Of 36 words no tokenizer makes 26 tokens; 0 are those of an endpoint that does not count."""
    completion = {"choices": [{"message": {"content": "[[A]]"}}], "usage": {"prompt_tokens": read}}
    caplog.set_level("INFO", "knowcost")
    if read == 26:
        with pytest.raises(TooLong, match="26 tokens were read of a prompt of 36 words"):
            ask("error", error=(200, completion, {}))
        assert "longer than the judge reads: 26 tokens" in caplog.text
    else:
        assert ask("error", error=(200, completion, {})).prompt_tokens == (read or ASKED.prompt_tokens)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, {"error": {"message": "'temperature' does not support 0.5"}}, "'temperature' does not support 0.5"),
        (402, {"error": {"message": "Pay first"}}, "the account"),
        (422, {"detail": "Unexpected fields"}, "Unexpected fields"),
        (404, {"detail": "Not Found"}, "it often ends in /v1"),
        (403, {"error": "not from here"}, "OPENAI_API_KEY is not one that it lets in"),
        (302, {}, "not followed"),
    ],
)
def test_what_will_not_pass_is_said_at_once_in_the_words_of_the_endpoint(ask, status, body, words):
    fails(ask, f"HTTP {status}", words, mode="error", error=(status, body, {"Location": "http://127.0.0.1:9/"}))
    assert len(ask.server.asked) == 1


def test_an_error_that_comes_as_a_success_is_an_error(ask):
    body = {"error": {"code": 402, "message": "Pay first"}}
    fails(ask, "HTTP 402, 'Pay first'", mode="late_error", error=(200, body, {}))


def test_a_key_is_shown_nowhere_also_where_the_endpoint_repeats_it(ask, caplog):
    caplog.set_level(0)
    fails(ask, "What is Bearer [OPENAI_API_KEY]?", mode="echoes_key")
    assert ask("repeats_key").text == "Bearer [OPENAI_API_KEY]"
    fails(ask, "What is Bearer", mode="error", error=(500, f"<p>What is Bearer {SECRET}?", {}))
    with Endpoint(Access("http://127.0.0.1:9", SECRET), Budget(1, 1), 1) as judge:
        assert SECRET not in repr(judge) and SECRET not in repr(vars(judge))
    assert SECRET not in caplog.text and "[OPENAI_API_KEY]" in caplog.text


@pytest.mark.parametrize("mode", ["cut", "empty"])
def test_a_reply_that_was_cut_or_says_nothing_is_a_reply(ask, mode):
    assert ask(mode).text == {"cut": "Bo", "empty": ""}[mode]


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation", "invalid_prompt"])
def test_texts_that_a_judge_will_not_speak_of_get_an_empty_reply_and_others_are_judged(code):
    error = (400, {"error": {"message": "It was flagged", "code": code}}, {})
    with JudgeServer("error", times=1, error=error) as server, Endpoint(Access(server.url), Budget(9, 999), 5) as judge:
        assert judge.ask(ASKED) == Reply("", "judge", 0, 0)
        assert judge.ask(ASKED).text == "Both say something. [[C]]"


def test_a_reply_that_comes_drop_by_drop_is_one_that_takes_too_long(ask, monkeypatch):
    monkeypatch.setattr(module, "TRIES", 1)
    fails(ask, "no answer in time", mode="drips", seconds=0.1)


def test_a_reply_without_end_is_not_read_to_its_end(ask, monkeypatch):
    monkeypatch.setattr(module, "TRIES", 1)
    monkeypatch.setattr(module, "LARGEST", 5)
    fails(ask, "over 5 bytes", mode="drips")


def test_half_a_character_at_the_end_of_a_reply_can_be_written(ask):
    body = '{"choices": [{"message": {"content": "[[A]] \\ud83d"}}]}'
    assert ask("error", error=(200, body, {})) == Reply("[[A]] ?", "judge", ASKED.prompt_tokens, 3)  # 7 bytes


def test_a_reply_in_parts_is_what_its_texts_say(ask):
    """As Mistral's models that think aloud reply."""
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "[[B]]?"}]}
    parts = [thought, {"type": "text", "text": "It is "}, {"type": "text", "text": "[[A]]"}]
    assert ask("error", error=(200, {"choices": [{"message": {"content": parts}}]}, {})).text == "It is [[A]]"


def test_a_model_that_knows_only_the_new_name_of_the_limit_is_asked_by_it(ask):
    said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    error = (400, {"error": {"message": said, "code": "unsupported_parameter"}}, {})
    assert ask("error", times=1, error=error).text == "Both say something. [[C]]"
    assert [body.get("max_tokens") for body in ask.server.bodies] == [64, None]
    assert ask.server.bodies[1]["max_completion_tokens"] == 64
    fails(ask, said[:30], mode="error", error=error)


def test_what_ends_one_ends_all_and_nobody_asks_any_more():
    with JudgeServer("error", error=(402, {"error": "Pay first"}, {})) as server:
        with Endpoint(Access(server.url), Budget(99, 10**6), 5) as judge, ThreadPoolExecutor(4) as pool:
            ends = [pool.submit(judge.ask, ASKED) for _ in range(40)]
        assert {str(end.exception()).split(" 'Pay")[0] for end in ends} == {f"{server.url}: HTTP 402,"}
        assert len(server.bodies) <= 8


def test_whoever_waits_to_ask_again_is_not_waited_for_at_the_end():
    with JudgeServer("broken") as server, ThreadPoolExecutor(1) as pool:
        with Endpoint(Access(server.url), Budget(99, 10**6), 5) as judge:
            end = pool.submit(judge.ask, ASKED)
            while not server.bodies:
                time.sleep(0.001)
            judge.end()
            with pytest.raises(InputError, match="kept"):
                end.result(timeout=1)
            with pytest.raises(InputError, match="is not asked any more"):
                judge.ask(ASKED)
        assert len(server.bodies) == 1


def test_the_budget_ends_asking():
    with JudgeServer() as server, Endpoint(Access(server.url), Budget(2, 10**6), 5) as judge:
        judge.ask(ASKED)
        judge.ask(ASKED)
        with pytest.raises(InputError, match=r"judge\.requests: this run has made 2 requests"):
            judge.ask(ASKED)
        assert len(server.bodies) == 2


def test_threads_get_each_its_own_reply():
    single = "form: \"[[rating]]\"\n[The Start of Assistant's Answer]\n{}\n[The End of Assistant's Answer]"
    asked = [Request("judge", (("user", single.format("x" * n)),), 0, 8) for n in range(1, 21)]
    server = JudgeServer(score=lambda text, _: len(text))
    with server, Endpoint(Access(server.url), Budget(99, 10**6), 5) as judge, ThreadPoolExecutor(4) as pool:
        texts = [reply.text for reply in pool.map(judge.ask, asked)]
    assert [text.split("Rating: ")[1] for text in texts] == [f"[[{n}]]" for n in range(1, 21)]
