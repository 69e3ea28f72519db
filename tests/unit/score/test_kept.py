"""What the names of kept files say, and which of them holds a cell."""

import pytest

from knowcost.score import kept
from knowcost.score.kept import Kept

KEY = "0123456789abcdef" * 4


@pytest.mark.parametrize("benchmark", ["own", "trex@published", "a.b.30", "x.0123456789abcdef.all"])
@pytest.mark.parametrize("through", [None, 1, 30])
def test_a_name_is_read_as_it_was_written(benchmark, through):
    made = kept.of_key(benchmark, KEY, through)
    assert kept.parse(made.name) == made == Kept(benchmark, KEY[:16], through)


@pytest.mark.parametrize("name", [
    "own.parquet", f"own.{KEY}.30.parquet", f"own.{KEY[:16]}.0.parquet", f"own.{KEY[:16]}.30.parquet.sha256",
    f".{KEY[:16]}.30.parquet", f"own.{KEY[:16].upper()}.all.parquet", ".own.0123456789abcdef.all.parquet.x",
])  # fmt: skip
def test_other_files_are_not_kept_ones(name):
    assert kept.parse(name) is None


def test_the_widest_comes_first_and_covers_what_is_not_more():
    files = [kept.of_key("own", key, through) for key in (KEY, "f" * 64) for through in (30, None, 4)]
    files += [kept.of_key("other", KEY, 50)]
    assert [each.through for each in kept.widest(files, "own", KEY)] == [None, 30, 4]
    whole, thirty, four = kept.widest(files, "own", KEY)
    assert whole.covers(None) and whole.covers(10**9)
    assert thirty.covers(30) and thirty.covers(1) and not thirty.covers(31) and not thirty.covers(None)
    assert not four.covers(5)
