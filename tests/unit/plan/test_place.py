"""Where the workflow can run, and where it says at once that it cannot."""

import os
from pathlib import Path

import pytest

from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.plan import place


def test_every_folder_that_a_run_writes_is_looked_at():
    written = [paths.model_dir("m"), paths.benchmark("b"), paths.manifest("m", "v"), paths.REPORT, paths.log("s", "m")]
    assert {path.split("/")[0] for path in written} == set(place.WRITTEN)


def test_an_odd_name_is_none_of_our_business(tmp_path, monkeypatch):
    folder = tmp_path / 'my study (ü) it\'s [1] {2} 50%20 & "q" $x #'
    (folder / "results").mkdir(parents=True)
    monkeypatch.chdir(folder)
    place.check(folder)


def test_a_folder_that_cannot_stand_in_pythonpath(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"/a:b: .*rename the folder"):
        place.check(Path("/a:b"))


@pytest.mark.parametrize("name", place.WRITTEN)
def test_what_stands_where_a_folder_should(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=rf"{tmp_path}/{name}: a file; expected a folder"):
        place.check(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/gone/scratch")
    with pytest.raises(InputError, match=rf"{name}: a link to /gone/scratch, which is not there"):
        place.check(tmp_path)


@pytest.mark.parametrize("closed", [".", "results"])
def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch, closed):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    refusing = lambda path, mode: Path(path) != (tmp_path / closed)  # noqa: E731 (root may write anywhere)
    monkeypatch.setattr(os, "access", refusing)
    with pytest.raises(InputError, match=rf"{(tmp_path / closed)}: cannot be written; .*--directory"):
        place.check(tmp_path)
