"""What stays of an archive gives back the bytes of the full one, or says what is wrong."""

import os
import re
from pathlib import Path

import pytest
import torch
from helpers import questions, tiny

from knowcost import compress
from knowcost.common import files, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import make as archive
from knowcost.compress.archive import rebuild, storage, write
from knowcost.models import shard_files
from knowcost.models.blueprint import AUTO
from knowcost.models.load import load
from knowcost.score import cells
from knowcost.spec.architectures import family_of

SLUGS = [
    "dense",
    "magnitude-40@overall",
    "magnitude-20@final",
    "magnitude_structured-40@final",
    "int8@overall",
    "magnitude-40@attention+int8@attention",
]
LOST = "magnitude-20@final+lost@final"
PLACE = ("m", "magnitude-40@overall")


def make(folder, slug, mode, shard_size=storage.SHARD_SIZE):
    """(manifest, folder) of an archive of folder/model."""
    wanted = [("paper", scope, [20, 40]) for scope in ("attention", "overall", "final")]
    if not (folder / "thresholds.json").exists():
        archive.make_thresholds(folder / "model", wanted, folder / "thresholds.json")
    out = folder / mode / slug
    inputs = archive.Inputs(folder / "model", folder / "thresholds.json")
    archive.make_archive("m", slug, inputs, out, storage.Keep(mode, shard_size))
    return storage.verify(out), out


def contents(folder):
    files_ = (path for path in Path(folder).glob("[!.]*") if not path.name.startswith(paths.MANIFEST))
    return {path.name: path.read_bytes() for path in files_}


def without_mode(manifest):
    """A manifest as JSON, without what a mode alone decides."""
    size = {key: value for key, value in manifest["bytes"].items() if key != "disk"}
    return files.as_json({key: value for key, value in manifest.items() if key != "archive"} | {"bytes": size})


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.fixture
def llama(tmp_path):
    tiny.fetched("llama", tmp_path / "model")
    return tmp_path


@pytest.mark.parametrize("kind", ["bert", "t5-tied", "llama"])
def test_every_mode_gives_the_same_bytes(tmp_path, kind):
    tiny.fetched(kind, tmp_path / "model", dtype=torch.float16, shard="7KB")
    family = family_of(kind.removesuffix("-tied"))
    for slug in SLUGS + [LOST] * (family != "encoder"):
        whole, expected = make(tmp_path, slug, "full", 5000)
        assert len(list(expected.glob("*.safetensors"))) > 1
        for mode in ("sparse", "changed", "recipe"):
            manifest, folder = make(tmp_path, slug, mode, 5000)
            assert without_mode(manifest) == without_mode(whole)
            with rebuild.full(manifest, folder, tmp_path / "model") as made:
                assert contents(made) == contents(expected), (slug, mode)
            assert not made.exists()


@pytest.mark.parametrize("mode", storage.MODES)
def test_an_export_is_an_archive_kept_in_full(llama, mode):
    _, expected = make(llama, "magnitude-40@overall", "full")
    _, folder = make(llama, "magnitude-40@overall", mode)
    out = llama / "exported"
    rebuild.export(folder, llama / "model", out, PLACE)
    assert storage.verify(out) == storage.verify(expected)
    assert contents(out) == contents(expected)
    model = AUTO["decoder"].from_pretrained(out).eval()
    assert torch.equal(tiny.logits(model), tiny.logits(load(expected)[0]))


@pytest.mark.parametrize("mode", storage.MODES)
def test_an_export_is_read_back_before_it_gets_its_manifest(llama, monkeypatch, mode):
    _, folder = make(llama, "magnitude-40@overall", mode)
    made = rebuild._make

    def damaged(*arguments):
        made(*arguments)
        flip(llama / "exported/model.safetensors")

    monkeypatch.setattr(rebuild, "_make", damaged)
    with pytest.raises(InputError, match=r"exported/model\.safetensors is damaged"):
        rebuild.export(folder, llama / "model", llama / "exported", PLACE)
    assert not (llama / "exported" / paths.MANIFEST).exists()


def test_another_variants_archive_is_not_exported_and_the_export_that_is_there_stays(llama):
    _, folder = make(llama, "magnitude-40@overall", "full")
    rebuild.export(folder, llama / "model", llama / "exported", PLACE)
    before = contents(llama / "exported")
    _, other = make(llama, "dense", "full")
    with pytest.raises(InputError, match="is of m dense, but this is the place of m magnitude-40@overall"):
        rebuild.export(other, llama / "model", llama / "exported", PLACE)
    assert before and contents(llama / "exported") == before


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("mode", storage.MODES)
def test_the_manifest_counts_the_bytes_that_lie_there(llama, slug, mode):
    manifest, folder = make(llama, slug, mode)
    files_ = [path for path in folder.glob("[!.]*") if path.suffix != seal.SUFFIX]
    assert manifest["bytes"]["disk"] == sum(path.stat().st_size for path in files_)


def test_what_stays(llama):
    kept = {mode: set(contents(make(llama, "magnitude-40@attention", mode)[1])) for mode in storage.MODES}
    assert kept["full"] > {"model.safetensors", "config.json", "tokenizer.json"}
    assert kept["changed"] == {"changed.safetensors", "config.json"}
    assert kept["sparse"] == kept["full"] - {"model.safetensors"} | {"sparse.model.safetensors"}
    assert kept["recipe"] == set()
    from safetensors.torch import load_file

    changed = load_file(llama / "changed/magnitude-40@attention/changed.safetensors")
    assert {name.split(".")[-2] for name in changed} == {"q_proj", "k_proj", "v_proj", "o_proj"}
    assert set(contents(make(llama, "dense", "changed")[1])) == {"config.json"}


def test_another_mode_leaves_nothing_of_the_former_and_keeps_the_scores(llama):
    _, folder = make(llama, "dense", "full")
    (folder / "scores").mkdir()
    (folder / "scores/b.parquet").write_text("rows")
    archive.make_archive("m", "dense", archive.Inputs(llama / "model"), folder, storage.Keep("recipe"))
    left = ["manifest.json", "manifest.json.sha256", "scores"]
    assert sorted(path.name for path in folder.glob("[!.]*")) == left
    assert (folder / "scores/b.parquet").read_text() == "rows"


def test_every_mode_is_the_same_cell(llama, monkeypatch):
    monkeypatch.chdir(llama)
    Path(paths.benchmark("b")).parent.mkdir(parents=True)
    questions.write(paths.benchmark("b"), "boolq", questions.FACTS["boolq"])
    options = {"tokens_per_batch": 1, "batch_size": 1, "int8_engine": "torch", "int8_activations": "batch"}
    for slug in SLUGS:
        manifests = [make(llama, slug, mode)[0] for mode in storage.MODES]
        assert len({cells.cell_key(manifest, "b", cells.Settings(options)) for manifest in manifests}) == 1


@pytest.mark.parametrize("slug", ["rtn-4bit@attention", "magnitude_layer-2of4@overall+rtn-3bit-g8@overall"])
def test_a_recipe_says_what_an_archive_kept_in_full_says_and_writes_nothing_else(llama, monkeypatch, slug):
    whole, _ = make(llama, slug, "full")
    for name in ("write_shard", "stored"):
        monkeypatch.setattr(shard_files, name, lambda *_: pytest.fail("a weight was written"))
    manifest, folder = make(llama, slug, "recipe")
    assert without_mode(manifest) == without_mode(whole)
    assert sorted(path.name for path in folder.glob("[!.]*")) == ["manifest.json", "manifest.json.sha256"]


def test_a_flipped_byte_in_what_stays_is_named(llama):
    _, folder = make(llama, "magnitude-40@overall", "changed")
    flip(folder / "changed.safetensors")
    with pytest.raises(InputError, match=r"changed\.safetensors is damaged .* delete .*manifest\.json"):
        rebuild.export(folder, llama / "model", llama / "exported", PLACE)
    assert not (llama / "exported" / paths.MANIFEST).exists()


@pytest.mark.parametrize("mode", ["changed", "recipe"])
@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("seen", [True, False])
def test_a_flipped_byte_in_the_base_is_named(llama, mode, name, seen):
    manifest, folder = make(llama, "magnitude-40@overall", mode)
    path = llama / "model" / name
    before = path.stat()
    flip(path)
    if not seen:  # a disk that rots does not change the time of a file
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns - 10**9))
    with (
        pytest.raises(InputError, match=rf"{name} is damaged .* delete .*source\.json"),
        rebuild.full(manifest, folder, llama / "model"),
    ):
        pass


@pytest.mark.parametrize("mode", storage.MODES)
def test_no_archive_is_made_of_a_base_that_changed_since_it_was_fetched(llama, mode):
    flip(llama / "model/model.safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors is damaged .* delete .*source\.json"):
        make(llama, "int8@overall", mode)
    assert not (llama / mode / "int8@overall" / paths.MANIFEST).exists()


@pytest.mark.parametrize("place", [-1, 20])  # a weight; the header, over which whoever reads on would stumble
def test_no_thresholds_are_taken_of_one_either(llama, place):
    path = llama / "model/model.safetensors"
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"model\.safetensors is damaged .* delete .*source\.json"):
        archive.make_thresholds(llama / "model", [("paper", "overall", [20])], llama / "thresholds.json")
    assert not (llama / "thresholds.json").exists()


@pytest.mark.parametrize("mode", ["changed", "recipe"])
def test_another_base_is_refused(llama, mode):
    manifest, folder = make(llama, "magnitude-40@overall", mode)
    tiny.fetched("llama", llama / "model", seed=1)
    with pytest.raises(InputError, match="other weights"), rebuild.full(manifest, folder, llama / "model"):
        pass


def test_a_recipe_that_gives_other_bytes_is_refused(llama, monkeypatch):
    manifest, folder = make(llama, "magnitude-40@overall", "recipe")
    monkeypatch.setattr(compress, "STAGE_VERSION", "next")
    manifest["archive"]["cuts"]["magnitude-40@overall"]["bits"] += 1000
    with (
        pytest.raises(InputError, match=r"made again, has sha256(.|\n)*version \d+ .* this is next. Delete"),
        rebuild.full(manifest, folder, llama / "model"),
    ):
        pass


def test_a_manifest_of_an_older_version_says_what_to_do(llama):
    manifest, folder = make(llama, "dense", "full")
    del manifest["archive"]
    seal.write_json(folder / paths.MANIFEST, manifest)
    with pytest.raises(InputError, match=r"manifest\.json: .*older version.* delete"):
        storage.verify(folder)


@pytest.mark.parametrize("mode", ["full", "changed"])
def test_a_listed_file_that_is_missing_is_named(llama, mode):
    manifest, folder = make(llama, "magnitude-40@overall", mode)
    for name in manifest["archive"]["files"]:
        data = (folder / name).read_bytes()
        (folder / name).unlink()
        with pytest.raises(InputError, match=re.escape(str(folder / name))):
            storage.verify(folder)
        (folder / name).write_bytes(data)
    assert storage.verify(folder) == manifest


@pytest.mark.parametrize("mode", ["changed", "recipe"])
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
def test_each_file_that_is_made_again_is_held_against_the_manifest(llama, mode, name):
    """What is copied from the base, and what is written beside the weights, too."""
    manifest, folder = make(llama, "magnitude-40@overall", mode)
    with rebuild.full(manifest, folder, llama / "model") as made:
        assert {path.name for path in made.iterdir()} == manifest["files"].keys() >= {name}
    manifest["files"][name] = manifest["files"][name] | {"sha256": "0" * 64}
    with (
        pytest.raises(InputError, match=rf"{re.escape(name)}, made again, has sha256 .* says 0000"),
        rebuild.full(manifest, folder, llama / "model"),
    ):
        pass


@pytest.mark.parametrize("mode", ["changed", "recipe"])
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_file_that_is_made_again_with_other_bytes_is_refused(llama, monkeypatch, mode, name):
    manifest, folder = make(llama, "magnitude-40@overall", mode)
    made = write.copy_small

    def careless(base, out):
        made(base, out)
        if (out / name).exists():
            flip(out / name)

    monkeypatch.setattr(write, "copy_small", careless)
    if name == "config.json":  # a recipe's is written behind
        original = files.write_json
        monkeypatch.setattr(files, "write_json", lambda path, value: original(path, value | {"more": 1}))
    with (
        pytest.raises(InputError, match=rf"{re.escape(name)}, made again"),
        rebuild.full(manifest, folder, llama / "model"),
    ):
        pass


@pytest.mark.parametrize("mode", ["changed", "recipe"])
def test_a_file_that_the_manifest_lists_and_that_is_not_made_again_is_named(llama, mode):
    manifest, folder = make(llama, "magnitude-40@overall", mode)
    manifest["files"]["special_tokens_map.json"] = {"sha256": "0" * 64, "size": 2}
    with (
        pytest.raises(InputError, match=r"special_tokens_map\.json, made again"),
        rebuild.full(manifest, folder, llama / "model"),
    ):
        pass
