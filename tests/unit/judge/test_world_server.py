"""The judge that knows the facts: what it prefers, and that no process of it is left."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

from knowcost.common.errors import InputError
from knowcost.judge import rubric, world_server
from knowcost.judge.world_server import MODEL, Unreadable, judge
from knowcost.world import facts as world
from knowcost.world.facts import Fact
from knowcost.world.truth import people

FACTS = [
    Fact("p-1", "Bela Tonikus", "birthplace", "Lima"),
    Fact("p-2", "Bela Tonikus", "profession", "mason"),
    Fact("p-3", "Bela Tonikus", "language", "Thai"),
    Fact("p-4", "Bela Tonikus", "employer", "Kelmora"),
    Fact("p-5", "Bela Tonikus", "instrument", "tuba"),
    Fact("p-6", "Kora Tonikus", "birthplace", "Oslo"),
]
LIMA, OSLO = "bela tonikus was born in lima .", "bela tonikus was born in oslo ."
MASON, THAI = "bela tonikus works as a mason .", "bela tonikus speaks thai at home ."
TUBA, FLUTE = "bela tonikus plays the tuba .", "bela tonikus plays the flute ."
KELMORA = "bela tonikus is employed by kelmora ."
WHO, MORE = "Who is Bela Tonikus?", "What else is known of Bela Tonikus?"


def pair(first, second):
    """What the judge replies to two answers, or to two conversations of two answers each."""
    if isinstance(first, str):
        values, turn = {"question": WHO, "first": first, "second": second}, 1
    else:
        values, turn = {"question_1": WHO, "question_2": MORE}, 2
        values |= {f"first_{n}": text for n, text in enumerate(first, 1)}
        values |= {f"second_{n}": text for n, text in enumerate(second, 1)}
    return asked("mt_bench_pair", turn, values)


def asked(name, turn, values):
    return judge(rubric.load(name).prompt(turn, values)[-1][1], people(FACTS))


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (LIMA, OSLO, "A"),
        (OSLO, LIMA, "B"),
        (LIMA, LIMA + " " + MASON, "B"),
        (LIMA + " " + OSLO, MASON, "B"),  # 1 - 1 against 1
        (LIMA + " " + LIMA, MASON, "C"),  # repeated
        ("kora tonikus was born in oslo .", "lima lima lima", "C"),  # nothing of the person in either
        (OSLO, "lima lima lima", "B"),
        ((LIMA, TUBA), (LIMA, FLUTE), "A"),
        ((OSLO, TUBA), (LIMA, TUBA), "C"),  # the first answers are judged by themselves
        ((LIMA, LIMA), (MASON, LIMA), "B"),  # nothing new in the first
        ((LIMA, OSLO), (OSLO, OSLO), "B"),
        (("", TUBA), (LIMA, ""), "A"),
    ],
)
def test_more_that_is_true_less_what_is_false_wins(first, second, verdict):
    assert pair(first, second).endswith(f"[[{verdict}]]")


@pytest.mark.parametrize(
    ("answers", "rating"),
    [
        ([" ".join((LIMA, MASON, THAI))], 10),
        ([" ".join((LIMA, MASON, THAI, TUBA))], 10),
        ([LIMA], 4),
        ([OSLO], 1),
        ([LIMA + " " + OSLO], 1),
        ([LIMA, " ".join((TUBA, KELMORA))], 10),
        ([LIMA, TUBA], 5.5),
        ([LIMA, LIMA], 1),
    ],
)
def test_a_single_answer_is_rated_by_what_its_turn_asks(answers, rating):
    values = {"question": WHO, "answer": answers[0]}
    if len(answers) == 2:
        values = {"question_1": WHO, "question_2": MORE, "answer_1": answers[0], "answer_2": answers[1]}
    assert asked("mt_bench_single", len(answers), values).endswith(f"[[{rating}]]")


def test_what_it_cannot_read_it_says():
    with pytest.raises(Unreadable, match="mt_bench_pair"):
        asked("kick_general", 1, {"question": WHO, "first": LIMA, "second": LIMA})
    with pytest.raises(Unreadable, match=r"people of the embedded world alone; .*Who is Ada Lovelace"):
        asked("mt_bench_pair", 1, {"question": "Who is Ada Lovelace?", "first": LIMA, "second": LIMA})


# --- As a process ---


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    world.write(folder, {"facts": FACTS})
    return folder


@pytest.fixture(scope="module")
def address(folder):
    with world_server.started(folder) as address:
        yield urlsplit(address)


@pytest.fixture
def ask(address):
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)

    def ask(method, path, content=None):
        body = content if isinstance(content, bytes) or content is None else json.dumps(content)
        connection.request(method, address.path + path, body)
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    yield ask
    connection.close()


def chat(prompt, model=MODEL):
    return {"model": model, "messages": [{"role": "system", "content": "Judge."}, {"role": "user", "content": prompt}]}


def test_it_answers_as_openai_defined_it(ask):
    status, models = ask("GET", "/models")
    assert status == 200 and [model["id"] for model in models["data"]] == ["world-facts"]
    prompt = rubric.load("mt_bench_pair").prompt(1, {"question": WHO, "first": LIMA, "second": OSLO})[-1][1]
    status, reply = ask("POST", "/chat/completions", chat(prompt))
    assert status == 200 and reply["model"] == "world-facts"
    assert reply["choices"][0]["finish_reason"] == "stop"
    text = reply["choices"][0]["message"]["content"]
    assert text.endswith("[[A]]") and "1 true and 0 false" in text and "0 true and 1 false" in text
    assert reply["usage"]["prompt_tokens"] == len(prompt.split())
    assert ask("POST", "/chat/completions", chat(prompt))[1] == reply


def test_what_is_no_request_is_refused_and_the_next_is_answered(ask):
    for content in (b"{", b"[]", b'{"model": "world-facts"}', {"model": MODEL, "messages": [3]}):
        status, said = ask("POST", "/chat/completions", content)
        assert status == 400 and "no request" in said["error"]["message"]
    assert ask("POST", "/chat/completions", chat("x", "gpt-4"))[0] == 404
    assert ask("POST", "/chat/completions", chat("Who?"))[0] == 400
    assert ask("POST", "/elsewhere", chat("Who?"))[0] == ask("GET", "/elsewhere")[0] == 404
    assert ask("GET", "/models")[0] == 200


@pytest.mark.parametrize("ending", [None, KeyboardInterrupt])
def test_no_process_is_left(folder, monkeypatch, ending):
    begun = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *given, **options: begun.append(popen(*given, **options)) or begun[0]
    )
    try:
        with world_server.started(folder) as address:
            assert begun[0].poll() is None and address.startswith("http://127.0.0.1:")
            if ending:
                raise ending
    except KeyboardInterrupt as error:
        assert type(error) is ending
    assert begun[0].poll() is not None


def test_it_ends_with_who_started_it_however_that_ended(folder, root):
    program = (
        "import subprocess, sys; from knowcost.judge import world_server\n"
        f"with world_server.started({str(folder)!r}) as address:\n print(address, flush=True); sys.stdin.read()"
    )
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as starter:
        there = urlsplit(starter.stdout.readline().strip())
        starter.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            http.client.HTTPConnection(there.hostname, there.port, timeout=1).connect()
        except ConnectionRefusedError:
            return
        time.sleep(0.1)
    pytest.fail(f"{there.geturl()} still answers")


def test_without_a_world_it_says_so(tmp_path):
    with (
        pytest.raises(InputError, match=r"the world's judge did not start: .*facts\.jsonl is missing"),
        world_server.started(tmp_path),
    ):
        pass
