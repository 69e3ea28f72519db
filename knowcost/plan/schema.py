"""What a configuration and its tables may hold: values get the types of the schemas, and what is wrong is an error."""

import datetime
import functools
import re
from collections.abc import Iterable, Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from knowcost.common.errors import InputError
from knowcost.common.files import parse_yaml

SCHEMAS = Path(__file__).with_name("schemas")
_EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")  # to YAML a text, unless there is a point and a sign


def check(value: Any, name: str, where: str) -> None:
    """Raise InputError, which begins with `where`, for the first thing that the schema `name` does not allow."""
    errors = sorted(_Validator(_schema(name)).iter_errors(value), key=lambda e: list(map(str, e.path)))
    if errors:
        error = errors[0]
        raise InputError(
            f"{where}: {_place(value, error.absolute_path)}{error.message}{_allowed(error)}; config/README.md explains "
            "the keys"
        )


def allows(value: Any, name: str) -> bool:
    """Whether the schema `name` allows a value."""
    return _Validator(_schema(name)).is_valid(value)


def _place(value: Any, path: Iterable[str | int]) -> str:
    """The keys to a place in a value, before a message on it: "study.experiments: 'prune': levels: ".

    An experiment is called by its name, or by its number where it has none. Of a text or a number in a list the message
    shows all that there is.
    """
    said, keys = "", list[str]()
    for part in path:
        value = value[part]
        if isinstance(part, str):
            keys.append(part)
        elif isinstance(value, dict):
            name = value.get("name")
            one = repr(name) if isinstance(name, str) else f"the {_ordinal(part + 1)} {keys[-1].removesuffix('s')}"
            said, keys = f"{said}{'.'.join(keys)}: {one}: ", []
    return said + (f"{'.'.join(keys)}: " if keys else "")


def _ordinal(number: int) -> str:
    """As a place in a list is said: 1st, 2nd, 11th."""
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _allowed(error: jsonschema.ValidationError) -> str:
    """What the message of an error leaves out of what would be right."""
    schema: Any = error.schema
    if error.validator == "additionalProperties":
        return f"; known keys here: {', '.join(schema.get('properties', {}))}"
    if error.validator == "anyOf":
        return f": {yaml.safe_dump(error.validator_value, default_flow_style=True, width=200).strip()}"
    if error.validator in ("pattern", "required", "minItems") and "description" in schema:
        return f" ({schema['description']})"
    if error.validator_value == "array":
        return "; a list stands in square brackets: [first, second]"
    if error.validator_value == "string" and isinstance(error.instance, bool | int | float | datetime.date):
        return "; put a text in quotes"
    return "; leave the key out to have the default" if error.instance is None else ""


def typed(value: Any, name: str) -> Any:
    """The value with what stands in another type than the schema `name` wants read as that type, where that is sure.

    A text is read as YAML: Snakemake hands over what stands inside `--config "gpu={memory_gb: 80}"` as text, and
    `limit=null` too. Where a text is wanted, a whole number or a date is the text that was written; where a whole
    number is, 1e3 is one. No text becomes of other numbers (1.10 was perhaps written) and of yes and no.
    """
    return _typed(value, _schema(name))


def _typed(value: Any, schema: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        others = schema.get("additionalProperties") or {}
        return {key: _typed(item, schema.get("properties", {}).get(key, others)) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item, schema.get("items", {})) for item in value]
    if isinstance(value, float) and value.is_integer() and _wants(schema, "integer"):
        return int(value)
    if isinstance(value, int | datetime.date) and not isinstance(value, bool):
        return str(value) if _wants(schema, "string") and not _wants(schema, "integer") else value
    if isinstance(value, str) and not _Validator(schema).is_valid(value):
        return _read(value, schema)
    return value


def _read(text: str, schema: dict[str, Any]) -> Any:
    """A text that the schema does not allow, read as YAML where that is allowed; else as it is."""
    try:
        read = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # of a date that there is not
        return text
    if isinstance(read, str):
        if not _EXPONENT.fullmatch(read):
            return text
        read = float(read)
    read = _typed(read, schema)
    return read if isinstance(read, dict | list) or _Validator(schema).is_valid(read) else text


def _wants(schema: dict[str, Any], kind: str) -> bool:
    """Whether a schema, or one of its alternatives, takes values of a type."""
    kinds = schema.get("type", [])
    return kind in ([kinds] if isinstance(kinds, str) else kinds) or any(
        _wants(o, kind) for o in schema.get("anyOf", ())
    )


@functools.cache
def _schema(name: str) -> dict[str, Any]:
    return parse_yaml((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))


def _is_number(checker: Any, value: Any) -> bool:
    """Not infinity, and not what is no number, which YAML writes .inf and .nan."""
    is_type = jsonschema.Draft202012Validator.TYPE_CHECKER.is_type
    return is_type(value, "number") and (isinstance(value, int) or isfinite(value))


def _matches(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
    """As a pattern is meant: $ is the end, and not the place before a line break that ends the text."""
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    validators={"pattern": _matches},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("number", _is_number),
)
