"""Names of models, benchmarks and calibration data, which become names of files and folders."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from knowcost.common import paths, seal
from knowcost.common.errors import InputError

MAIN = "main"  # of aggregate/relearning.py, which loads pandas

# What lies in results/ beside the models' folders.
_PAGE = [path for file in (paths.REPORT, paths.STUDY) for path in (file, seal.beside(file))]
OURS = {Path(path).name for path in (paths.TABLES, paths.EXPLORE, paths.FIGURES, paths.REPORT_FACTS, *_PAGE)}


def check(
    config: Mapping[str, Any], models: Iterable[str], benchmarks: Iterable[str], calibrations: Iterable[str]
) -> None:
    """Raise InputError for a name under which two things would have one file or folder.

    Capitals do not count: some file systems, as those of macOS and Windows, know no difference.
    """
    _check(config["models"], "model", models, OURS)
    _check(config["benchmarks"], "benchmark", benchmarks)
    _check("other_calibrations", "calibration data", calibrations)
    if MAIN in config["other_calibrations"]:
        raise InputError(f"other_calibrations: {MAIN!r} is what the tables call the study's main texts; rename it")


def _check(where: str, what: str, names: Iterable[str], ours: Collection[str] = ()) -> None:
    taken: dict[str, str] = {}
    for name in names:
        if name.lower() in ours:
            raise InputError(
                f"{where}: no {what} may be called {name!r}, as what lies beside it in results/ is; rename it"
            )
        if (other := taken.setdefault(name.lower(), name)) != name:
            raise InputError(
                f"{where}: {what} {other!r} and {name!r} differ in nothing but capitals, and would be one file where a "
                "file system does not tell these apart; rename one of them"
            )
