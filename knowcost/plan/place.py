"""Where the workflow runs, looked at before anything is planned."""

import os
from pathlib import Path

from knowcost.common.errors import InputError

WRITTEN = ("results", "resources", "logs")  # relative to the folder of the run (common/paths.py)


def check(workflow: Path) -> None:
    """Raise InputError where a run in this folder, or the workflow in its own, would break in the middle.

    workflow: the folder of the workflow, which jobs find by PYTHONPATH.
    """
    if os.pathsep in str(workflow):
        raise InputError(f"{workflow}: Python takes {os.pathsep!r} for the end of a folder's name; rename the folder")
    for name in WRITTEN:
        path = Path(name).absolute()
        if os.path.lexists(path) and not path.is_dir():
            what = f"a link to {os.readlink(path)}, which is not there" if path.is_symlink() else "a file"
            raise InputError(f"{path}: {what}; expected a folder, which the workflow makes: move it away")
        lowest = path if path.is_dir() else path.parent
        if not os.access(lowest, os.W_OK | os.X_OK):
            raise InputError(
                f"{lowest}: cannot be written; change its permissions, or run in a folder of your own (--directory)"
            )
