"""A version that was compressed elsewhere as a variant of its model: its manifest, its cells, what is wrong with it."""

import json
import logging
import shutil
from pathlib import Path

import pytest
from helpers import elsewhere

from knowcost.benchmarks import prepared
from knowcost.common import files, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import brought, rebuild, storage
from knowcost.compress.archive import make as archive
from knowcost.fetch.model import fetch_model
from knowcost.score import cells, job

PLACE = ("one", "brought-back")
OURS = "rtn-4bit-g32@overall"
OPTIONS = {"tokens_per_batch": 512, "batch_size": "auto", "int8_engine": "knowcost", "int8_activations": "batch"}


def fetch(name, source, **columns):
    row = {"name": name, "family": "decoder", "source": source, **columns}
    fetch_model(row, paths.model_dir(name), lock_path=paths.revision_lock(name))


def bring():
    out = Path(paths.archive_dir(*PLACE))
    version, parent = (brought.Fetched(Path(paths.model_dir(name))) for name in ("back", "one"))
    brought.describe(PLACE, version, parent, out)
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with a dense Llama, its own archive in 4 bits, and that exported and fetched again as a version of it."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        elsewhere.llama(folder / "checkpoints/one")
        fetch("one", "./checkpoints/one")
        for slug in ("dense", OURS):
            archive.make_archive(
                "one", slug, archive.Inputs(Path(paths.model_dir("one"))), paths.archive_dir("one", slug)
            )
        exported = Path("checkpoints/back")
        rebuild.export(paths.archive_dir("one", OURS), Path(paths.model_dir("one")), exported, ("one", OURS))
        for path in (exported / "manifest.json", seal.beside(exported / "manifest.json")):
            path.unlink()
        fetch("back", "./checkpoints/back", parent="one")
        facts = [{"id": str(i), "cloze": f"w{i} w1 [MASK]", "answer": f"w{2 * i + 1}"} for i in range(20)]
        facts = [fact | {"candidates": [fact["answer"], "w50", "w51"]} for fact in facts]
        Path("own.jsonl").write_text("".join(json.dumps(fact) + "\n" for fact in facts))
        prepared.prepare({"name": "own", "format": "cloze"}, "own.jsonl", paths.benchmark("own"))
    return folder


@pytest.fixture
def run(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "run", symlinks=True)
    monkeypatch.chdir(tmp_path / "run")
    return tmp_path / "run"


def other_tokens():
    """Fetch the version anew with two words of its tokenizer exchanged."""
    path = Path("checkpoints/back/tokenizer.json")
    said = json.loads(path.read_text())
    words = said["model"]["vocab"]
    words["w3"], words["w4"] = words["w4"], words["w3"]
    path.write_text(json.dumps(said))
    fetch("back", "./checkpoints/back", parent="one")


def test_the_manifest_lists_what_was_fetched_and_its_real_bytes(run):
    out = bring()
    manifest = storage.verify(out, PLACE)
    source = files.read_json(f"{paths.model_dir('back')}/source.json")
    assert manifest["files"] == source["files"] and "model.safetensors" in manifest["files"]
    assert manifest["archive"] == {"keep": "as_brought", "files": {}}
    assert manifest["tokenizer_differs"] == manifest["configuration_differs"] == []
    weights = storage.read_manifest(paths.manifest("one", OURS))["bytes"]["real"]
    assert (manifest["bytes"]["real"], manifest["bytes"]["loaded"]) == (weights, weights)
    assert (manifest["bytes"]["formats"], manifest["bytes"]["format"]) == ({"packed": weights}, "packed")
    of_files = sum(path.stat().st_size for path in Path("checkpoints/back").iterdir())
    assert manifest["bytes"]["disk"] == of_files + (out / "manifest.json").stat().st_size
    dense = 89_408  # 2 x 120 x 64 + 2 x (64 x (64 + 2 x 32 + 64) + 3 x 64 x 128 + 2 x 64) + 64
    assert manifest["bits_per_parameter"] == pytest.approx(8 * weights / dense)
    assert manifest["base"]["files"] == storage.read_manifest(paths.manifest("one", "dense"))["base"]["files"]
    assert (manifest["brought"]["name"], manifest["brought"]["format"]) == ("back", "compressed-tensors, 4 bit")


def test_a_version_of_our_own_making_gets_the_rows_of_our_own_variant(run):
    bring()
    settings = cells.Settings({"device": "cpu", **OPTIONS})
    job.score("one", [OURS], ["own"], settings)
    job.score("one", [PLACE[1]], ["own"], settings)
    (ours, _), (theirs, about) = (cells.read(paths.scores("one", slug, "own")) for slug in (OURS, PLACE[1]))
    assert ours.drop_columns("again") == theirs.drop_columns("again") and len(theirs) == 20
    assert theirs["again"].to_pylist() == theirs["correct"].to_pylist()  # asked twice, and it stood still
    assert about["weights"] == cells.weights_of(storage.read_manifest(paths.manifest(*PLACE)))


def test_a_version_under_another_name_is_not_asked_again(run, monkeypatch):
    bring()
    settings = cells.Settings({"device": "cpu", **OPTIONS})
    job.score("one", [PLACE[1]], ["own"], settings)
    fetch("again", "./checkpoints/back", parent="one")
    versions = [brought.Fetched(Path(paths.model_dir(name))) for name in ("again", "one")]
    brought.describe(("one", "brought-again"), *versions, Path(paths.archive_dir("one", "brought-again")))
    monkeypatch.setattr(job, "_score_variant", None)
    job.score("one", ["brought-again"], ["own"], settings)
    (rows, about), (again, said) = (
        cells.read(paths.scores("one", slug, "own")) for slug in (PLACE[1], "brought-again")
    )
    assert again.equals(rows) and said == about | {"variant": "brought-again"}


def test_another_tokenizer_is_said_and_makes_other_cells(run, caplog):
    bring()
    before = storage.read_manifest(paths.manifest(*PLACE))
    other_tokens()
    with caplog.at_level(logging.WARNING):
        bring()
    after = storage.read_manifest(paths.manifest(*PLACE))
    assert after["tokenizer_differs"] == [
        "2 of 120 tokens have another id, are missing or were added ('w3' is 10, not 9)"
    ]
    assert "back: its tokenizer is not that of one: 2 of 120 tokens" in caplog.text
    settings = cells.Settings({"device": "cpu", **OPTIONS})
    assert cells.cell_key(before, "own", settings) != cells.cell_key(after, "own", settings)


def test_a_configuration_that_computes_otherwise_is_said(run, caplog):
    path = Path("checkpoints/back/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rms_norm_eps": 0.1, "initializer_range": 0.7}))
    fetch("back", "./checkpoints/back", parent="one")
    with caplog.at_level(logging.WARNING):
        manifest = storage.read_manifest(bring() / "manifest.json")
    assert manifest["configuration_differs"] == ["rms_norm_eps is 0.1, not 1e-06"]
    assert "back: its configuration is not that of one: rms_norm_eps is 0.1" in caplog.text


def test_a_manifest_that_would_be_the_same_is_put_back(run):
    path = bring() / "manifest.json"
    before = path.read_bytes()
    path.unlink()
    bring()
    assert path.read_bytes() == before


def test_files_that_changed_since_are_named(run):
    manifest = storage.verify(bring(), PLACE)
    other_tokens()
    with pytest.raises(InputError, match=r"brought-back/manifest\.json was written for other files than those in"):
        brought.folder_of(manifest)
    target = Path(paths.model_dir("back")) / "tokenizer.json"
    target.write_bytes(target.read_bytes() + b" ")
    with pytest.raises(InputError, match=r"tokenizer\.json is damaged or was changed"):
        brought.folder_of(manifest)


def test_there_is_nothing_to_export(run):
    with pytest.raises(InputError, match="was compressed elsewhere, so there is nothing to make; its files are in"):
        rebuild.export(bring(), Path(paths.model_dir("one")), run / "exports", PLACE)
    assert not (run / "exports").exists()
