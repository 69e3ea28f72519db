"""Spoiled tables of models and benchmarks: the same rows where it does not matter, else rows of texts, or an InputError
that names the table. KNOWCOST_FUZZ is the number of examples, as in tests/unit/benchmarks/test_mutated.py."""

import tempfile
from pathlib import Path

import pytest
from helpers import mutations
from hypothesis import given
from hypothesis import strategies as st

from knowcost.common.errors import InputError
from knowcost.plan import config

TABLES = {
    "models.tsv": [
        {"name": name, "family": family, "source": f"./{name}", "allow": "pickle", "note": 'Größe, "groß"'}
        for name, family in (("one", "encoder"), ("two", "decoder"))
    ],
    "benchmarks.tsv": [
        {"name": name, "format": format, "source": f"{name}.jsonl", "families": families, "note": "Größe"}
        for name, format, families in (("first", "cloze", "encoder"), ("second", "boolq", "encoder_decoder,decoder"))
    ],
}


def loaded(folder, files):
    """[the rows of both tables] or what the InputError says."""
    mutations.put(folder, files)
    try:
        study = config.load({"models": str(folder / "models.tsv"), "benchmarks": str(folder / "benchmarks.tsv")})
    except InputError as error:
        assert str(folder) in str(error)
        return str(error)
    for table in (study.models, study.benchmarks):
        assert table and all(row["name"] == name for name, row in table.items())
        for row in table.values():
            assert all(isinstance(cell, str) and cell.encode() == cell.strip().encode() for cell in row.values())
    return [dict(study.models), dict(study.benchmarks)]


def as_they_are():
    return {name: b"# a comment\n" + mutations.serialized(name, rows) for name, rows in TABLES.items()}


def test_what_does_not_matter_changes_nothing(tmp_path):
    expected = loaded(tmp_path / "as it is", as_they_are())
    assert [list(table.values()) for table in expected] == list(TABLES.values())
    for way, change in mutations.HARMLESS.items():
        assert loaded(tmp_path / way, {name: change(file) for name, file in as_they_are().items()}) == expected


@pytest.mark.parametrize("name", TABLES)
@mutations.settings
@given(data=st.data())
def test_spoiled_cells(name, data):
    rows = mutations.edited(data.draw, TABLES[name])
    if all(isinstance(row, dict) for row in rows):
        with tempfile.TemporaryDirectory() as folder:
            loaded(Path(folder), as_they_are() | {name: mutations.serialized(name, rows)})


@pytest.mark.parametrize("name", TABLES)
@mutations.settings
@given(data=st.data())
def test_spoiled_bytes(name, data):
    files = as_they_are()
    with tempfile.TemporaryDirectory() as folder:
        loaded(Path(folder), files | {name: mutations.damaged(data.draw, files[name])})
