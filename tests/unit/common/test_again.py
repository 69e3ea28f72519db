"""The copy of what says that a folder is whole outlives what Snakemake deletes, and vouches for nothing else."""

import pytest

from knowcost.common import again, files, seal


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "manifest.json"
    files.write_json(path, {"files": ["a"]})
    again.remember(path, {"version": "1"})
    path.unlink()
    return path


def test_it_is_remembered_with_what_it_was_made_of(path):
    assert again.remembered(path, {"version": "1"}) == {"files": ["a"]} == again.last(path)
    assert again.remembered(path, {"version": "2"}) is None
    assert not path.exists(), "who put it back looks first whether the folder is whole"


def test_what_is_forgotten_is_gone(path):
    again.forget(path)
    assert again.remembered(path, {"version": "1"}) is None is again.last(path)
    assert list(path.parent.iterdir()) == []
    again.forget(path)


@pytest.mark.parametrize("name", [".manifest.json", ".manifest.json.sha256"])
def test_a_copy_that_is_damaged_or_edited_counts_for_none(path, name):
    copy = path.with_name(name)
    copy.write_text(copy.read_text().replace("a", "b"))
    assert again.remembered(path, {"version": "1"}) is None is again.last(path)


@pytest.mark.parametrize("value", [[], "x", {"of": "1"}, None])
def test_a_sealed_copy_of_another_shape_counts_for_none(path, value):
    seal.write_json(path.with_name(".manifest.json"), value)
    assert again.remembered(path, {"version": "1"}) is None is again.last(path)
