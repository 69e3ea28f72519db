"""What verify says of recovered archives and their exports. (All else: tests/workflow/test_sealed.py.)"""

import shutil
from pathlib import Path

import pytest
from helpers import recovered

from knowcost.common import files, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import rebuild
from knowcost.recover import export
from knowcost.report.verify import Run, verify

PRUNED = "magnitude-50@overall"
LORA, EORA, MASKED = f"{PRUNED}^lora-r2", f"{PRUNED}^eora-r2", f"{PRUNED}^mask_lora-r2"
RUN = Run(["m"], [], ["main"], [("m", slug) for slug in ("dense", PRUNED, LORA, EORA, MASKED)], [])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model, what was recovered of it, and two exports; not to be changed."""
    folder = recovered.made_in(tmp_path_factory.mktemp("study"), PRUNED, LORA, EORA, MASKED)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for slug in (LORA, MASKED):
            export.export("m", slug, Path(paths.export("m", slug)).parent)
    return folder


@pytest.fixture
def study(made, tmp_path, monkeypatch):
    """A copy that a test may change, as the current folder."""
    recovered.work_on_copy(made, tmp_path / "copy", monkeypatch)


def named():
    with pytest.raises(InputError) as error:
        verify(RUN)
    return str(error.value)


def test_all_is_what_it_was(study):
    verify(RUN)


@pytest.mark.parametrize("name", [
    f"{LORA}/adapter_model.safetensors", f"{LORA}/adapter_config.json", f"{LORA}/training.parquet",
    f"{EORA}/adapter_model.safetensors", f"{MASKED}/masked_lora.safetensors", f"{MASKED}/masked_lora.json",
])  # fmt: skip
def test_any_file_that_is_deleted_or_changed_is_named(study, name):
    path = Path("results/m") / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    manifest = path.with_name("manifest.json")
    assert f"{path} is damaged or was changed since it was made" in named()
    path.unlink()
    assert f"{path} is damaged or was changed since it was made" in named()
    assert f"delete {manifest} and run again" in named()


def test_a_file_that_nobody_listed_is_named(study):
    Path(f"results/m/{LORA}/more.safetensors").touch()
    assert f"{LORA}/more.safetensors: is not in results/m/{LORA}/manifest.json" in named()


def test_an_adapter_beside_another_base_is_named(study):
    recovered.give_other_weights(PRUNED, "magnitude-20@overall")
    said = named()
    for slug in (LORA, EORA, MASKED):
        assert f"results/m/{slug}/manifest.json: was recovered from other weights than those of" in said


def test_other_texts_and_windows_are_named(study):
    texts = Path(paths.calibration_texts("main"))
    texts.write_bytes(texts.read_bytes() + b"x")
    seal.seal(texts)
    assert f"results/m/{LORA}/manifest.json was made with other texts than {texts}" in named()


def test_an_export_of_another_archive_is_named(study):
    path = paths.manifest("m", LORA)
    manifest = seal.read_json(path)
    weights = Path(path).with_name("adapter_model.safetensors")
    weights.write_bytes(weights.read_bytes() + b" ")
    manifest["files"][weights.name] = manifest["archive"]["files"][weights.name] = {
        "sha256": files.sha256(weights), "size": weights.stat().st_size
    }  # fmt: skip
    seal.write_json(path, manifest)
    said = named()
    assert f"exports/m/{LORA}/manifest.json was exported from another archive than {path}" in said
    assert MASKED not in said


def test_all_that_lies_among_exports_is_taken_in(study):
    """Also of what the study no longer names: damaged, strange, not finished, of a version that this one is not."""
    gone = "magnitude-20@overall"
    rebuild.export(Path(f"results/m/{PRUNED}"), Path("resources/models/m"), Path(f"exports/m/{PRUNED}"), ("m", PRUNED))
    shutil.copytree(f"exports/m/{PRUNED}", f"exports/m/{gone}")
    manifest = Path(paths.export("m", gone))
    seal.write_json(manifest, files.read_json(manifest) | {"variant": gone, "steps": [gone]})
    for path in ("old/dense^hope-r2/manifest.json", "old/dense/config.json", "notes.txt", ".hidden"):
        Path("exports", path).parent.mkdir(parents=True, exist_ok=True)
        Path("exports", path).touch()
    said = named().splitlines()
    assert len(said) == 3
    assert said[0].startswith("exports/notes.txt: is no export, which would be exports/<model>/<variant>/manifest.json")
    assert said[1].startswith("exports/old/dense: has no manifest.json, so its export did not end; export it again")
    assert "exports/old/dense^hope-r2/manifest.json: recovery 'hope-r2': no method 'hope'; known: lora" in said[2]
    weights = manifest.with_name("model.safetensors")
    weights.write_bytes(weights.read_bytes() + b" ")
    assert f"{weights} is damaged or was changed since it was made" in named()


def test_a_training_that_left_no_curve_is_named(study):
    path = paths.manifest("m", LORA)
    manifest = seal.read_json(path)
    for name in ("training.parquet", "training.parquet.sha256"):
        del manifest["files"][name], manifest["archive"]["files"][name]
        Path(path).with_name(name).unlink()
    seal.write_json(path, manifest)
    assert f"{path} lists no training.parquet, which says how its loss went; delete {path} and run again" in named()
