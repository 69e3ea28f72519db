"""Snakemake without its start: each run is a fork of one process that has loaded all that Snakemake imports.

Loading takes a second of a CPU; what a dry run of a small project does itself takes half of one. The process has loaded
nothing of knowcost, so each run reads the package beside its own Snakefile, as any run does.
"""

import atexit
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

LONGEST = 300  # seconds
BESIDE = ("jsonschema", "nbformat", "smart_open", "snakemake.report", "yte")  # what snakemake.cli loads later on


def snakemake(folder, *options, **environment):
    """Run snakemake in a folder to the end; {stdout, stderr, returncode}. environment: variables beside those here."""
    with tempfile.TemporaryDirectory() as said:
        request = {
            "options": list(map(str, options)),
            "folder": str(folder),
            "said": said,
            "environment": os.environ | environment,
        }
        server = _server()
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        out, err = (Path(said, name).read_text() for name in ("stdout", "stderr"))
    return subprocess.CompletedProcess(["snakemake", *options], code, out, err)


@functools.cache
def _server():
    """The process that is forked, where a workflow finds it hard: without a home folder, in a locale of C."""
    hard = os.environ | {"LC_ALL": "C", "HOME": "/proc/nothing"}
    server = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=hard
    )
    atexit.register(server.stdin.close)
    return server


def _serve():
    for name in BESIDE:
        importlib.import_module(name)
    from snakemake.cli import main

    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _become(request)
            main(request["options"])  # which exits
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(request):
    """Make of a fork what a new process would be."""
    signal.alarm(LONGEST)
    for number, (name, mode) in enumerate((("/dev/null", "r"), ("stdout", "w"), ("stderr", "w"))):
        with open(os.path.join(request["said"], name), mode) as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = ["snakemake", *request["options"]]
    sys.path[:1] = os.environ.get("PYTHONPATH", "").split(os.pathsep)  # in place of this file's folder


if __name__ == "__main__":
    _serve()
