"""A model under another name takes over the archives that would be made the same; whatever differs is made anew."""

import logging
import shutil
from pathlib import Path

import pytest
from helpers import tiny
from helpers.calibrated import calibrated

from knowcost import compress
from knowcost.common import files, parquet, paths, seal
from knowcost.compress.archive import make, rebuild, storage
from knowcost.compress.archive.make import Inputs
from knowcost.compress.archive.storage import Keep
from knowcost.models import fetched

PRUNED, SOLVED = "magnitude-40@attention", "wanda-50@attention"


class Made(AssertionError):
    """Work began."""


def stop(*_):
    raise Made


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model `old`, and the same checkpoint as `new`, from another place. Not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        _make_models()
    return folder


@pytest.fixture
def study(made, tmp_path, monkeypatch):
    """A copy that a test may change, as the current folder."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


def _make_models():
    tiny.fetched("bert", Path(paths.model_dir("old")))
    shutil.copytree(paths.model_dir("old"), paths.model_dir("new"))
    about = seal.read_json(paths.model_source("old"))
    seal.write_json(paths.model_source("new"), about | {"source": "/moved", "requested_revision": None})
    for name in ("old", "new"):
        make.make_thresholds(Path(paths.model_dir(name)), [("paper", "attention", [40])], paths.thresholds(name))
        calibrated(Path(paths.calibration(name, "main")), model=Path(paths.model_dir(name)))


def archive(model, slug, keep=storage.FULL):
    inputs = Inputs(Path(paths.model_dir(model)), paths.thresholds(model), paths.calibration(model, "main"))
    out = Path(paths.archive_dir(model, slug))
    make.make_archive(model, slug, inputs, out, keep)
    return out


@pytest.mark.parametrize("mode", storage.MODES)
@pytest.mark.parametrize("slug", ["dense", PRUNED, SOLVED])
def test_a_renamed_model_links_and_is_what_it_would_have_been(study, monkeypatch, mode, slug):
    made = files.read_json(archive("new", slug, Keep(mode)) / "manifest.json")
    shutil.rmtree("results/new/" + slug)
    old = archive("old", slug, Keep(mode))
    with monkeypatch.context() as patch:
        patch.setattr(make, "planned", stop)
        new = archive("new", slug, Keep(mode))
    assert files.read_json(new / "manifest.json") == made
    assert made["base"]["source"] == "/moved"
    assert all((new / name).samefile(old / name) for name in made["archive"]["files"])
    shutil.rmtree("results/old")
    manifest = storage.verify(new, ("new", slug))
    with rebuild.full(manifest, new, Path(paths.model_dir("new"))) as folder:
        storage.check(folder, manifest["files"])


def test_it_is_copied_where_links_cannot_be(study, monkeypatch):
    old = archive("old", PRUNED)
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError("of another file system")))
    monkeypatch.setattr(make, "planned", stop)
    new = archive("new", PRUNED)
    assert not (new / paths.WEIGHTS).samefile(old / paths.WEIGHTS)
    storage.verify(new, ("new", PRUNED))


def damage(name):
    path = Path(paths.archive_dir("old", PRUNED)) / name
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", [paths.WEIGHTS, "config.json", paths.MANIFEST, f"{paths.MANIFEST}.sha256"])
def test_a_damaged_one_is_not_taken_over(study, name):
    old = archive("old", PRUNED)
    damage(name)
    new = archive("new", PRUNED)
    storage.verify(new, ("new", PRUNED))
    assert not (new / paths.WEIGHTS).samefile(old / paths.WEIGHTS)


def other_weights():
    shutil.rmtree(paths.model_dir("new"))
    tiny.fetched("bert", Path(paths.model_dir("new")), seed=1)
    make.make_thresholds(Path(paths.model_dir("new")), [("paper", "attention", [40])], paths.thresholds("new"))


def other_cuts():
    cuts = seal.read_json(paths.thresholds("new"))
    cuts["scopes"]["attention"]["40"] = {**cuts["scopes"]["attention"]["40"], "made": "up"}
    seal.write_json(paths.thresholds("new"), cuts)


def other_windows():
    rows, about = parquet.read(paths.calibration("new", "main"))
    parquet.write(paths.calibration("new", "main"), rows, about | {"sha256": "of others"})


@pytest.mark.parametrize(
    ("change", "slug", "keep"),
    [
        (other_weights, PRUNED, storage.FULL),
        (other_cuts, PRUNED, storage.FULL),
        (lambda: None, "magnitude-30@attention", storage.FULL),
        (lambda: None, PRUNED, Keep("changed")),
        (lambda: None, PRUNED, Keep(shard_size=10_000)),
        (other_windows, SOLVED, storage.FULL),
    ],
)
def test_whatever_differs_is_made(study, monkeypatch, change, slug, keep):
    archive("old", PRUNED)
    archive("old", SOLVED)
    change()
    monkeypatch.setattr(make, "planned", stop)
    with pytest.raises(Made):
        archive("new", slug, keep)


def test_what_another_version_made_is_made_anew(study, monkeypatch):
    archive("old", PRUNED)
    monkeypatch.setattr(compress, "STAGE_VERSION", compress.STAGE_VERSION + "a")
    monkeypatch.setattr(make, "planned", stop)
    with pytest.raises(Made):
        archive("new", PRUNED)


def test_thresholds_are_taken_over_from_the_same_weights_and_levels(study, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    taken = files.read_json(paths.thresholds("new"))
    Path(paths.thresholds("new")).unlink()
    monkeypatch.setattr(make, "_cuts", stop)
    wanted = [("paper", "attention", [40])]
    make.make_thresholds(Path(paths.model_dir("new")), wanted, paths.thresholds("new"))
    assert files.read_json(paths.thresholds("new")) == taken
    assert taken["base"] == fetched.digests(fetched.read_source(paths.model_dir("new")))
    with pytest.raises(Made):
        make.make_thresholds(Path(paths.model_dir("new")), [("paper", "attention", [30])], paths.thresholds("new"))
