"""An archive that would be made the same is kept; whatever differs is made anew."""

import pytest
from helpers import tiny

from knowcost import compress
from knowcost.common import paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import make
from knowcost.compress.archive.make import Inputs
from knowcost.compress.archive.storage import Keep

SLUG = "magnitude-40@attention"


class Made(AssertionError):
    """Work began."""


@pytest.fixture
def run(tmp_path):
    """Make an archive as its rule does: Snakemake removes the manifest first."""
    tiny.fetched("bert", tmp_path / "model")
    make.make_thresholds(tmp_path / "model", [("paper", "attention", [40])], tmp_path / "cuts.json")

    def run(slug=SLUG, keep=make.storage.FULL, model="m"):
        (run.out / paths.MANIFEST).unlink(missing_ok=True)
        make.make_archive(model, slug, Inputs(tmp_path / "model", tmp_path / "cuts.json"), run.out, keep)

    run.out = tmp_path / "out"
    return run


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def stop(*_):
    raise Made


def test_a_copied_archive_is_kept_and_what_does_not_belong_to_it_goes(run, monkeypatch):
    run()
    before, inode = contents(run.out), (run.out / paths.WEIGHTS).stat().st_ino
    (run.out / "older.safetensors").write_bytes(b"of another version")
    for name in ("scores", "judgements"):
        (run.out / name).mkdir()
    monkeypatch.setattr(make, "planned", stop)
    run()
    assert contents(run.out) == before and (run.out / paths.WEIGHTS).stat().st_ino == inode
    assert (run.out / "scores").is_dir() and (run.out / "judgements").is_dir()


def test_a_folder_that_nobody_listed_is_named(run):
    run()
    (run.out / "additional_chat_templates").mkdir()
    with pytest.raises(InputError, match=r"additional_chat_templates: is not in .*manifest\.json"):
        run()


def flip(run):
    path = run.out / paths.WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "change",
    [
        flip,
        lambda run: (run.out / "config.json").unlink(),
        lambda run: (run.out / ".manifest.json").write_text("{"),
        lambda run: (run.out / ".manifest.json").write_text("[]"),
        lambda run: (run.out / ".manifest.json").unlink(),
    ],
)
def test_a_damaged_one_is_made_anew_and_right(run, change):
    run()
    before = contents(run.out)
    change(run)
    run()
    assert contents(run.out) == before


@pytest.mark.parametrize("how", [{"keep": Keep("recipe")}, {"keep": Keep(shard_size=10_000)}])
def test_another_one_is_made_anew(run, how, monkeypatch):
    run()
    monkeypatch.setattr(make, "planned", stop)
    with pytest.raises(Made):
        run(**how)
    assert not (run.out / ".manifest.json").exists(), "it would vouch for an archive that is half made"


def test_other_code_makes_it_anew(run, monkeypatch):
    run()
    monkeypatch.setattr(compress, "STAGE_VERSION", compress.STAGE_VERSION + "a")
    monkeypatch.setattr(make, "planned", stop)
    with pytest.raises(Made):
        run()


def test_other_weights_or_cuts_make_it_anew(run, tmp_path, monkeypatch):
    run()
    monkeypatch.setattr(make, "planned", stop)
    cuts = seal.read_json(tmp_path / "cuts.json")
    cuts["scopes"]["attention"]["40"] = {**cuts["scopes"]["attention"]["40"], "made": "up"}
    seal.write_json(tmp_path / "cuts.json", cuts)
    with pytest.raises(Made):
        run()


@pytest.mark.parametrize("other", [{"slug": "magnitude-30@attention"}, {"model": "another"}])
def test_anothers_archive_in_place_is_named_and_nothing_of_it_deleted(run, other):
    run(**other)
    before = {name: data for name, data in contents(run.out).items() if name != paths.MANIFEST}
    with pytest.raises(InputError, match=r"json: is of .*, but this is the place of m magnitude-40@attention"):
        run()
    assert contents(run.out) == before


def test_an_edited_copy_of_the_manifest_is_not_put_back(run, monkeypatch):
    run()
    path = run.out / ".manifest.json"
    path.write_text(path.read_text().replace('"real": ', '"real": 1'))
    monkeypatch.setattr(make, "planned", stop)
    with pytest.raises(Made):
        run()
