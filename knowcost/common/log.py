"""How a job begins (log, threads, memory, and no network unless it fetches), and the line that says how far it is."""

import errno
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from knowcost.common import addresses, files, heap, paths
from knowcost.common.display import visible
from knowcost.common.errors import InputError

FORMAT = "%(asctime)s %(name)s: %(message)s"
EVERY = 5  # seconds between two lines on the same work
CHATTY = "httpx2"  # a line per request, of which a judge's job makes thousands
UNUSED = "bitsandbytes.backends.cpu.ops"  # warns of a kernel that it lacks wherever PEFT is imported
BY_PEFT = ("`is_gradient_checkpointing` is deprecated", "fan_in_fan_out is set to False but")  # of how it calls others
REQUESTED = ("predicted_s", "runtime", "mem_mb")  # seconds, minutes, MB
OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE")  # transformers goes by the first


def setup(
    path: str | Path, threads: int | None = None, online: bool = False, resources: Mapping[str, Any] | None = None
) -> None:
    """Send this process's logging, warnings and uncaught errors to `path`, and progress lines to stderr too; keep what
    memory it frees (heap.py).

    threads: how many the numerical libraries may use. online: whether the job may ask the hub for anything; only those
    that fetch may, since a cluster's compute nodes often have no network, and a job that waits for one holds a GPU.
    Both are set before the libraries are imported. resources: the job's, of which what was predicted and asked for
    is kept beside the log, for the report's table of times. An InputError is shown as its message alone: the
    traceback would point into the program, and the mistake is in the input.
    """
    heap.keep_freed()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if resources is not None:
        files.write_json(paths.requested_beside(path), {name: resources.get(name) for name in REQUESTED})
    if threads:
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[variable] = str(threads)
    if not online:
        os.environ.update(dict.fromkeys(OFFLINE, "1"))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # it is one more request that may wait for a network
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    _spare_the_home()
    console = logging.StreamHandler(sys.__stderr__)
    console.addFilter(lambda record: record.name.startswith("knowcost"))
    console.setFormatter(_Formatter("  %(message)s"))
    file = logging.FileHandler(path, mode="w", encoding="utf-8")
    file.setFormatter(_Formatter(FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[file, console], force=True)
    logging.captureWarnings(True)
    logging.getLogger(UNUSED).setLevel(logging.ERROR)
    logging.getLogger(CHATTY).setLevel(logging.WARNING)
    for message in BY_PEFT:
        warnings.filterwarnings("ignore", message)
    sys.excepthook = _report
    if "SLURM_JOB_ID" in os.environ:
        logging.getLogger("knowcost").info(_where(os.environ))


def _spare_the_home() -> None:
    """Where the home folder cannot be written, caches that XDG_CACHE_HOME does not move go beside the run's records."""
    if not os.access(os.path.expanduser("~"), os.W_OK):
        for variable in ("MPLCONFIGDIR", "TRITON_HOME"):
            os.environ.setdefault(variable, str(Path(".snakemake/caches", variable).absolute()))


class _Formatter(logging.Formatter):
    """As logging's, but what facts and files hold does not act on the terminal that shows it.

    What may be a key in the addresses of a line is hidden, also where a library says it: httpx logs each request.
    """

    def format(self, record: logging.LogRecord) -> str:
        return visible(addresses.hide(super().format(record)))


class Progress:
    """Lines on long work, with the seconds it took so far, at most one every EVERY seconds and none on short work.

    log: the logger of the module that works. Attribute: seconds since the work began, that is, since this was made.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._began = self._said = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def say(self, message: str, *arguments: object) -> None:
        """Log `message`, a %-format as of logging, unless the last one is not EVERY seconds old."""
        now = time.monotonic()
        if now - self._said > EVERY:
            self._said = now
            self._log.info(f"{message}, %.0f s so far", *arguments, now - self._began)


def _where(environment: Mapping[str, str]) -> str:
    """Which Slurm job this is, and what it was given: on which node, and which of its GPUs."""
    gpus = environment.get("SLURM_STEP_GPUS") or environment.get("SLURM_JOB_GPUS") or "none"
    node = environment.get("SLURMD_NODENAME", "?")
    visible = environment.get("CUDA_VISIBLE_DEVICES", "")
    return f"Slurm job {environment['SLURM_JOB_ID']} on node {node}, GPUs: {gpus} (CUDA_VISIBLE_DEVICES={visible})"


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, InputError):
        message = str(error)
    elif isinstance(error, KeyboardInterrupt):
        message = "stopped (Ctrl-C)"
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        message = f"The disk is full ({error}). Nothing half-written was kept: free some space and run again."
    else:
        message = "".join(traceback.format_exception(kind, error, trace))
    logging.getLogger("knowcost").error(message)
