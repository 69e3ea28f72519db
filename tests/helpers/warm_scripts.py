"""The scripts of a warm Snakemake's jobs without their start: forks of one process that has loaded the libraries.

Loading torch and transformers takes five seconds of a CPU, which most jobs of a small study need for nothing else. The
process has loaded nothing of knowcost, so each script runs the package beside its own Snakefile. The first job of each
script starts as users' jobs do, so that one that does not import what it uses is noticed; so do all that may ask a hub,
since its address is read when the libraries are loaded.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import socket
import sys
from pathlib import Path

LOADED = (
    "lm_eval.models.huggingface",
    "lm_eval.tasks",
    "pandas",
    "peft",
    "pyarrow.parquet",
    "safetensors.torch",
    "scipy.stats",
    "snakemake.script",
    "transformers.models.bert.modeling_bert",
    "transformers.models.llama.modeling_llama",
    "transformers.models.t5.modeling_t5",
)
COLD = "cold"  # the answer where the script is to start as ever; else what its fork ended with


def _ask(address, script):
    """The side of the job."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        job = {"script": script, "folder": os.getcwd(), "environment": dict(os.environ)}
        socket.send_fds(server, [json.dumps(job).encode() + b"\n"], [0, 1, 2])
        answer = server.makefile().readline().strip()
    if answer == COLD:
        os.execv(sys.executable, [sys.executable, script])
    sys.exit(int(answer))


def _serve(address):
    """Answer until stdin ends. Returns, in a fork, the script that it is to run."""
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()
    seen, running = set(), {}  # running: {a pipe that a fork's end closes: (the fork, the job that waits for it)}
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([listening, sys.stdin, *running], [], [])
            if sys.stdin in ready:
                sys.exit()
            for pipe in running.keys() & ready:
                os.close(pipe)
                fork, waiting = running.pop(pipe)
                code = os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])
                _tell(waiting, code if code >= 0 else 128 - code)
            if listening in ready:
                waiting, _ = listening.accept()
                job, files = _read(waiting)
                if _starts_cold(job, seen):
                    _tell(waiting, COLD)
                else:
                    pipe, end = os.pipe()
                    fork = os.fork()
                    if not fork:
                        _become(job, files)
                        return job["script"]
                    os.close(end)
                    running[pipe] = fork, waiting
                for file in files:
                    os.close(file)


def _read(connection):
    """What a job says, and the files that are its stdin, stdout and stderr."""
    text, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not text.endswith(b"\n"):
        text += connection.recv(1 << 20)
    return json.loads(text), files


def _starts_cold(job, seen):
    kind = Path(job["script"]).name.partition(".")[2]  # behind the random name of Snakemake's copy
    first = kind not in seen
    seen.add(kind)
    return first or job["environment"].get("HF_HUB_OFFLINE") != "1"


def _tell(connection, answer):
    connection.sendall(f"{answer}\n".encode())
    connection.close()


def _become(job, files):
    """Make of a fork what a new process would be."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    sys.argv = [job["script"]]
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [str(Path(job["script"]).parent), *filter(None, path)]  # in place of this file's folder


def to_the_end(run, *arguments):
    """Run what a process is for, and end: taking all apart that is loaded would take half a second."""
    code = 0
    try:
        run(*arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        script = _serve(sys.argv[2])
        to_the_end(runpy.run_path, script, None, "__main__")
    else:
        _ask(*sys.argv[1:])
