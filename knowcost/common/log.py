"""How a job begins: its log, its threads, and no network unless it fetches."""

import errno
import logging
import os
import sys
import traceback
from pathlib import Path

from knowcost.common.errors import InputError

FORMAT = "%(asctime)s %(name)s: %(message)s"
OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE")  # transformers goes by the first


def setup(path, threads=None, online=False):
    """Send this process's logging, warnings and uncaught errors to `path`, and progress lines to stderr too.

    threads: how many the numerical libraries may use. online: whether the job may ask the hub for anything; only those
    that fetch may, since a cluster's compute nodes often have no network, and a job that waits for one holds a GPU.
    Both are set before the libraries are imported. An InputError is shown as its message alone: the traceback would
    point into the program, and the mistake is in the input.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if threads:
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[variable] = str(threads)
    if not online:
        os.environ.update(dict.fromkeys(OFFLINE, "1"))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    console = logging.StreamHandler(sys.__stderr__)
    console.addFilter(lambda record: record.name.startswith("knowcost"))
    console.setFormatter(logging.Formatter("  %(message)s"))
    file = logging.FileHandler(path, mode="w")
    file.setFormatter(logging.Formatter(FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[file, console], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _report
    if "SLURM_JOB_ID" in os.environ:
        logging.getLogger("knowcost").info(_where(os.environ))


def _where(environment):
    """Which Slurm job this is, and what it was given: on which node, and which of its GPUs."""
    gpus = environment.get("SLURM_STEP_GPUS") or environment.get("SLURM_JOB_GPUS") or "none"
    node = environment.get("SLURMD_NODENAME", "?")
    visible = environment.get("CUDA_VISIBLE_DEVICES", "")
    return f"Slurm job {environment['SLURM_JOB_ID']} on node {node}, GPUs: {gpus} (CUDA_VISIBLE_DEVICES={visible})"


def _report(kind, error, trace):
    if isinstance(error, InputError):
        message = str(error)
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        message = f"The disk is full ({error}). Nothing half-written was kept: free some space and run again."
    else:
        message = "".join(traceback.format_exception(kind, error, trace))
    logging.getLogger("knowcost").error(message)
