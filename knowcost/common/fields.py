"""Values out of a record, each of the type that is asked for, or an InputError that begins with where it stands."""

import contextlib
import math
from collections.abc import Mapping
from typing import Any

from knowcost.common.errors import InputError
from knowcost.common.reading import shown


def text(where: str, record: Mapping[str, Any], key: str) -> str:
    """The text under a key as it stands (a whole number is taken as text); InputError if there is nothing to read."""
    value = as_text(record.get(key))
    if value is None or not value.strip():
        raise InputError(f"{where}: {key!r} must be a non-empty text, found {_found(record, key)}")
    return value


def optional(where: str, record: Mapping[str, Any], key: str) -> str | None:
    """Like `text`, but None where the key is missing or null."""
    return None if record.get(key) is None else text(where, record, key)


def or_empty(where: str, record: Mapping[str, Any], key: str) -> str:
    """Like `text`, but "" or blanks are let in, and "" stands for a key that is missing or null."""
    value = record.get(key)
    if not isinstance(value, str | None):
        raise InputError(f"{where}: {key!r} must be a text, found {shown(value)}")
    return value or ""


def passage(where: str, record: Mapping[str, Any]) -> str:
    """The column `text` of a record as it stands, blank or not ("" for null); InputError where there is none."""
    if "text" not in record:
        raise InputError(f"{where}: no `text`, only {', '.join(record) or 'nothing'}; rename the column that holds it")
    return or_empty(where, record, "text")


def texts(where: str, record: Mapping[str, Any], key: str) -> list[str]:
    """The list of texts under a key, each of which says something."""
    value = record.get(key)
    found = [as_text(each) for each in value] if isinstance(value, list) else []
    kept = [each for each in found if each is not None and each.strip()]
    if not isinstance(value, list) or len(kept) < len(found):
        raise InputError(f"{where}: {key!r} must be a list of non-empty texts, found {_found(record, key)}")
    return kept


def listed(where: str, record: Mapping[str, Any], key: str) -> list[Any]:
    """The list under a key, [] where the key is missing or null."""
    value = record.get(key)
    if not isinstance(value, list | None):
        raise InputError(f"{where}: {key!r} must be a list, found {shown(value)}")
    return value or []


def part(where: str, record: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The record under a key of a record, {} where the key is missing or null."""
    value = record.get(key)
    if not isinstance(value, dict | None):
        raise InputError(f"{where}: {key!r} must hold named values, found {shown(value)}")
    return value or {}


def index(where: str, record: Mapping[str, Any], key: str, count: int) -> int:
    """The number under a key that says which of `count` choices is right, from 0; CSV and the hub have it as text."""
    value = as_text(record.get(key))
    places = [str(place) for place in range(count)]
    if value is None or value.strip() not in places:
        raise InputError(
            f"{where}: {key!r} must be {', '.join(places[:-1])} or {places[-1]}, found {_found(record, key)}; "
            "a split without labels (test) cannot be scored"
        )
    return int(value)


def amount(where: str, record: Mapping[str, Any], key: str) -> float | None:
    """The number under a key, from 0 on, which CSV has as text; None where the key is missing or null."""
    value = record.get(key)
    if value is None:
        return None
    number = math.nan
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        number = math.nan if isinstance(value, bool) else float(value)
    if not 0 <= number < math.inf:
        raise InputError(f"{where}: {key!r} must be a number that is not negative, found {_found(record, key)}")
    return number


def as_text(value: object) -> str | None:
    """A text as it is, a whole number as text, None for all else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _found(record: Mapping[str, Any], key: str) -> str:
    if key in record:
        return shown(record[key])
    return f"no such key, only {shown(', '.join(record))}"
