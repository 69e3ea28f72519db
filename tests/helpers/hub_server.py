"""A small hub on the loopback interface: what huggingface_hub asks for, plain files, and faults to switch on.

Routes as on the real one: /api/models/<id>/revision/<revision>, /<id>/resolve/<revision>/<file> and
/datasets/<id>/resolve/<revision>/<file>; everything in `plain` is served at its own path.
"""

import hashlib
import json
import re
import threading
from http.server import ThreadingHTTPServer
from urllib.parse import unquote, urlparse

from helpers.loopback import Handler

LARGE = (".safetensors", ".bin", ".model")  # stored by LFS: the hub records their sha256
_API = re.compile(r"/api/(models|datasets)/(.+)/revision/([^/]+)")
_RESOLVE = re.compile(r"/(?:(datasets)/)?(.+?)/resolve/([^/]+)/(.+)")


def git_blob(data):
    """git's own id of a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class HubServer:
    """`with HubServer() as hub`: an endpoint at `hub.url`.

    repos {id: {commit: {file: bytes}}}; branches {id: {branch: commit}}; plain {path: bytes, or str to redirect to, or
    function(handler) that answers}; asked: every request as (method, path, headers). Faults: `fail(text, status, times,
    code)` answers requests whose path contains the text; `bodies[file]` replaces what a download of that file delivers
    while the records stay; `extra[file]` are more headers of its answers, of which a Location makes them a redirect;
    `cut[file] = n` breaks the connection off after n bytes, once (`cut[None]` for a plain file); `gated` is a set of
    ids that want the token `secret`.
    """

    def __init__(self):
        self.repos, self.branches, self.plain = {}, {}, {}
        self.asked, self.failures, self.bodies, self.extra, self.cut, self.gated = [], [], {}, {}, {}, set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def add(self, repo, files, branch="main"):
        """Commit {file: bytes} to a branch. Returns the commit."""
        commit = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.repos.setdefault(repo, {})[commit] = files
        self.branches.setdefault(repo, {})[branch] = commit
        return commit

    def fail(self, text, status, times=10**6, code=None):
        self.failures.append({"text": text, "status": status, "times": times, "code": code})

    def downloads(self, text):
        """The headers of each GET whose path contains the text."""
        return [headers for method, path, headers in self.asked if method == "GET" and text in path]


class _Handler(Handler):
    hub = None

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def _answer(self):
        path = unquote(urlparse(self.path).path)
        self.hub.asked.append((self.command, self.path, dict(self.headers)))
        for failure in self.hub.failures:
            if failure["text"] in path and failure["times"] > 0:
                failure["times"] -= 1
                return self._error(failure["status"], failure["code"])
        if callable(self.hub.plain.get(path)):
            return self.hub.plain[path](self)
        if isinstance(self.hub.plain.get(path), str):
            return self._error(302, location=self.hub.plain[path])
        if path in self.hub.plain:
            return self._send(self.hub.plain[path], {})
        if match := _API.fullmatch(path):
            return self._info(*match.groups()[1:])
        if match := _RESOLVE.fullmatch(path):
            return self._file(*match.groups()[1:])
        return self._error(404)

    def _error(self, status, code=None, location=None):
        self.send_response(status)
        for key, value in (("X-Error-Code", code), ("Location", location)):
            if value:
                self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _commit(self, repo, revision):
        """The commit of a revision, or None after an error was sent."""
        if repo not in self.hub.repos:
            return self._error(401, "RepoNotFound")  # as the real hub does for strangers, lest they learn what exists
        commit = self.hub.branches[repo].get(revision, revision)
        return commit if commit in self.hub.repos[repo] else self._error(404, "RevisionNotFound")

    def _info(self, repo, revision):
        commit = self._commit(repo, revision)
        if commit is None:
            return
        siblings = []
        for name, data in self.hub.repos[repo][commit].items():
            sibling = {"rfilename": name}
            if "blobs=" in self.path:
                sibling |= {"size": len(data), "blobId": git_blob(data)}
                if name.endswith(LARGE):
                    sibling["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            siblings.append(sibling)
        body = {"id": repo, "sha": commit, "private": False, "tags": [], "downloads": 0, "siblings": siblings}
        self._send(json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _file(self, repo, revision, name):
        if repo in self.hub.gated and self.headers.get("Authorization") != "Bearer secret":
            return self._error(401, "GatedRepo")
        commit = self._commit(repo, revision)
        if commit is None:
            return
        if name not in self.hub.repos[repo][commit]:
            return self._error(404, "EntryNotFound")
        data = self.hub.repos[repo][commit][name]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{git_blob(data)}"'}
        if name.endswith(LARGE):
            digest = hashlib.sha256(data).hexdigest()
            headers |= {"ETag": f'"{digest}"', "X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data))}
        headers |= self.hub.extra.get(name, {})
        self._send(self.hub.bodies.get(name, data), headers, name)

    def _send(self, data, headers, name=None):
        first = 0
        if wanted := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            first = int(wanted[1])
            headers = {**headers, "Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"}
        self.send_response(302 if "Location" in headers else 206 if first else 200)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        if self.command == "HEAD":
            return
        end = self.hub.cut.pop(name, len(data))
        self.wfile.write(data[first:end])
        if end < len(data):
            self.close_connection = True
