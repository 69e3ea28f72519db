"""A judge on the loopback interface: chat completions as OpenAI defined them, in as many moods as judges have.

It finds the answers in a prompt by the marks that FastChat, LLM-KICK and our own rubrics put around them, and the form
of the reply by the words in which a prompt asks for it.
"""

import contextlib
import json
import re
import socket
import threading
from http.server import ThreadingHTTPServer

from helpers.loopback import Handler

TOLD = {"Retry-After": "7"}
TALK = re.compile(r"<\|The Start of Assistant (?:A|B)'s Conversation[^\n]*\n(.*?)<\|The End of Assistant", re.S)
TURN = re.compile(r"### Assistant (?:A|B):\n(.*?)(?=\n### |\Z)", re.S)
MARKED = re.compile(r"\[(?:The Start of Assistant[^\]]*|Summary)\]\n(.*?)\n*\[(?:The )?End of", re.S)
WORDS = {  # how servers say that a prompt is too long: (status, body)
    "openai": (400, {"error": {"message": "Your input exceeds the limit.", "code": "context_length_exceeded"}}),
    "vllm": (400, {"object": "error", "message": "This model's maximum context length is 16 tokens.", "code": 400}),
    "vllm_new": (400, {"error": {"message": "'max_tokens' or 'max_completion_tokens' is too large: 9. This model's "
                                            "maximum context length is 16 tokens", "code": 400}}),
    "vllm_decoder": (400, {"error": {"message": "The prompt (length 9) is longer than the maximum model length"}}),
    "vllm_none_left": (400, {"object": "error", "message": "max_tokens must be at least 1, got -186.", "code": 400}),
    "llama_cpp": (400, {"error": {"code": 400, "message": "no room", "type": "exceed_context_size_error"}}),
    "llama_cpp_old": (500, {"error": {"code": 500, "message": "Context size has been exceeded."}}),
    "sglang": (400, {"object": "error", "message": "The input (9 tokens) is longer than the model's context length"}),
    "tgi": (422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 9"}),
    "anthropic": (400, {"error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8"}}),
    "nginx": (413, "<html><head><title>413 Request Entity Too Large</title></head></html>"),
}  # fmt: skip


def answers(prompt):
    """The texts that a prompt holds against each other, or the one that it shows; of conversations the last answers."""
    talks = TALK.findall(prompt)
    return [TURN.findall(talk)[-1].strip() for talk in talks] if talks else [x.strip() for x in MARKED.findall(prompt)]


def reply(prompt, scores):
    """A judge's words in the form that the prompt asks for, of one score for each of its answers."""
    first, last = scores[0], scores[-1]
    if "[[rating]]" in prompt:
        return f"It says what it says.\nRating: [[{first}]]"
    if "[[A]]" in prompt:
        return f"Both say something. [[{'C' if first == last else 'A' if first > last else 'B'}]]"
    if "tuple" in prompt:
        return f"I solved it first.\n({first}, {last})\nOne is longer."
    line = " ".join(map(str, scores))
    return "\n".join([line] * (4 if "four lines" in prompt else 1) + ["They differ in what they say."])


class JudgeServer:
    """`with JudgeServer(mode) as judge`: an endpoint at `judge.url`, which ends with the block.

    score(text, prompt) -> 1 to 10 is what a fair judge thinks of an answer; 5 of all where it is not given. times: so
    many requests meet the mode, the others a fair judge. asked: each request as (path, headers, body). Modes: fair,
    prefers_first, prefers_longer, garbage (words without a verdict), cut, empty, not_json, no_choices, busy (429, once
    or `times`), broken (500), closes, slow (until the block ends), drips (a byte each 10 ms), too_long (`words` of
    WORDS), echoes_key, repeats_key (in its reply), error (`error`: a status, a body and more headers), late_error (the
    same with 200). Attributes: models; key, which all requests must bear (None: any); lists: whether there is a list of
    models.
    """

    def __init__(self, mode="fair", score=None, times=None, words="openai", error=(400, {}, {})):
        self.mode, self.words, self.error = mode, words, error
        self.score = score or (lambda text, prompt: 5)
        self.left = times if times is not None else 1 if mode == "busy" else 10**9
        self.models, self.key, self.lists, self.asked = ["judge", "other"], None, True, []
        self.lock, self.ended = threading.Lock(), threading.Event()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"judge": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()  # which waits for its threads
        self._thread.join()

    @property
    def bodies(self):
        """What was asked of a judge, in the order in which it came."""
        return [body for path, _, body in self.asked if path.endswith("/chat/completions")]

    def mood(self):
        """The mode of the next request."""
        with self.lock:
            self.left -= 1
            return self.mode if self.left >= 0 else "fair"

    def says(self, prompt, mode):
        """What stands in a reply to a prompt."""
        shown = answers(prompt)
        if mode == "garbage":
            return "As a large language model I like both of them very much."
        if mode == "empty" or not shown:
            return None if mode == "empty" else "Yes."
        if mode == "prefers_first":
            scores = [8, 3][: len(shown)]
        elif mode == "prefers_longer":
            words = [len(text.split()) for text in shown]
            scores = [1 + 9 * (count == max(words)) for count in words]
        else:
            scores = [self.score(text, prompt) for text in shown]
        text = reply(prompt, scores)
        return text[:2] if mode == "cut" else text


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, *arguments):
        self._calls = []
        super().__init__(*arguments)

    def process_request(self, request, client_address):
        self._calls.append(request)
        super().process_request(request, client_address)

    def hang_up(self):
        """End connections that clients keep open."""
        for call in self._calls:
            with contextlib.suppress(OSError):
                call.shutdown(socket.SHUT_RDWR)


class _Handler(Handler):
    judge = None

    def do_GET(self):
        self.judge.asked.append((self.path, dict(self.headers), None))
        if not self.judge.lists:
            return self._send(404, {"detail": "Not Found"})
        if self._is_stranger():
            return None
        return self._send(200, {"object": "list", "data": [{"id": name} for name in self.judge.models]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.judge.asked.append((self.path, dict(self.headers), body))
        if self._is_stranger():
            return None
        if body["model"] not in self.judge.models:
            return self._send(404, _error(f"The model `{body['model']}` does not exist", "model_not_found"))
        mode = self.judge.mood()
        answer = getattr(self, f"_{mode}", None)
        return answer() if answer else self._complete(body, mode)

    def _complete(self, body, mode):
        prompt = "\n".join(message["content"] for message in body["messages"])
        text = self.headers["Authorization"] if mode == "repeats_key" else self.judge.says(prompt, mode)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        if mode == "cut":
            choice["finish_reason"] = "length"
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len((text or "").split())}
        self._send(200, {"model": f"{body['model']}-2026", "choices": [choice], "usage": usage})

    def _is_stranger(self):
        """Whether the key is wrong; then that has been said."""
        found = self.headers.get("Authorization", "")
        if self.judge.key is None or found == f"Bearer {self.judge.key}":
            return False
        told = found.removeprefix("Bearer ") or "none"
        self._send(401, _error(f"Incorrect API key provided: {told}.", "invalid_api_key"))
        return True

    def _busy(self):
        self._send(429, _error("Rate limit reached", "rate_limit_exceeded"), TOLD)

    def _broken(self):
        self._send(500, _error("The server had an error", None))

    def _closes(self):
        self.close_connection = True

    def _slow(self):
        self.judge.ended.wait(10)
        self.close_connection = True

    def _drips(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.judge.ended.wait(0.01):
                self.wfile.write(b" ")
                self.wfile.flush()
        self.close_connection = True

    def _too_long(self):
        self._send(*WORDS[self.judge.words])

    def _echoes_key(self):
        self._send(400, _error(f"What is {self.headers['Authorization']}?", None))

    def _not_json(self):
        self._send(200, "<html>Welcome</html>")

    def _no_choices(self):
        self._send(200, {"choices": []})

    def _error(self):
        self._send(*self.judge.error)

    def _late_error(self):
        self._send(200, self.judge.error[1])

    def _send(self, status, body, headers=None):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _error(message, code):
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
