"""How large a model of the table is, as well as it is known when a study is planned. Imports no torch."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from knowcost.common import paths
from knowcost.fetch import rows
from knowcost.models.gpus import BYTES
from knowcost.models.headers import read_config, read_object
from knowcost.plan.config import Row

UNKNOWN = 7_000_000_000  # parameters of a model that is not here yet


@dataclass(frozen=True)
class Size:
    """Of a model: how many parameters, and gigabytes (1e9 bytes) of weights on disk.

    packed: whether it computes on the weights as they are stored.
    """

    parameters: int
    stored_gb: float
    packed: bool = False


def size(row: Row) -> Size:
    """The Size of a model of the table, as well as it is known now; never raises.

    Once fetched, what source.json says. Before, for a local folder, the sizes of its files and the type that its
    config.json names. Otherwise UNKNOWN parameters of two bytes: a dry run then shows what a 7B would ask. What a job
    really asks is computed when it is submitted, and by then its model is fetched.
    """
    finders: tuple[Callable[[Row], Size | None], ...] = (_fetched, _local)
    for find in finders:
        try:
            found = find(row)
        # not there, or not what it should be
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            continue
        if found and found.parameters > 0:
            return found
    return Size(UNKNOWN, UNKNOWN * 2 / 1e9)


def _fetched(row: Row) -> Size:
    path = os.path.join(os.getcwd(), paths.model_source(row["name"]))
    return _read_source(path, _changed(path))


def _changed(*files: str | Path) -> tuple[int, ...]:
    """What is another number once one of these files is."""
    return tuple(number for about in map(os.stat, files) for number in (about.st_mtime_ns, about.st_ino))


@functools.lru_cache(maxsize=1024)  # every resource of every job asks
def _read_source(path: str, _changed: tuple[int, ...]) -> Size:
    source = read_object(path)
    weights = [entry["size"] for name, entry in source["files"].items() if rows.is_weights(name)]
    return Size(int(source["parameters"]), sum(weights) / 1e9, source.get("packed", False))


def _local(row: Row) -> Size | None:
    if not rows.is_local(row["source"]):
        return None
    if row.get("parent"):  # how many parameters a file stands for is known once it is fetched
        return None
    folder = Path(row["source"]).absolute()
    return _read_local(folder, row.get("allow", ""), _changed(folder, folder / "config.json"))


@functools.lru_cache(maxsize=1024)
def _read_local(folder: Path, allow: str, _changed: tuple[int, ...]) -> Size:
    row = {"name": folder.name, "source": str(folder), "allow": allow}
    _, weights = rows.choose(rows.names_in(folder), row)
    config = read_config(folder)
    stored = sum((folder / name).stat().st_size for name in weights)
    dtype = str(config.get("dtype") or config.get("torch_dtype"))
    return Size(stored // BYTES.get(dtype, 4), stored / 1e9)
