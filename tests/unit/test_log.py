import subprocess
import sys

import pytest

SCRIPT = """
import errno, os, sys
from knowcost import log
from knowcost.errors import InputError
log.setup("job.log", threads=1)
import logging
logging.getLogger("knowcost.x").info("progress")
logging.getLogger("other").warning("noise")
raise {error}
"""


def run(folder, root, error):
    """(return code, console, log file) of a job that ends in an error."""
    script = SCRIPT.format(error=error)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env={"PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    return done.returncode, done.stderr, (folder / "job.log").read_text()


@pytest.mark.parametrize(
    ("error", "message", "traceback"),
    [
        ("InputError('models.tsv: no such thing')", "models.tsv: no such thing", False),
        ("OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))", "The disk is full", False),
        ("KeyError('a bug')", "a bug", True),
    ],
)
def test_only_a_mistake_in_the_program_shows_where_it_happened(tmp_path, root, error, message, traceback):
    code, console, file = run(tmp_path, root, error)
    assert code != 0
    for text in (console, file):
        assert message in text and "progress" in text
        assert ("Traceback" in text) == traceback
    assert "noise" in file and "noise" not in console
