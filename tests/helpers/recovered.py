"""A tiny model with a compressed archive, and recoveries of it, in the current folder. Tests only."""

import shutil
from pathlib import Path

import pytest

from helpers import tiny
from helpers.calibrated import calibrated
from knowcost.common import files, paths, seal
from knowcost.compress.archive import make as archive
from knowcost.compress.archive import rebuild, storage
from knowcost.compress.calibration import texts
from knowcost.models.load import load
from knowcost.recover import job
from knowcost.recover.method import Settings
from knowcost.spec.variants import parse

SETTINGS = {"tokens": 64, "length": 8, "batch_size": 2, "learning_rate": 1e-2, "weight_decay": 0.0, "warmup": 0,
            "join": True, "validation": 1, "seed": 0, "dtype": "float32"}  # fmt: skip


def study(kind, *slugs, keep=storage.FULL):
    """A model `m` of a tiny kind, the archives of these variants, windows to calibrate on and texts to learn from.
    Returns the in-memory model."""
    folder = Path(paths.model_dir("m"))
    made = tiny.fetched(kind, folder)
    calibrated(Path(paths.calibration("m", "main")), model=folder)
    Path("texts.jsonl").write_text("".join(f'{{"text": "w{i} w{i + 1} w3 w{i % 7}"}}\n' for i in range(60)))
    texts.prepare({"name": "main"}, Path("texts.jsonl"), Path(paths.calibration_texts("main")))
    wanted = [("paper", scope, [20, 50]) for scope in ("attention", "overall", "final")]
    archive.make_thresholds(folder, wanted, paths.thresholds("m"))
    for slug in ("dense", *slugs):
        archive.make_archive("m", slug, _inputs(), Path(paths.archive_dir("m", slug)), keep)
    return made


def _inputs():
    return archive.Inputs(Path(paths.model_dir("m")), paths.thresholds("m"), paths.calibration("m", "main"))


def give_other_weights(slug, other):
    """Put the weights of another variant, under the name of this one, in its place: whole, by its manifest."""
    folder = Path(paths.archive_dir("m", slug))
    shutil.rmtree(folder)
    archive.make_archive("m", other, _inputs(), folder)
    for path in (folder / ".manifest.json", folder / ".manifest.json.sha256"):
        path.unlink()
    said = {"variant": slug, "steps": [str(step) for step in parse(slug).steps]}
    seal.write_json(folder / "manifest.json", files.read_json(folder / "manifest.json") | said)


def recover(slug, **settings):
    """Make a recovered variant of `m`; settings: that differ. Returns its folder."""
    out = Path(paths.archive_dir("m", slug))
    inputs = job.Inputs(Path(paths.calibration_texts("main")), Path(paths.calibration("m", "main")), "cpu")
    job.make("m", slug, inputs, Settings(**SETTINGS | settings), out)
    return out


def loaded(slug):
    """The model of a compressed archive, however it is kept."""
    folder = Path(paths.archive_dir("m", slug))
    with rebuild.full(storage.verify(folder), folder, Path(paths.model_dir("m"))) as whole:
        return load(whole, device="cpu")[0]


def made_in(folder, compressed, *slugs):
    """A study of a tiny Llama in a folder, with a compressed variant and what these recover of it. Returns the
    folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        study("llama", compressed)
        for slug in slugs:
            recover(slug)
    return folder


def work_on_copy(made, folder, monkeypatch):
    """Go to a copy of a study's folder, with its times, which may be changed."""
    shutil.copytree(made, folder, symlinks=True)
    monkeypatch.chdir(folder)


def remove(slug):
    """Delete all of an archive."""
    shutil.rmtree(paths.archive_dir("m", slug))
