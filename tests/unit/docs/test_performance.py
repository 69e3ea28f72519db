"""What `make bench` runs beside what perf/README.md says, and the small arithmetic of its table."""

import re
import sys

import pytest


@pytest.fixture
def perf(root, monkeypatch):
    """Modules of perf/, which lie beside each other."""
    monkeypatch.syspath_prepend(root / "perf")
    yield root / "perf"
    for name in ("bench", "machine", "rows"):
        sys.modules.pop(name, None)


def test_scripts_with_a_star_are_those_that_make_bench_runs(perf):
    import bench

    starred = re.findall(r"^\| `(\w+)\.py` \*", (perf / "README.md").read_text(), re.M)
    assert sorted(starred) == sorted(bench.SHORT)
    assert all((perf / f"{name}.py").is_file() for name in starred)


def test_rows_come_back_as_they_were_handed_on(perf, tmp_path, monkeypatch):
    import rows

    made = [rows.beside("a", 2.0, 6.0, "s", 3), rows.beside("b", 2.0, 5.9, "s", 3), rows.beside("c", 4.0, 2.0, "s")]
    rows.say(*made)
    assert rows.read(tmp_path / "rows") == []
    monkeypatch.setenv(rows.ROWS, str(tmp_path / "rows"))
    rows.say(made[0])
    rows.say(*made[1:])
    assert rows.read(tmp_path / "rows") == made
    assert [row.ratio for row in made] == ["3.00x", "2.95x", "0.50x"]
    assert [row.cells[-1] for row in made] == ["reached", "missed", ""]


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_the_exponent_of_a_power_is_its_own(perf, power):
    import rows

    assert rows.exponent({x: 7 * x**power for x in (1, 3, 10, 40)}) == pytest.approx(power)
