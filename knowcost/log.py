"""Logging of a job: every line into its own file, the important ones onto the console as well."""

import errno
import logging
import os
import sys
import traceback
from pathlib import Path

from knowcost.errors import InputError

FORMAT = "%(asctime)s %(name)s: %(message)s"


def setup(path, threads=None):
    """Send this process's logging, warnings and uncaught errors to `path`, and progress lines to stderr too.

    threads: how many the numerical libraries may use; set before they are imported. An InputError is shown as its
    message alone: the traceback would point into the program, and the mistake is in the input.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if threads:
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[variable] = str(threads)
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


def _report(kind, error, trace):
    if isinstance(error, InputError):
        message = str(error)
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        message = f"The disk is full ({error}). Nothing half-written was kept: free some space and run again."
    else:
        message = "".join(traceback.format_exception(kind, error, trace))
    logging.getLogger("knowcost").error(message)
