"""The configuration, checked before anything runs: unknown keys, missing columns and impossible values are errors."""

import csv
import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path

from knowcost.benchmarks.formats import FORMATS, with_companions
from knowcost.benchmarks.kinds import KINDS
from knowcost.common.errors import InputError
from knowcost.compress import registry
from knowcost.compress.calibration import texts
from knowcost.spec import levels
from knowcost.spec.architectures import family_of
from knowcost.spec.variants import SCOPES

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = Path(__file__).with_name("schemas")


@dataclass(frozen=True)
class Study:
    """A checked configuration: `config` as given, `models` and `benchmarks` {name: row} in the tables' order."""

    config: dict
    models: dict
    benchmarks: dict


def use_this_package():
    """Make every Python that this process starts import the package beside this workflow, installed or not."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def load(config):
    """The Study of a Snakemake config dictionary. Raises InputError on the first thing that is wrong."""
    _validate(config, "config", "the configuration")
    models = _table(config["models"], "models")
    benchmarks = _table(config["benchmarks"], "benchmarks")
    for name, row in benchmarks.items():
        _check_benchmark(f"{config['benchmarks']}: {name}", row)
    if "published" in config["study"]["protocols"]:
        benchmarks = with_companions(benchmarks)
    for family in {row["family"] for row in models.values()}:
        if not any(family in families(row) for row in benchmarks.values() if kind(row).measures == "accuracy"):
            raise InputError(
                f"{config['benchmarks']}: no benchmark asks models of family {family!r} for facts; add one, or take "
                "these models out of the model table"
            )
    for experiment in config["study"]["experiments"]:
        _check_experiment(experiment, texts.every(config))
    if config["score"]["int8_engine"] == "torch" and config["score"]["int8_activations"] == "sentence":
        raise InputError(
            "score.int8_activations: torch's engine has one scale per batch; "
            "set it to batch, or int8_engine to knowcost"
        )
    return Study(config, models, benchmarks)


def archive_mode(study, model):
    """What stays of a model's archives (keep.MODES): its row says so, else the configuration."""
    return study.models[model].get("archive") or study.config["archive"]


def kind(row):
    """What a benchmark row is, of benchmarks.kinds."""
    return KINDS[FORMATS[row["format"]][0]]


def families(row):
    """The families that a benchmark row is asked of."""
    return [family.strip() for family in row["families"].split(",")]


def _check_benchmark(where, row):
    if row["format"] not in FORMATS:
        raise InputError(f"{where}: no format {row['format']!r}; known: {', '.join(FORMATS)}")
    cannot = [family for family in families(row) if family not in kind(row).families]
    if cannot:
        raise InputError(
            f"{where}: models of family {cannot[0]!r} cannot be asked {row['format']!r}; "
            f"`families` may hold {', '.join(kind(row).families)}"
        )


def _check_experiment(experiment, calibrations):
    where = f"study.experiments: {experiment['name']!r}"
    unknown = [step for step in experiment["steps"] if step not in registry.METHODS]
    if unknown:
        raise InputError(f"{where}: no method {unknown[0]!r}; known: {', '.join(registry.METHODS)}")
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
    unknown = [scope for scope in experiment["scopes"] if scope not in SCOPES]
    if unknown:
        raise InputError(f"{where}: no scope {unknown[0]!r}; known: {', '.join(SCOPES)}")


@functools.cache
def _schema(name):
    import yaml

    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text())


def _validate(value, schema, where):
    import jsonschema

    errors = sorted(jsonschema.Draft202012Validator(_schema(schema)).iter_errors(value), key=lambda e: list(e.path))
    if errors:
        error = errors[0]
        key = ".".join(str(part) for part in error.absolute_path)
        allowed = ""
        if error.validator == "additionalProperties":
            allowed = f"; known keys here: {', '.join(error.schema.get('properties', {}))}"
        raise InputError(
            f"{where}: {f'{key}: ' if key else ''}{error.message}{allowed}; config/README.md explains the keys"
        )


def _table(path, kind):
    """Rows of a tab-separated table by name, each checked against the schema; absent cells are empty strings."""
    file = Path(path) if Path(path).exists() else ROOT / path
    if not file.exists():
        raise InputError(f"{kind}: no table {path!r}, neither here nor in the workflow's folder")
    rows = {}
    with open(file, newline="") as f:
        lines = (line for line in f if line.strip() and not line.startswith("#"))
        for row in csv.DictReader(lines, delimiter="\t"):
            row = {key: (value or "").strip() for key, value in row.items() if key} | (
                {"": "cells beyond the last column"} if None in row else {}
            )
            _validate(row, kind, f"{path}: row {row.get('name')!r}")
            if row["name"] in rows:
                raise InputError(f"{path}: two rows are named {row['name']!r}")
            rows[row["name"]] = row
    if not rows:
        raise InputError(f"{path}: no rows")
    return rows


def check_families(study):
    """Raise InputError when a local model's config.json already contradicts its row, before any job starts."""
    for name, row in study.models.items():
        file = Path(row["source"]) / "config.json"
        if file.is_file():
            model_type = json.loads(file.read_text()).get("model_type")
            found = family_of(model_type)
            if found != row["family"]:
                raise InputError(
                    f"model {name!r}: family is {row['family']!r}, but {model_type!r} in {file} is {found!r}"
                )
