"""The world's own judge as a process beside this one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import knowcost
from knowcost.common.errors import InputError


@contextmanager
def started(folder: str | Path) -> Iterator[str]:
    """Start `world_server` for the world in `folder`; yields the endpoint's address, and ends the server behind it.

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
