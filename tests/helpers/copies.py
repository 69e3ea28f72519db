"""A copy of the workflow in a folder of its own, for tests that run or change it."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("Snakefile", "config", "knowcost", "profiles", "resources/published", "slurm", "workflow")


def copy_workflow(folder):
    """Copy what a run needs, and nothing that a run made, into `folder`."""
    for name in COPIED:
        source, target = ROOT / name, Path(folder) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
        elif source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
