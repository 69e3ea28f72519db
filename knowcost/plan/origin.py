"""Where a configuration comes from: who named a key, and in which folders a table is looked for."""

import functools
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from knowcost.common import paths
from knowcost.common.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
CONFIG = Path("config/config.yaml")  # of the folder in which the workflow runs, and of the repository
DEFAULTS = ROOT / CONFIG
COMMAND_LINE = "--config"
SOMEWHERE = "the configuration"  # of a workflow that uses this one, or where only the merged keys are known


@dataclass(frozen=True)
class Origin:
    """Who gave what stands above the defaults. files: lowest first; command: what `--config` says."""

    files: Sequence[Path] = ()
    command: Mapping[str, Any] = field(default_factory=dict)

    def who(self, key: str, given: Mapping[str, Any]) -> tuple[str, bool]:
        """(who named a key last, as people know it; whether that is the user rather than the repository).

        given: all that the user gave, merged.
        """
        if key in self.command:
            return COMMAND_LINE, True
        for file in reversed(self.files):
            if key in read(file):
                return shown(file), not _is_the_repository_s(file)
        return (SOMEWHERE, True) if key in given else (shown(DEFAULTS), False)

    def words(self) -> str:
        """What the configuration is, in the order in which it is read."""
        elsewhere = "" if DEFAULTS.is_relative_to(Path.cwd()) else f" (there is no {CONFIG} here)"
        named = [shown(file) for file in self.files] or [shown(DEFAULTS) + elsewhere]
        return ", ".join(named + [COMMAND_LINE] * bool(self.command))


def here() -> Path | None:
    """The configuration of the folder in which the workflow runs, where that is not the repository itself.

    Raises InputError where there is a file of that name which is no configuration.
    """
    try:
        if not os.path.lexists(CONFIG) or (CONFIG.exists() and CONFIG.samefile(DEFAULTS)):
            return None
    except OSError as error:
        raise InputError(f"{CONFIG}: cannot be read ({error.strerror}); mend that, or move it away") from None
    read(CONFIG)  # a link to nothing, too, was meant to be one
    return CONFIG


def with_file(configfile: str | None) -> tuple[dict[str, Any], Origin]:
    """All that a configuration file (None: no further one) and that of this folder under it give, as Snakemake merges
    them, and that they gave it."""
    by = Origin([file for file in (here(), configfile and Path(configfile)) if file])
    return functools.reduce(merged, map(read, by.files), {}), by


def read(path: Path) -> dict[str, Any]:
    """The keys of a configuration file. Raises InputError where it is none."""
    try:
        text = path.read_text(encoding="utf-8")
        given = _parsed(text)
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path}: is no readable configuration: {' '.join(str(error).split())}") from None
    if not isinstance(given, dict):
        raise InputError(f"{path}: expected the keys of a configuration, such as `models:`, found none")
    return given


def merged(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults, changed as given: sections key by key, lists whole. Keys that have no default stay: the schema
    knows which may."""
    found = {**defaults, **given}
    for key in defaults.keys() & given.keys():
        if isinstance(defaults[key], dict) and isinstance(given[key], dict):
            found[key] = merged(defaults[key], given[key])
    return found


def find(path: str, kind: str, given: Mapping[str, Any], origin: Origin | None) -> Path:
    """Where a table is: a path that the user names is one of the folder in which Snakemake runs, and of no other; one
    that the repository's own files name is looked for there, and then in the repository.

    kind: `models` or `benchmarks`, the key that names it; given: all that the user gave; origin: None where nobody
    knows any more who named it, and both folders count. Raises InputError where it is not there.
    """
    file = Path(paths.given(path))
    if os.path.exists(file):  # which, unlike Path.exists, has an answer to paths that are too long
        return file
    who, is_own = origin.who(kind, given) if origin else (SOMEWHERE, False)
    in_repository = ROOT / file
    if not is_own and os.path.exists(in_repository):
        return in_repository
    if not is_own:
        raise InputError(
            f"{kind}: no table {path!r}, neither in {Path.cwd()} nor in the workflow's folder, {ROOT}; {who} names it"
        )
    place = "" if file.is_absolute() else f" in {Path.cwd()}, where this runs (--directory)"
    other = f"; the workflow's own is {in_repository}" if os.path.exists(in_repository) and place else ""
    raise InputError(f"{kind}: no table {path!r}{place}; {who} names it: put it there, or write where it is{other}")


def shown(path: Path) -> str:
    """A path as people would write it here: relative where it lies in this folder."""
    whole = path.absolute()
    return str(whole.relative_to(Path.cwd())) if whole.is_relative_to(Path.cwd()) else str(whole)


def _is_the_repository_s(file: Path) -> bool:
    return file.resolve().is_relative_to(DEFAULTS.parent)


def _parsed(text: str) -> Any:
    """As Snakemake reads it: JSON (which may have tabs), or YAML."""
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)
