"""Dynamic prompting as its job puts it together, of prompts that PEFT stored."""

import shutil
from pathlib import Path

import pytest
import torch
from helpers import recovered

from knowcost.common import files, paths
from knowcost.common.errors import InputError
from knowcost.compress.archive import storage
from knowcost.recover import dynamic
from knowcost.recover.apply import apply

PRUNED = "magnitude-50@overall"
PARTS = [f"{PRUNED}^prompt-2", f"{PRUNED}^prompt-4"]
SLUG = f"{PRUNED}^dynamic_prompt-2+4-input"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return recovered.made_in(tmp_path_factory.mktemp("study"), PRUNED, *PARTS, SLUG)


@pytest.fixture
def study(made, tmp_path, monkeypatch):
    """A copy that a test may change, as the current folder."""
    recovered.work_on_copy(made, tmp_path / "copy", monkeypatch)


def test_it_holds_the_parts_and_names_them_by_their_hashes(study):
    folder = Path(paths.archive_dir("m", SLUG))
    manifest = storage.verify(folder, of=("m", SLUG))
    assert sorted(manifest["files"]) == ["prompt-2.safetensors", "prompt-4.safetensors"]
    parts = {slug: files.read_json(Path(paths.archive_dir("m", slug), "manifest.json"))["files"] for slug in PARTS}
    assert manifest["parts"] == parts and "settings" not in manifest
    # 6 vectors of 16; keys and values of 6 tokens in 2 layers with 2 heads of 8
    assert (manifest["parameters"]["adapter"], manifest["parameters"]["cached"]) == (96, 384)


def test_it_answers_as_the_part_that_it_chose(study):
    ids = torch.arange(6, 15)[None]
    logits = {}
    for slug in (SLUG, *PARTS):
        model = recovered.loaded(PRUNED)
        folder = Path(paths.archive_dir("m", slug))
        taken = apply(storage.verify(folder), model, folder)
        with torch.no_grad():
            logits[slug] = model(ids).logits
        if slug == SLUG:
            [[chosen]], longest = dynamic.of(model).chosen(), taken
    assert longest == 4
    torch.testing.assert_close(logits[SLUG], logits[f"{PRUNED}^prompt-{chosen}"], atol=1e-5, rtol=1e-4)


def test_other_parts_make_another(study):
    recovered.recover(PARTS[0], learning_rate=0.5)
    before = storage.verify(Path(paths.archive_dir("m", SLUG)))
    recovered.recover(SLUG, learning_rate=0.5)
    after = storage.verify(Path(paths.archive_dir("m", SLUG)))
    same = {name: before["files"][name] == after["files"][name] for name in after["files"]}
    assert same == {"prompt-2.safetensors": False, "prompt-4.safetensors": True}


@pytest.mark.parametrize("gone", PARTS)
def test_a_part_that_is_not_there_is_named(study, gone):
    shutil.rmtree(paths.archive_dir("m", gone))
    shutil.rmtree(paths.archive_dir("m", SLUG))
    with pytest.raises(InputError, match=rf"prompt-{gone[-1]}/manifest\.json"):
        recovered.recover(SLUG)


def test_parts_of_other_weights_are_refused(study):
    recovered.give_other_weights(PRUNED, "magnitude-20@overall")
    with pytest.raises(InputError, match=r"prompt-2/manifest\.json: was recovered from other weights"):
        recovered.recover(SLUG)
