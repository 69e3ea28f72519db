"""What is kept of all variants, in one index, so that whoever plans need not open every file.

    results/.asked.json

Of each archive it has the digest of its weights and what is kept of its cells, of each benchmark the digest and the
number of its rows, with the stamp of the file or folder that said so. What has the same stamp now is taken as it is,
all else is read again. It is only a cache, and may be deleted at any time.
"""

import functools
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowcost.benchmarks import prepared
from knowcost.common import files, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import storage
from knowcost.score import cells, kept
from knowcost.score.kept import Kept

SETTLED = 2 * 10**9  # nanoseconds after which a file that changes has another time, on any file system

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Archive:
    """weights: the digest of an archive's weights, None where there is none that can be read; kept: of its cells."""

    weights: str | None
    kept: tuple[Kept, ...]


@dataclass(frozen=True)
class Benchmark:
    """The digest and the number of rows of a prepared benchmark."""

    sha256: str
    rows: int


class Index:
    """The index of a study's folder, as it was when it was loaded; `of_archive` and `of_benchmark` bring it up to
    date."""

    def __init__(self, known: dict[str, Any]) -> None:
        self._known, self._changed = known, False

    def of_archive(self, model: str, variant: str) -> Archive:
        """What is there of a variant now."""
        manifest, folder = paths.manifest(model, variant), paths.kept_dir(model, variant)
        weights = self._look(manifest, lambda: cells.weights_of(storage.read_manifest(manifest, of=(model, variant))))
        names = self._look(folder, lambda: [each.name for each in kept.listed(model, variant)])
        return Archive(weights, tuple(each for each in map(kept.parse, names or ()) if each))

    def of_benchmark(self, name: str) -> Benchmark | None:
        """What a prepared benchmark says of itself; None where there is none that can be read."""
        path = paths.benchmark(name)
        found = self._look(path, lambda: [seal.check(path), prepared.metadata(path)["rows"]])
        return found and Benchmark(*found)

    def _look(self, path: str, read: Callable[[], Any]) -> Any:
        """What was read of a file or folder as it is now; None where it is not there or cannot be read."""
        try:
            about = os.stat(path)
        except OSError:
            return None
        stamp = [about.st_mtime_ns, about.st_size, about.st_ino]
        entry = self._known.get(path)
        if not isinstance(entry, dict) or entry.get("stamp") != stamp:
            try:
                said = read()
            except (InputError, OSError):  # the job that needs it will say so
                return None
            if about.st_mtime_ns > time.time_ns() - SETTLED:
                return said  # what changes in the same tick of the file system's clock has the same stamp
            entry = self._known[path] = {"stamp": stamp, "said": said}
            self._changed = True
        return entry["said"]

    def save(self) -> None:
        """Write it, if anything is new and the folder of results is there to write into. No run fails for it."""
        if self._changed and os.access(Path(paths.ASKED).parent, os.W_OK | os.X_OK):
            try:
                files.write_json(paths.ASKED, self._known)
            except OSError as error:
                log.warning("%s: not written (%s), so the next start looks at every file", paths.ASKED, error.strerror)
            self._changed = False


@functools.cache
def load(folder: Path) -> Index:
    """The index of the study in a folder, the working directory; one for the whole process."""
    try:
        known = files.read_json(folder / paths.ASKED)
    except (OSError, ValueError):
        known = {}
    return Index(known if isinstance(known, dict) else {})
