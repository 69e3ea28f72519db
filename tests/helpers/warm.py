"""Snakemake without its start: each run is a fork of one process that has loaded all that Snakemake imports.

Loading takes a second of a CPU; what a dry run of a small project does itself takes half of one. The process has loaded
nothing of knowcost, so each run reads the package beside its own Snakefile, as any run does. The scripts of jobs are
forks too (helpers/warm_scripts.py).
"""

import atexit
import functools
import gc
import importlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

LONGEST = 900  # seconds, a guard against what hangs
SCRIPTS = Path(__file__).with_name("warm_scripts.py")
DRY = {"-n", "--unlock"}  # no script runs
BESIDE = (  # what snakemake.cli loads later on
    "jsonschema",
    "nbformat",
    "safetensors",
    "smart_open",
    "snakemake.report.html_reporter",
    "yte",
)


def snakemake(folder, *options, **environment):
    """Run snakemake in a folder to the end; {stdout, stderr, returncode}. environment: variables beside those here."""
    with tempfile.TemporaryDirectory() as said:
        request = {
            "options": list(map(str, options)),
            "folder": str(folder),
            "said": said,
            "scripts": None if DRY & set(map(str, options)) else _scripts(),
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
    return _started(__file__)


@functools.cache
def _scripts():
    """Where the process that is forked for scripts is asked: the path of a socket, in a folder of its own."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    address = os.path.join(folder, "scripts")
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # fit to be forked
    server = _started(SCRIPTS, "serve", address, XDG_CACHE_HOME=folder, HF_HUB_OFFLINE="1", **one_thread)
    assert server.stdout.readline() == "ready\n"
    return address


def _started(program, *arguments, **environment):
    """A process that ends with this one, where a workflow finds it hard: without a home folder, in a locale of C."""
    command, pipes = [sys.executable, program, *arguments], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    hard = {"LC_ALL": "C", "HOME": "/proc/nothing"}
    server = subprocess.Popen(command, **pipes, text=True, env=os.environ | hard | environment)
    atexit.register(server.stdin.close)
    return server


def _serve():
    for name in BESIDE:
        importlib.import_module(name)
    from snakemake.cli import main
    from warm_scripts import to_the_end

    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _become(request)
            to_the_end(main, request["options"])
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
    if request["scripts"]:
        from snakemake.script import PythonScript

        PythonScript.execute_script = functools.partialmethod(_execute_script, request["scripts"])


def _execute_script(script, server, fname, edit=False):
    """In place of Snakemake's own method, which starts a new Python for each script."""
    command = shlex.join([sys.executable, "-I", "-S", str(SCRIPTS), server])
    script._execute_cmd("{command} {fname:q}", command=command, fname=fname, is_python_script=True)


if __name__ == "__main__":
    _serve()
