"""The configuration, checked before anything runs: unknown keys, missing columns and impossible values are errors."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from knowcost.benchmarks import sizes
from knowcost.benchmarks.formats import CHOSEN, kind_of, with_companions
from knowcost.benchmarks.kinds import ACCURACY, KINDS, Kind
from knowcost.common import addresses, paths
from knowcost.common.errors import InputError
from knowcost.common.records import table, without_tabs
from knowcost.compress import registry
from knowcost.compress.calibration import texts
from knowcost.plan import judges, names, origin, schema, series
from knowcost.plan.brought import parted
from knowcost.plan.origin import DEFAULTS, ROOT, Origin
from knowcost.recover import registry as recoveries
from knowcost.spec import levels
from knowcost.spec.recoveries import parse as parse_recovery
from knowcost.spec.variants import LOST, SCOPES

Row = Mapping[str, str]  # of a table: {column: cell}


@dataclass(frozen=True)
class Study:
    """A checked configuration: `config` with the defaults, the tables' rows by name, in their order.

    models: the dense ones; brought: compressed versions of them that people already have (rows with a parent).
    gpu_memory_gb: of one GPU of the cluster; None where no job is to ask for one. secret: in full the sources with a
    query, which is hidden everywhere else (common/addresses.py). tables: {`models`, `benchmarks`: the file of each}.
    """

    config: dict[str, Any]
    models: dict[str, Row]
    benchmarks: dict[str, Row]
    gpu_memory_gb: float | None = None
    secret: list[str] = field(default_factory=list, repr=False)
    brought: dict[str, Row] = field(default_factory=dict)
    tables: dict[str, Path] = field(default_factory=dict)

    @property
    def checkpoints(self) -> dict[str, Row]:
        """All rows of the model table."""
        return {**self.models, **self.brought}


def use_this_package() -> None:
    """Make every Python that this process starts import the package beside this workflow, installed or not, and read
    and write UTF-8 whatever the locale."""
    os.environ["PYTHONUTF8"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def load(given: Mapping[str, Any], site_gpu_memory_gb: Any = None, by: Origin | None = None) -> Study:
    """The Study of what a user configures, and for the rest the defaults of config/config.yaml.

    site_gpu_memory_gb: what `gpu.memory_gb: auto` means, as the site's profile has it. by: who gave what; None where
    that is not known any more. Raises InputError on the first thing that is wrong.
    """
    config = origin.merged(origin.read(DEFAULTS), schema.typed(dict(given), "config"))
    schema.check(config, "config", "the configuration")
    config["study"]["experiments"] = [_with_levels(experiment) for experiment in config["study"]["experiments"]]
    secret: list[str] = []
    config["calibration"] = _with_path(config["calibration"], "calibration", secret)
    others = config["other_calibrations"].items()
    config["other_calibrations"] = {n: _with_path(data, f"other_calibrations.{n}", secret) for n, data in others}
    tables = {kind: origin.find(config[kind], kind, given, by) for kind in ("models", "benchmarks")}
    checkpoints = _table(tables["models"], "models", secret)
    benchmarks = _table(tables["benchmarks"], "benchmarks", secret)
    calibrations = texts.every(config)
    names.check(config, checkpoints, benchmarks, calibrations)
    models, brought = parted(config["models"], checkpoints)
    series.check(config["models"], models, brought)
    for name, row in benchmarks.items():
        _check_benchmark(f"{config['benchmarks']}: {name}", row)
    if "published" in config["study"]["protocols"]:
        benchmarks = with_companions(benchmarks)
    judges.check(config["judge"], checkpoints, benchmarks)
    for family in {row["family"] for row in models.values()}:
        if not any(family in families(row) for row in benchmarks.values() if _kind(row).measure == ACCURACY):
            raise InputError(
                f"{config['benchmarks']}: no benchmark asks models of family {family!r} for facts; add one, or take "
                "these models out of the model table"
            )
    for experiment in config["study"]["experiments"]:
        _check_experiment(experiment, calibrations)
    if config["score"]["int8_engine"] == "torch" and config["score"]["int8_activations"] == "sentence":
        raise InputError(
            "score.int8_activations: torch's engine has one scale per batch; "
            "set it to batch, or int8_engine to knowcost"
        )
    memory = _gpu_memory_gb(config["gpu"]["memory_gb"], site_gpu_memory_gb)
    return Study(config, models, benchmarks, memory, secret, brought, tables)


def refuse_secrets_in(command: Sequence[str], study: Study) -> None:
    """Raise InputError where the command line has the query of a source in it: Snakemake writes it into its log."""
    given = " ".join(command)
    for address in study.secret:
        if f"?{address.partition('#')[0].partition('?')[2]}" in given:
            raise InputError(
                f"--config: {address} has a query, which may be a key, and Snakemake writes its command line into its "
                "log; put it into a file and name that with --configfile"
            )


def nothing() -> Study:
    """A Study of no models and no benchmarks, configured by the defaults alone."""
    return Study(origin.read(DEFAULTS), {}, {})


def _gpu_memory_gb(configured: Any, of_site: Any) -> float | None:
    """of_site: from a profile, where Snakemake takes whole numbers as such and all else, 39.5 or '40', as a text."""
    if configured != "auto":
        return configured
    if of_site is None:
        return None
    try:
        found = float(str(of_site).strip("'\""))
    except ValueError:
        found = 0
    if not 0 < found < inf:
        raise InputError(
            f"gpu_memory_gb in the profile's default-resources: {of_site!r}; expected gigabytes, such as 40"
        )
    return found


def archive_mode(study: Study, model: str) -> str:
    """What stays of a model's archives (compress/archive/storage.MODES): its row says so, else the configuration."""
    return study.models[model].get("archive") or study.config["archive"]


def dtype(study: Study, row: str) -> str:
    """What a row of the model table is asked in, where nothing of it is int8."""
    return study.checkpoints[row].get("dtype") or "float32"


def _kind(row: Row) -> Kind:
    """What a benchmark row is. Raises InputError for a format that is not known."""
    return KINDS[kind_of(row["format"])]


def families(row: Row) -> list[str]:
    """The families that a benchmark row is asked of."""
    return [family.strip() for family in row["families"].split(",")]


def _check_benchmark(where: str, row: Row) -> None:
    try:
        can = _kind(row).families
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    cannot = [family for family in families(row) if family not in can]
    if cannot:
        raise InputError(
            f"{where}: models of family {cannot[0]!r} cannot be asked {row['format']!r}; "
            f"`families` may hold {', '.join(can)}"
        )
    _check_texts(where, row)


def _check_texts(where: str, row: Row) -> None:
    """Of the columns that say how texts are asked for."""
    for column, of_kind in (("new_tokens", "new_tokens"), ("size_bounds", "sized")):
        if row.get(column) and not getattr(_kind(row), of_kind):
            takes = [name for name in CHOSEN if getattr(KINDS[kind_of(name)], of_kind)]
            raise InputError(
                f"{where}: {column} is {row[column]!r}, but format {row['format']!r} takes none; leave the cell empty. "
                f"Formats that do: {', '.join(takes)}"
            )
    try:
        sizes.given(row.get("size_bounds") or sizes.TERCILES)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _with_levels(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """An experiment whose levels are as slugs have them. Raises InputError."""
    if "levels" not in experiment:
        return {**experiment}
    try:
        return {**experiment, "levels": [levels.written(entry) for entry in experiment["levels"]]}
    except InputError as error:
        raise InputError(f"study.experiments: {experiment['name']!r}: {error}") from None


def _check_experiment(experiment: Mapping[str, Any], calibrations: Collection[str]) -> None:
    where = f"study.experiments: {experiment['name']!r}"
    if LOST in experiment["steps"]:
        raise InputError(
            f"{where}: {LOST!r} is no step to choose; study.protocols: [corrected, published] adds it to every variant "
            "of the final layer"
        )
    unknown = [step for step in experiment["steps"] if step not in registry.CHOSEN]
    if unknown:
        raise InputError(f"{where}: no method {unknown[0]!r}; known: {', '.join(registry.CHOSEN)}")
    takes = [step for step in experiment["steps"] if registry.METHODS[step].levels]
    if takes and not experiment.get("levels"):
        kinds = ", or ".join(levels.KINDS[kind] for kind in registry.METHODS[takes[0]].levels)
        raise InputError(f"{where}: {takes[0]} needs `levels`, a list of levels {kinds}")
    if not takes and experiment.get("levels"):
        raise InputError(f"{where}: none of {', '.join(experiment['steps'])} takes `levels`; remove the key")
    for entry in experiment.get("levels", ()):
        try:
            for step, level in zip(takes, levels.spread(entry, len(takes)), strict=True):
                registry.check_level(step, level)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    if experiment.get("calibrations") and not any(registry.METHODS[step].needs_data for step in experiment["steps"]):
        raise InputError(f"{where}: none of {', '.join(experiment['steps'])} looks at data; remove `calibrations`")
    unknown = [name for name in experiment.get("calibrations", ()) if name not in calibrations]
    if unknown:
        raise InputError(f"{where}: no calibration data {unknown[0]!r}; known: {', '.join(calibrations)}")
    _check_recoveries(where, experiment, calibrations)
    unknown = [scope for scope in experiment["scopes"] if scope not in SCOPES]
    if unknown:
        raise InputError(f"{where}: no scope {unknown[0]!r}; known: {', '.join(SCOPES)}")


def _check_recoveries(where: str, experiment: Mapping[str, Any], calibrations: Collection[str]) -> None:
    if experiment.get("recover_dense") and not experiment.get("recover"):
        raise InputError(f"{where}: `recover_dense` without `recover`; name the recoveries, or remove the key")
    for text in experiment.get("recover", ()):
        try:
            recovery = parse_recovery(text)
            recoveries.check(recovery)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if recovery.data and recovery.data not in calibrations:
            raise InputError(
                f"{where}: recovery {text!r}: no calibration data {recovery.data!r}; known: {', '.join(calibrations)}"
            )


def _table(file: Path, kind: str, secret: list[str]) -> dict[str, Row]:
    """Rows of a tab-separated table by name, each checked against the schema; absent cells are empty strings.

    secret: as in `_with_path`.
    """
    rows: dict[str, Row] = {}
    for where, row in table(file):
        _check_row(row, kind, where)
        if row["name"] in rows:
            raise InputError(f"{where}: two rows are named {row['name']!r}")
        rows[row["name"]] = _with_path(row, f"{where}: row {row['name']!r}", secret)
    if not rows:
        raise InputError(f"{file}: no rows")
    return rows


def _check_row(row: Row, kind: str, where: str) -> None:
    try:
        schema.check(row, kind, f"{where}: row {row.get('name')!r}")
    except InputError:
        typed = " ".join(filter(None, row.values()))
        if schema.allows(dict(zip(row, typed.split(), strict=False)), kind):  # blanks where tabs were meant
            raise without_tabs(where, typed) from None
        raise


def _with_path(row: Mapping[str, Any], where: str, secret: list[str]) -> dict[str, Any]:
    """A row or section whose source, if it has one, is as the stages read it, with its query hidden.

    secret: gets the source in full where something was hidden.
    """
    if "source" not in row:
        return {**row}
    if addresses.has_login(row["source"]):
        raise InputError(
            f"{where}: source: an address with a user or a password (or a port that is no number), which would be "
            "stored with the results; put them in ~/.netrc as `machine HOST login USER password PASSWORD` and take "
            "them out of the address"
        )
    source = addresses.hidden(row["source"])
    if source != row["source"]:
        secret.append(row["source"])
    try:
        return {**row, "source": paths.given(source)}
    except InputError as error:
        raise InputError(f"{where}: source: {error}") from None
