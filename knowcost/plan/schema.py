"""What a configuration and its tables may hold: values get the types of the schemas, and what is wrong is an error."""

import functools
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from knowcost.common.errors import InputError

SCHEMAS = Path(__file__).with_name("schemas")


def check(value: Any, name: str, where: str) -> None:
    """Raise InputError, which begins with `where`, for the first thing that the schema `name` does not allow."""
    errors = sorted(_validator(_schema(name)).iter_errors(value), key=lambda e: list(map(str, e.path)))
    if errors:
        error = errors[0]
        key = ".".join(str(part) for part in error.absolute_path)
        allowed = ""
        if error.validator == "additionalProperties":
            allowed = f"; known keys here: {', '.join(error.schema.get('properties', {}))}"
        raise InputError(
            f"{where}: {f'{key}: ' if key else ''}{error.message}{allowed}; config/README.md explains the keys"
        )


def typed(value: Any, name: str) -> Any:
    """The value with every text that the schema `name` does not allow read as YAML, where that is allowed.

    Snakemake hands over what stands inside `--config "gpu={memory_gb: 80}"` as text, and `limit=null` too.
    """
    return _typed(value, _schema(name))


def _typed(value: Any, schema: dict[str, Any]) -> Any:
    if isinstance(value, str) and not _validator(schema).is_valid(value):
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError:
            return value
        fits = isinstance(read, dict | list) or _validator(schema).is_valid(read)
        return _typed(read, schema) if fits and not isinstance(read, str) else value
    if isinstance(value, dict):
        others = schema.get("additionalProperties") or {}
        return {key: _typed(item, schema.get("properties", {}).get(key, others)) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item, schema.get("items", {})) for item in value]
    return value


@functools.cache
def _schema(name: str) -> dict[str, Any]:
    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))


def _validator(schema: dict[str, Any]) -> Any:
    return jsonschema.Draft202012Validator(schema)
