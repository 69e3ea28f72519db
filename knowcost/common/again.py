"""What says that a folder is whole, remembered where Snakemake does not look.

Snakemake goes by times, which a copied project may not have, and deletes what a job is to make before the job runs,
even where another run that shares the folder has made it and is reading it. So manifest.json and source.json have a
sealed copy beside them, hidden, which also says what they were made of. A job that would make the same puts the file
back.
"""

from pathlib import Path
from typing import Any

from knowcost.common import files, seal
from knowcost.common.errors import InputError


def remember(path: str | Path, of: Any) -> None:
    """Keep a copy of a JSON file whose folder is whole. of: what it was made of, a value as JSON has them."""
    seal.write_json(_copy(path), {"of": seal.of_values(of), "made": files.read_json(path)})


def remembered(path: str | Path, of: Any) -> Any | None:
    """What a JSON file held when its folder was last whole, if that was made of the same; else None."""
    copy = _read(path)
    return copy["made"] if copy and copy["of"] == seal.of_values(of) else None


def last(path: str | Path) -> Any | None:
    """The same, whatever it was made of."""
    copy = _read(path)
    return copy and copy["made"]


def forget(path: str | Path) -> None:
    """Remove the copy, since the folder will not be whole for a while."""
    _copy(path).unlink(missing_ok=True)
    seal.beside(_copy(path)).unlink(missing_ok=True)


def _read(path: str | Path) -> Any | None:
    try:
        copy = seal.read_json(_copy(path))
    except InputError:  # none, or it is damaged
        return None
    return copy if isinstance(copy, dict) and copy.keys() == {"of", "made"} else None  # of another version


def _copy(path: str | Path) -> Path:
    return Path(path).with_name(f".{Path(path).name}")
