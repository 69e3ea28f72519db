"""The recover stage as its job runs it: what is kept, what is made again, what a kill or a fault leaves."""

import logging
import shutil
from pathlib import Path

import pytest
from helpers import recovered

from knowcost.common import files, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import storage
from knowcost.recover import job, state, training

PRUNED = "magnitude-50@overall"
LORA = f"{PRUNED}^lora-r2"


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model and what was compressed and recovered of it; not to be changed."""
    return recovered.made_in(tmp_path_factory.mktemp("study"), PRUNED, LORA)


@pytest.fixture
def study(made, tmp_path, monkeypatch):
    """A copy that a test may change, as the current folder."""
    recovered.work_on_copy(made, tmp_path / "copy", monkeypatch)


def test_what_would_be_made_the_same_is_kept_and_a_file_that_is_gone_is_made_again(study, caplog):
    folder = Path(paths.archive_dir("m", LORA))
    before = contents(folder)
    (folder / "manifest.json").unlink()  # as Snakemake does before a job runs
    with caplog.at_level(logging.INFO):
        recovered.recover(LORA)
    assert "would be made the same, so it is kept" in caplog.text
    assert contents(folder) == before
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(InputError, match=r"adapter_model\.safetensors is damaged or was changed since it was made"):
        storage.verify(folder)
    recovered.recover(LORA)
    assert contents(folder) == before
    storage.verify(folder)


def test_another_setting_makes_another_adapter_and_says_so(study):
    folder = Path(paths.archive_dir("m", LORA))
    before = contents(folder)
    recovered.recover(LORA, learning_rate=1e-3)
    after = contents(folder)
    assert after["adapter_model.safetensors"] != before["adapter_model.safetensors"]
    assert files.read_json(folder / "manifest.json")["settings"]["learning_rate"] == 0.001


def test_another_base_makes_another_adapter(study):
    folder = Path(paths.archive_dir("m", LORA))
    before = contents(folder)
    recovered.give_other_weights(PRUNED, "magnitude-20@overall")
    recovered.recover(LORA)
    assert contents(folder)["adapter_model.safetensors"] != before["adapter_model.safetensors"]


def test_another_variants_archive_in_its_place_is_named_and_not_deleted(study):
    other = Path(paths.archive_dir("m", f"{PRUNED}^lora-r3"))
    Path(paths.archive_dir("m", LORA)).rename(other)
    before = contents(other)
    with pytest.raises(InputError, match=r"is of m magnitude-50@overall\^lora-r2, but this is the place of"):
        recovered.recover(f"{PRUNED}^lora-r3")
    assert contents(other) == before


def test_a_damaged_compressed_archive_is_named_before_anything_is_deleted(study):
    folder = Path(paths.archive_dir("m", LORA))
    before = contents(folder)
    (Path(paths.archive_dir("m", PRUNED)) / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"magnitude-50@overall/config\.json is damaged or was changed"):
        recovered.recover(LORA, learning_rate=1e-3)
    assert contents(folder) == before


def test_a_killed_job_leaves_no_manifest_and_goes_on_to_the_same_bytes(study, monkeypatch, caplog):
    folder = Path(paths.archive_dir("m", LORA))
    wanted = contents(folder)
    recovered.remove(LORA)
    saved, save = [], state.save

    def killed(*given):
        save(*given)
        saved.append(given)
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(state, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        recovered.recover(LORA)
    assert not (folder / "manifest.json").exists()
    assert (folder / ".training" / state.FILE).exists()
    monkeypatch.setattr(state, "save", save)
    with caplog.at_level(logging.INFO):
        recovered.recover(LORA)
    assert "lora-r2: goes on behind step 2" in caplog.text
    assert contents(folder) == wanted
    assert not (folder / ".training").exists()


def test_a_loss_that_is_no_number_keeps_nothing(study, monkeypatch):
    folder = Path(paths.archive_dir("m", LORA))
    loss = training.Training.loss

    def broken(self, batch):
        return loss(self, batch) * (float("nan") if self.step == 3 else 1)

    monkeypatch.setattr(training.Training, "loss", broken)
    with pytest.raises(InputError, match=r"'lora-r2': the loss is nan.* at step 4 of 4; nothing was kept"):
        recovered.recover(LORA, learning_rate=1e-3)
    assert contents(folder) == contents(folder / ".training") == {}


def test_windows_of_another_model_are_refused(study):
    path = Path(paths.model_source("m"))
    source = seal.read_json(path)
    (path.parent / "tokenizer_config.json").write_text('{"model_max_length": 17}')
    source["files"]["tokenizer_config.json"] = files.describe(path.parent / "tokenizer_config.json")
    seal.write_json(path, source)
    with pytest.raises(InputError, match="was made from other weights than those in resources/models/m"):
        recovered.recover(f"{PRUNED}^eora-r2")


def test_a_renamed_model_links_what_was_recovered(study, monkeypatch):
    before = contents(paths.archive_dir("m", LORA))
    shutil.move("results/m", "results/old")
    for path in Path("results/old").glob("*/manifest.json"):
        seal.write_json(path, files.read_json(path) | {"model": "old"})
    recovered.study("llama", PRUNED)
    with monkeypatch.context() as patch:
        patch.setattr(job, "_make", None)
        assert contents(recovered.recover(LORA)) == before
    new, old = Path(paths.archive_dir("m", LORA)), Path(paths.archive_dir("old", LORA))
    assert (new / "adapter_model.safetensors").samefile(old / "adapter_model.safetensors")
    shutil.rmtree(new)
    with pytest.raises(TypeError):  # it would be trained
        monkeypatch.setattr(job, "_make", None)
        recovered.recover(LORA, learning_rate=1e-3)
