"""Values out of records: of the right type, or an error that says where, which key, and what was found."""

import pytest

from knowcost.common import fields
from knowcost.common.errors import InputError

WHERE = "f.jsonl:3"


def get(function, value, *more):
    return getattr(fields, function)(WHERE, {"k": value}, "k", *more)


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        ("text", " a ", " a "),
        ("text", 1941, "1941"),
        ("optional", None, None),
        ("or_empty", None, ""),
        ("or_empty", " ", " "),
        ("texts", ["a", 2], ["a", "2"]),
        ("listed", None, []),
        ("listed", [None, 1], [None, 1]),
        ("part", None, {}),
        ("part", {"a": 1}, {"a": 1}),
    ],
)
def test_what_is_taken(function, value, expected):
    assert get(function, value) == expected


@pytest.mark.parametrize(
    ("function", "values"),
    [
        ("text", [None, "", " ", True, 1.0, float("nan"), ["a"], {"a": "b"}]),
        ("optional", ["", False, 2.5, []]),
        ("or_empty", [0, ["a"], {}, True]),
        ("texts", [None, "abc", {"a": "b"}, ["a", ""], ["a", None], ["a", ["b"]], [True]]),
        ("listed", ["abc", 3, {"a": 1}]),
        ("part", ["abc", 3, ["a"]]),
    ],
)
def test_what_is_refused(function, values):
    for value in values:
        with pytest.raises(InputError, match=r"^f\.jsonl:3: 'k' must .*found "):
            get(function, value)


def test_a_label_is_a_number_below_the_choices():
    assert [get("index", value, 4) for value in (0, 3, "2", " 1 ")] == [0, 3, 2, 1]
    for value in (None, "", "A", "AB", -1, 4, "4", True, 1.0, "1.0", [1], 10**30):
        with pytest.raises(InputError, match=r"^f\.jsonl:3: 'k' must be 0, 1, 2 or 3, found .*a split without labels"):
            get("index", value, 4)


def test_an_amount_is_no_less_than_nothing():
    assert [get("amount", value) for value in (None, 0, 142, "25692", " 0.5 ")] == [None, 0.0, 142.0, 25692.0, 0.5]
    for value in ("", "many", -1, "-0.1", "nan", float("inf"), True, [1], {}, 10**400):
        with pytest.raises(InputError, match=r"^f\.jsonl:3: 'k' must be a number that is not negative, found "):
            get("amount", value)


def test_a_missing_key_says_which_there_are():
    with pytest.raises(InputError, match=r"'text' must be a non-empty text, found no such key, only 'id, note'"):
        fields.text(WHERE, {"id": "1", "note": "a"}, "text")


def test_what_was_found_is_cut():
    with pytest.raises(InputError) as raised:
        get("part", "x" * 140_000)
    assert len(str(raised.value)) < 300
