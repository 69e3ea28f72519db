"""A judge that follows the facts of the embedded world: an OpenAI-compatible server on this machine, for the demo.

    python -m knowcost.judge.world_server resources/world

prints the address of its endpoint once it can be asked, and ends with the process that started it. It finds in the
judge's prompt who is asked about, counts the statements of each answer that are true of that person, less those that
are not, and prefers the answer with more. A statement counts once in a conversation, so one that the first answer made
is nothing new in the second. What is no statement of the world, or one about somebody else, counts nothing. The same
prompt has the same reply.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import knowcost
from knowcost.common.errors import InputError
from knowcost.world import facts as world
from knowcost.world.biographies import TURNS
from knowcost.world.truth import Person, people

MODEL = "world-facts"
MOST_BYTES = 10_000_000  # of a request

# Where the prompts of MT-Bench's rubrics have the questions and the answers.
_QUESTION = re.compile(r"\[(?:User )?Question\]\n(.*?)\n\n\[The Start of ", re.S)
_ANSWER = re.compile(r"\[The Start of Assistant(?: [AB])?'s Answer\]\n(.*?)\n\[The End of ", re.S)
_CONVERSATION = re.compile(r"<\|The Start of Assistant [AB]'s Conversation with User\|>(.*?)<\|The End of ", re.S)
_SAID = re.compile(r"### (User|Assistant [AB]):\n(.*?)\s*(?=### |\Z)", re.S)


class Unreadable(Exception):
    """A prompt in which no question about one of the world's people is found; the text says so."""


def judge(prompt: str, known: dict[str, Person]) -> str:
    """The reply to a judge's prompt; of two answers [[A]], [[B]] or [[C]], of one a rating as [[number]].

    Raises Unreadable.
    """
    question, answers = _read(prompt)
    person = _person(question, known)
    counts = [_count(person, turns) for turns in answers]
    said = [f"{true} true and {false} false statements about {person.name}" for true, false in counts]
    points = [true - false for true, false in counts]
    if len(answers) == 1:
        return f"The answer makes {said[0]}.\nRating: [[{_rating(points[0], len(answers[0]))}]]"
    verdict = "A" if points[0] > points[1] else "B" if points[1] > points[0] else "C"
    return f"Assistant A makes {said[0]}, assistant B {said[1]}.\n[[{verdict}]]"


def _read(prompt: str) -> tuple[str, list[list[str]]]:
    """The first question, and each assistant's answers turn by turn."""
    question, answers = _QUESTION.search(prompt), _ANSWER.findall(prompt)
    if question and answers:
        return question[1], [[answer] for answer in answers]
    said = [_SAID.findall(conversation) for conversation in _CONVERSATION.findall(prompt)]
    if said and all(said):
        return said[0][0][1], [[text for who, text in each if who != "User"] for each in said]
    raise Unreadable("this judge reads the prompts of MT-Bench's rubrics alone: mt_bench_pair and mt_bench_single")


def _person(question: str, known: dict[str, Person]) -> Person:
    for found in re.finditer(r"(?=\b(\w+ \w+)\b)", question.lower()):
        if found[1] in known:
            return known[found[1]]
    raise Unreadable(f"this judge knows the people of the embedded world alone; the question is {question[:200]!r}")


def _count(person: Person, answers: list[str]) -> tuple[int, int]:
    """(true, false) statements of the last answer that none before it made."""
    *before, last = map(person.said_in, answers)
    return person.count(last.difference(*before))


def _rating(points: int, turn: int) -> str:
    """From 1 to 10, which is for all that the turn asks and nothing wrong."""
    asked = len(TURNS[min(turn, len(TURNS)) - 1][1])
    return f"{min(10, 1 + 9 * max(0, points) / asked):g}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    known: dict[str, Person]

    def do_GET(self) -> None:
        if self.path.rstrip("/") == "/v1/models":
            self._answer(HTTPStatus.OK, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        else:
            self._refuse(HTTPStatus.NOT_FOUND, f"there is no {self.path}")

    def do_POST(self) -> None:
        try:
            length = int(self.headers.get("Content-Length", ""))
            if not 0 <= length <= MOST_BYTES:
                raise ValueError(f"{length} bytes")
            asked = json.loads(self.rfile.read(length))
            model, messages = asked["model"], asked["messages"]
            prompt = "\n\n".join(str(message["content"]) for message in messages if message["role"] == "user")
        except (ValueError, KeyError, TypeError) as error:
            return self._refuse(HTTPStatus.BAD_REQUEST, f"no request of a chat completion: {error}")
        if self.path.rstrip("/") != "/v1/chat/completions" or model != MODEL:
            return self._refuse(HTTPStatus.NOT_FOUND, f"there is no {self.path} with a model {model!r}; it is {MODEL}")
        try:
            self._answer(HTTPStatus.OK, _completion(prompt, judge(prompt, self.known)))
        except Unreadable as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._answer(status, {"error": {"message": message, "type": "invalid_request_error", "code": status.value}})

    def _answer(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        if status != HTTPStatus.OK:  # what was sent may not have been read to its end
            self.send_header("Connection", "close")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged: the judge's job keeps each reply in a file."""


def _completion(prompt: str, reply: str) -> dict[str, Any]:
    read, written = len(prompt.split()), len(reply.split())
    message = {"role": "assistant", "content": reply}
    return {
        "id": "chatcmpl-world",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }


class _Server(ThreadingHTTPServer):
    """Ends with the process that started it, however that ended."""

    daemon_threads = True
    parent = 0

    def service_actions(self) -> None:
        if os.getppid() != self.parent:
            raise SystemExit


def serve(folder: str) -> None:
    """Answer on a free port of the loopback address, which is printed, until the starting process ends.

    Raises InputError where `folder` holds no world.
    """
    handler = type("Handler", (_Handler,), {"known": people(world.read(folder, "facts"))})
    with _Server(("127.0.0.1", 0), handler) as server:
        server.parent = os.getppid()
        print(f"http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
        server.serve_forever()


@contextmanager
def started(folder: str | Path) -> Iterator[str]:
    """A server for the world in `folder` as a process beside this one, which ends with the block; yields its address.

    Raises InputError, with what the server said, where it does not start.
    """
    beside = os.pathsep.join(filter(None, [str(Path(knowcost.__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    server = subprocess.Popen(
        [sys.executable, "-m", "knowcost.judge.world_server", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": beside},
    )
    try:
        address = server.stdout.readline().strip() if server.stdout else ""
        if not address:
            raise InputError(f"the world's judge did not start: {server.communicate()[1].strip()}")
        yield address
    finally:
        server.kill()
        server.communicate()


if __name__ == "__main__":
    try:
        serve(*sys.argv[1:])
    except InputError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass
