"""The raw file of a benchmark or of calibration data: local, or downloaded."""

from collections.abc import Mapping
from pathlib import Path

from knowcost.common.errors import InputError
from knowcost.fetch import hub
from knowcost.fetch.rows import REMOTE


def fetch_benchmark_source(row: Mapping[str, str], downloads: str | Path) -> Path:
    """The Path of a benchmark's raw file or folder, downloaded into `downloads` first where it is remote.

    A remote zip is unpacked, and `#path/inside` leads into it; jobs that share one download it once. Raises InputError
    when it cannot be had, or is not what the row's sha256 says.
    """
    if row["source"].startswith(REMOTE):
        return hub.benchmark_file(row, downloads)
    path = Path(row["source"])
    if not path.exists():
        raise InputError(f"{row['name']}: there is no file or folder {path}; correct the source column")
    if row.get("sha256"):
        problem = "a folder has no sha256" if path.is_dir() else hub.wrong_sum(row, path)
        if problem:
            raise InputError(f"{path}: {problem}; correct the sha256 column of {row['name']}, or the file")
    return path
