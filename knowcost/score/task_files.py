"""The files that say how lm-evaluation-harness asks a kind: ours in tasks/, and those of the harness that they include.

Light at import, as cells are: the harness itself takes seconds.
"""

import functools
import importlib.util
from importlib import metadata
from pathlib import Path

import yaml

from knowcost.common import files
from knowcost.common.errors import InputError

FOLDER = Path(__file__).with_name("tasks")
HARNESS_FOLDER = "$TASKS/"  # how our files begin the name of one of the harness's


def task_file(kind: str) -> Path:
    """Our file of a kind, in which $TASKS (the harness's tasks) and $PARQUET (the benchmark) are to be filled in.

    Raises InputError for a kind without one.
    """
    path = FOLDER / f"{kind}.yaml"
    if not path.is_file():
        raise InputError(f"{path}: missing; kind {kind!r} is asked by lm-evaluation-harness, which takes a task file")
    return path


@functools.cache
def harness_version() -> str:
    """The version of the installed lm_eval."""
    return metadata.version("lm_eval")


@functools.cache
def harness_folder() -> Path:
    """Where the installed lm_eval has its own tasks. Raises ModuleNotFoundError where there is none."""
    spec = importlib.util.find_spec("lm_eval")  # finds it without importing it
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("lm_eval is not installed")
    return Path(spec.submodule_search_locations[0]) / "tasks"


def digests(path: Path) -> list[str]:
    """Hex sha256 of a task file and of those that it includes, directly or not, in their order.

    The code that they name is not among them: the harness's is known by its version, and who changes what an answer
    counts for in this package raises STAGE_VERSION of score.
    """
    about = path.stat()
    digest, names = _read(path, about.st_mtime_ns, about.st_size)
    folders = [harness_folder() if name.startswith(HARNESS_FOLDER) else path.parent for name in names]
    included = [folder / name.removeprefix(HARNESS_FOLDER) for folder, name in zip(folders, names, strict=True)]
    return [digest, *(each for file in included for each in digests(file))]


@functools.cache
def _read(path: Path, changed: int, size: int) -> tuple[str, tuple[str, ...]]:
    """(hex sha256 of a task file, names of the files that it includes); kept while the file is the same, as every job
    of a study asks for every batch and benchmark anew. changed: when, in ns.

    The base loader knows no tags: `!function` would import code.
    """
    named = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader).get("include", [])
    return files.sha256(path), (named,) if isinstance(named, str) else tuple(named)
