"""How many rows a benchmark is thought to have before its file is here."""

import pytest

from knowcost.benchmarks import expected
from knowcost.benchmarks.formats import FORMATS


@pytest.mark.parametrize(
    ("row", "limit", "rows"),
    [
        ({"format": "boolq"}, None, 3270),  # as the data set's card has it
        ({"format": "boolq"}, 30, 30),
        ({"format": "lama_squad_published"}, 1000, 305),
        ({"format": "lama_trex_ranked"}, None, 34_039),
        ({"format": "mt_bench"}, None, 80),
        ({"format": "mt_bench"}, 5, 5),
        ({"format": "cnn_dailymail_published", "per_relation": "30"}, None, 90),
        ({"format": "cnn_dailymail"}, None, 11_490),
        ({"format": "question"}, None, 10_000),  # of one's own
    ],
)
def test_rows_by_hand(row, limit, rows):
    assert expected.rows(row, limit) == rows


def test_formats_with_a_size_are_formats():
    assert expected.ROWS.keys() | expected.OFFICIAL.keys() <= FORMATS.keys()
