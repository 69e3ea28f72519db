"""How the report writes numbers, and a frame as a table."""

from math import inf, nan

import pytest

from knowcost.report import table


@pytest.mark.parametrize(
    ("value", "more", "text"),
    [
        (12.34, (), "12.3"),
        (-0.04, (), "0.0"),
        (-0.06, (), "-0.1"),
        (1234567, (".0f",), "1,234,567"),
        (0.1234, (".3f",), "0.123"),
        (12345.6, (".4g",), "1.235e+04"),
        (inf, (".4g",), "inf"),
        (None, (), ""),
        (nan, (".1f", table.GONE), "\N{EN DASH}"),
    ],
)
def test_numbers(value, more, text):
    assert table.number(value, *more) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(12.34, "+12.3"), (0.454, "+0.45"), (-0.004, "\N{MINUS SIGN}0.004"), (0.0004, "0"), (0, "0"), (0.996, "+1.0")],
)
def test_signed_numbers_keep_their_digits(value, text):
    assert table.signed(value) == text
