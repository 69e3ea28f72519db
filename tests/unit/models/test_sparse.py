"""The bitmask format beside plain checkpoints: bit for bit, and refused where it is damaged."""

import json
import struct

import numpy as np
import pytest
import torch
import transformers
from helpers import tiny
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM

from knowcost.common import files, paths
from knowcost.common.errors import InputError
from knowcost.compress.archive import make as archive
from knowcost.compress.archive import rebuild, storage
from knowcost.models import sparse
from knowcost.models.checkpoint import BLOCK, from_array
from knowcost.models.load import load
from knowcost.models.shard_files import write_shard

FILE = "sparse.model.safetensors"
TYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "I8": np.int8}


def plain(folder, *tensors):
    """A folder with a weight file of these Tensors and a config.json."""
    folder.mkdir()
    write_shard(folder / "model.safetensors", tensors)
    files.write_json(folder / "config.json", {"model_type": "llama"})
    return folder


def there_and_back(folder, *tensors):
    """Store Tensors, expand them again, compare bytes; what the sparse file holds, as {name: array}."""
    whole, names = plain(folder / "plain", *tensors), ["model.safetensors", "config.json"]
    for name in ("stored", "back"):
        (folder / name).mkdir()
    written = sparse.store(whole, names, folder / "stored")
    assert written.keys() == {FILE, "config.json"} == {path.name for path in (folder / "stored").iterdir()}
    sparse.expand(folder / "stored", written, folder / "back")
    for name in names:
        assert (folder / "back" / name).read_bytes() == (whole / name).read_bytes()
    return header(folder / "stored" / FILE)


def header(path):
    data = path.read_bytes()
    said = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    return {name: (entry["dtype"], entry["shape"]) for name, entry in said.items() if name != "__metadata__"}


def random(shape, dtype, share=0.5, name="w"):
    """Random bits of a type, so many of them zero."""
    generator = np.random.default_rng(3)
    kind = np.dtype(TYPES[dtype])
    values = generator.integers(1, 2 ** (8 * kind.itemsize) - 1, shape, f"u{kind.itemsize}").view(kind)
    values[generator.random(shape) < share] = 0
    return from_array(name, dtype, values)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(16, 16), (3, 5), (2, 3, 7), (1, 9), (5, BLOCK // 2 + 3)])
def test_any_bits_come_back(tmp_path, dtype, shape):
    said = there_and_back(tmp_path, random(shape, dtype), random((4, 4), dtype, 0, "a"), random((3, 3), dtype, 1, "z"))
    assert said.keys() == {"a"} | {f"{name}_bitmask{part}" for name in "wz" for part in ("", "_values", "_shape")}
    assert said["w_bitmask"] == ("U8", [-(-np.prod(shape) // 8)]) and said["w_bitmask_shape"] == ("I64", [len(shape)])
    assert said["z_bitmask_values"] == (dtype, [0]) and said["a"] == (dtype, [4, 4])


def test_what_is_stored_is_what_numpy_packs(tmp_path):
    values = np.array([[0, 1.5, 0, -0.0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 2]], np.float32)
    there_and_back(tmp_path, from_array("w", "F32", values))
    held = load_file(tmp_path / "stored" / FILE)
    assert held["w_bitmask"].tolist() == [0b00001010, 0, 0b10]
    assert held["w_bitmask_values"].tobytes() == np.array([1.5, -0.0, 2], np.float32).tobytes()
    assert held["w_bitmask_shape"].tolist() == [2, 9]


def test_vectors_codes_and_what_has_few_zeros_stay_as_they_are(tmp_path):
    few = np.ones((8, 8), np.float16)
    few[0, :4] = 0  # 8 bytes for 8
    kept = [from_array("bias", "F32", np.zeros(64, np.float32)), from_array("few", "F16", few),
            from_array("w_packed", "I32", np.zeros((8, 8), np.int32))]  # fmt: skip
    assert there_and_back(tmp_path, *kept).keys() == {"bias", "few", "w_packed"}


@pytest.fixture
def stored(tmp_path):
    there_and_back(tmp_path, random((8, 9), "F32", name="w"))
    return tmp_path / "stored"


def spoil(folder, change):
    held = load_file(folder / FILE)
    change(held)
    save_file(held, folder / FILE)
    (folder / "spoiled").mkdir()
    sparse.expand(folder, [FILE], folder / "spoiled")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held.pop("w_bitmask"), "w lacks its bitmask or its shape"),
        (lambda held: held.pop("w_bitmask_shape"), "w lacks its bitmask or its shape"),
        (lambda held: held.pop("w_bitmask_values"), "has no values beside it"),
        (lambda held: held.update(w_bitmask=held["w_bitmask"][:-1]), "w has a bitmask of 8 bytes and F32 values"),
        (lambda held: held.update(w_bitmask_shape=np.array([8, 10])), r"a bitmask of 9 bytes .* a shape \(8, 10\)"),
        (lambda held: held.update(w_bitmask_shape=np.array([-8, -9])), r"for a shape \(-8, -9\)"),
        (lambda held: held.update(w_bitmask_shape=np.array([8, 8.5])), "w lacks its bitmask or its shape"),
        (
            lambda held: held.update(w_bitmask_values=held["w_bitmask_values"][1:]),
            "w has fewer values than its bitmask",
        ),
        (lambda held: held.update(w_bitmask_values=np.ones(70, np.float32)), "w has more values than its bitmask says"),
        (lambda held: held.update(w_bitmask_shape=np.array([1, 65]), w_bitmask=np.full(9, 255, np.uint8)), "more bits"),
    ],
)
def test_what_does_not_fit_together_is_refused(stored, change, said):
    with pytest.raises(InputError, match=f"stored/{FILE}: .*{said}.*; delete .*manifest.json and run"):
        spoil(stored, change)
    assert not (stored / "spoiled/model.safetensors").exists()


SLUGS = ["magnitude-50@overall", "magnitude-50@attention+int8@attention", "rtn-4bit@attention"]


@pytest.fixture
def made(tmp_path):
    """A function that makes the archives of a slug, full and sparse: (manifest, folder) of each."""

    def made(slug, dtype=torch.float32):
        tiny.fetched("llama", tmp_path / "model", dtype)
        wanted = [("paper", scope, [50]) for scope in ("overall", "attention")]
        archive.make_thresholds(tmp_path / "model", wanted, tmp_path / "cuts.json")
        inputs = archive.Inputs(tmp_path / "model", tmp_path / "cuts.json")
        for mode in ("full", "sparse"):
            out = tmp_path / mode / slug
            archive.make_archive("m", slug, inputs, out, storage.Keep(mode))
            yield storage.verify(out, ("m", slug)), out

    return made


@pytest.mark.parametrize("slug", SLUGS)
def test_an_archive_loads_and_answers_as_the_full_one(made, slug):
    (_, full), (_, folder) = made(slug)
    model, tokenizer = load(folder, device="cpu")
    expected, other = load(full, device="cpu")
    assert torch.equal(tiny.logits(model), tiny.logits(expected))
    assert tokenizer.get_vocab() == other.get_vocab()


@pytest.mark.parametrize(("dtype", "bits"), [(torch.float32, 17), (torch.float16, 9), (torch.bfloat16, 9)])
def test_real_bytes_are_a_file_on_the_disk(made, dtype, bits):
    """But for its header, and a shape of 16 bytes for each matrix."""
    (whole, _), (manifest, folder) = made("magnitude-50@overall", dtype=dtype)
    data = (folder / FILE).read_bytes()
    names = header(folder / FILE)
    matrices = [name for name in names if name.endswith("_bitmask")]
    assert len(matrices) == len(manifest["touched"])
    taken = len(data) - 8 - struct.unpack("<Q", data[:8])[0]
    real = manifest["bytes"]["real"]
    assert taken == real + 16 * len(matrices) and real == whole["bytes"]["real"]
    weights = manifest["parameters"]["touched"]
    assert manifest["bytes"]["formats"]["bitmask"] == pytest.approx(weights * bits / 8, rel=0.001)
    there = [path.stat().st_size for path in folder.glob("[!.]*") if path.suffix != ".sha256"]
    assert manifest["bytes"]["disk"] == sum(there)


def test_pruned_int8_has_a_bitmask_and_packed_weights_stay_packed(made):
    (_, full), (_, folder) = made(SLUGS[1])
    said = header(folder / "sparse.int8.model.safetensors")
    assert said["model.layers.0.self_attn.q_proj.weight_bitmask_values"][0] == "I8"
    assert sum(name.endswith("_bitmask") for name in said) == sum(
        dtype == "I8" for dtype, _ in header(full / "int8.model.safetensors").values()
    )
    (_, full), (_, folder) = made(SLUGS[2])
    assert header(folder / FILE) == header(full / "model.safetensors")


@pytest.fixture
def warnings_are_told():
    """Whatever was switched off before."""
    before = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_warning()
    yield
    transformers.utils.logging.set_verbosity(before)


@pytest.mark.parametrize("slug", SLUGS)
def test_transformers_finds_no_weights_and_names_the_format(made, slug, caplog, warnings_are_told):
    _, (_, folder) = made(slug)
    with pytest.raises(OSError, match=r"no file named model\.safetensors"):
        AutoModelForCausalLM.from_pretrained(folder)
    assert "knowcost_bitmask" in caplog.text


def test_a_damaged_archive_is_refused(made):
    _, (manifest, folder) = made(SLUGS[0])
    [path] = folder.glob("sparse.*")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"sparse\.model\.safetensors is damaged"):
        storage.verify(folder)
    with pytest.raises(InputError, match="cut short"):
        load(folder, device="cpu")
    path.write_bytes(b"")
    with (
        pytest.raises(InputError, match=r"sparse\.model\.safetensors"),
        rebuild.full(manifest, folder, folder / "gone"),
    ):
        pass


def test_its_full_checkpoint_needs_no_base(made, tmp_path):
    (_, full), (manifest, folder) = made(SLUGS[0])
    (tmp_path / "model" / paths.SOURCE).unlink()
    with rebuild.full(manifest, folder, tmp_path / "gone") as whole:
        for name in manifest["files"]:
            assert (whole / name).read_bytes() == (full / name).read_bytes()
