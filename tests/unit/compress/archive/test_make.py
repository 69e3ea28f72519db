import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import tiny
from helpers.calibrated import calibrated
from torch.nn.utils import prune

from knowcost.common import files, paths, seal
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.compress.archive import make as archive
from knowcost.compress.archive import storage, write
from knowcost.compress.archive.make import Inputs
from knowcost.models import checkpoint, layout
from knowcost.models.blueprint import AUTO
from knowcost.models.checkpoint import Checkpoint
from knowcost.models.load import load
from knowcost.spec import scopes
from knowcost.spec.architectures import family_of
from knowcost.spec.variants import parse

# Of each family, and of each way to tie; tests/unit/test_every_architecture.py goes through all of them.
KINDS = ["bert", "t5-tied", "llama"]


def archived(tmp_path, kind, slug, **how):
    """(in-memory model, folder of its archive)."""
    model = tiny.fetched(kind, tmp_path / "model", **how)
    wanted = [(s.grouping, s.scope, [s.level]) for s in parse(slug).steps if s.method == "magnitude"]
    archive.make_thresholds(tmp_path / "model", wanted, tmp_path / "thresholds.json")
    archive.make_archive("m", slug, Inputs(tmp_path / "model", tmp_path / "thresholds.json"), tmp_path / "out")
    return model, tmp_path / "out"


def plain(folder, kind):
    auto = AUTO[family_of(kind.removesuffix("-tied"))]
    return auto.from_pretrained(folder).eval()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slug", ["dense", "magnitude-40@attention"])
def test_a_pruned_archive_reloads_by_from_pretrained_with_torch_s_logits(tmp_path, kind, slug):
    model, out = archived(tmp_path, kind, slug)
    for step in parse(slug).steps:
        layers = tiny.linears(model)
        names = scopes.layers(model.config.model_type, layers, "paper", step.scope)
        prune.global_unstructured([(layers[n], "weight") for n in names], prune.L1Unstructured, amount=0.4)
    assert torch.equal(tiny.logits(plain(out, kind)), tiny.logits(model))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slug", ["int8@attention", "magnitude-40@overall+int8@overall"])
@pytest.mark.parametrize("engine", ["knowcost", "torch"])
def test_an_int8_archive_computes_what_torch_s_quantization_computes(tmp_path, kind, slug, engine):
    model, out = archived(tmp_path, kind, slug)
    layers = tiny.linears(model)
    for step in parse(slug).steps:
        names = scopes.layers(model.config.model_type, layers, "paper", step.scope, step.method == "int8")
        if step.method == "magnitude":
            prune.global_unstructured([(layers[n], "weight") for n in names], prune.L1Unstructured, amount=0.4)
            for name in names:
                prune.remove(layers[name], "weight")
    config = torch.ao.quantization.default_dynamic_qconfig
    expected = torch.ao.quantization.quantize_dynamic(model, {name: config for name in names}, torch.qint8)
    module, _ = load(out, engine=engine, device="cpu")
    assert torch.equal(tiny.logits(module), tiny.logits(expected))


def test_plain_from_pretrained_refuses_int8_numbers_as_weights(tmp_path):
    _, out = archived(tmp_path, "llama", "int8@overall")
    with pytest.raises(OSError, match=r"no file named model\.safetensors"):
        plain(out, "llama")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_archives_keep_the_stored_type(tmp_path, dtype):
    _, out = archived(tmp_path, "llama", "magnitude-50@overall", dtype=dtype)
    assert {t.dtype for t in Checkpoint(out).tensors.values()} == {"F16" if dtype == torch.float16 else "BF16"}
    entry = files.read_json(out / paths.MANIFEST)["parameters"]["scope"]["overall"]
    assert entry["zeros"] == round(0.5 * entry["parameters"])


def test_the_manifest_counts_what_numpy_counts(tmp_path):
    model, out = archived(tmp_path, "t5", "magnitude-40@cross_attention")
    manifest = files.read_json(out / paths.MANIFEST)
    state = {name: t for name, t in plain(out, "t5").state_dict().items() if "EncDecAttention" in name and t.dim() == 2}
    state = {name: t for name, t in state.items() if "relative" not in name}
    entry = manifest["parameters"]["scope"]["cross_attention"]
    assert entry["zeros"] == sum(int((t == 0).sum()) for t in state.values()) == round(0.4 * entry["parameters"])
    assert manifest["touched"] == sorted(state, key=checkpoint.natural)
    assert manifest["parameters"]["scope"]["feed_forward"]["zeros"] == 0
    assert manifest["parameters"]["total"] == sum(p.numel() for p in model.parameters())
    assert manifest["files"]["model.safetensors"]["sha256"] == files.sha256(out / "model.safetensors")


def test_bytes_do_not_depend_on_the_shards(tmp_path):
    tensors = []
    for name, shard, size in (("one", "5GB", 6000), ("many", "6KB", 10**9), ("both", "6KB", 2000)):
        (tmp_path / name).mkdir()
        tiny.fetched("llama", tmp_path / name / "model", dtype=torch.float16, shard=shard)
        archive.make_thresholds(tmp_path / name / "model", [("paper", "overall", [30])], tmp_path / "t.json")
        out = tmp_path / name / "out"
        slug = "magnitude-30@overall"
        inputs = Inputs(tmp_path / name / "model", tmp_path / "t.json")
        archive.make_archive("m", slug, inputs, out, storage.Keep(shard_size=size))
        tensors.append({n: t.whole().tobytes() for n, t in Checkpoint(out).tensors.items()})
        held = [[t.nbytes for t in checkpoint.open_shard(p).values()] for p in out.glob("*.safetensors")]
        assert all(sum(sizes) <= size or len(sizes) == 1 for sizes in held)
    assert held.count([3840]) == 2  # embedding and head: 120 words of 16 values of 2 bytes, too much for a shard
    assert tensors[0] == tensors[1] == tensors[2]
    module = plain(out, "llama")
    state = {name: tensor.half().numpy().tobytes() for name, tensor in module.state_dict().items()}
    assert state == tensors[0]


def test_the_same_input_gives_the_same_bytes(tmp_path):
    runs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        _, out = archived(tmp_path / name, "bert", "magnitude-20@attention+int8@attention")
        runs.append({p.name: p.read_bytes() for p in out.iterdir()})
    assert runs[0] == runs[1]


@pytest.mark.parametrize("mode", storage.MODES)
def test_a_tensor_that_changed_without_a_step_is_noticed(tmp_path, monkeypatch, mode):
    tiny.fetched("llama", tmp_path / "model")

    def work_on(base, *arguments):
        work = write.work_on(base, *arguments)
        name = "model.norm.weight"
        ones = np.ones(work.tensors[name].shape, np.float32) * 2
        work.tensors[name] = checkpoint.from_array(name, "F32", ones)
        return work

    monkeypatch.setattr(archive, "work_on", work_on)
    with pytest.raises(BrokenPromise, match=r"model\.norm\.weight changed, though no step touches it"):
        archive.make_archive("m", "dense", Inputs(tmp_path / "model"), tmp_path / "out", storage.Keep(mode))
    assert not (tmp_path / "out" / paths.MANIFEST).exists()


@pytest.mark.parametrize("mode", storage.MODES)
def test_a_tensor_that_is_left_out_is_noticed(tmp_path, monkeypatch, mode):
    tiny.fetched("llama", tmp_path / "model")
    monkeypatch.setattr(layout, "folded", lambda _, tensors: list(tensors)[:-1])
    with pytest.raises(BrokenPromise, match=r"was never written"):
        archive.make_archive("m", "dense", Inputs(tmp_path / "model"), tmp_path / "out", storage.Keep(mode))
    assert not (tmp_path / "out" / paths.MANIFEST).exists()


CARELESS = """
import sys
import numpy as np
from knowcost.compress.archive import make, storage
from knowcost.compress.methods.magnitude import Magnitude
from knowcost.models.checkpoint import from_array

Magnitude.compress = lambda self, t, cut: [from_array(t.name, t.dtype, np.ones(t.shape, np.float32))]
make.make_thresholds("model", [("paper", "attention", [20])], "cuts.json")
make.make_archive("m", "magnitude-20@attention", make.Inputs("model", "cuts.json"), "out", storage.Keep(sys.argv[1]))
"""


@pytest.mark.parametrize("mode", ["full", "recipe"])
def test_promises_are_checked_though_python_drops_assertions(tmp_path, root, mode):
    tiny.fetched("llama", tmp_path / "model")
    environment = {"PYTHONPATH": str(root), "PYTHONOPTIMIZE": "1"}
    command = [sys.executable, "-c", CARELESS, mode]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "BrokenPromise: magnitude-20@attention: 0 zeros in the archive, expected" in done.stderr
    assert not (tmp_path / "out" / paths.MANIFEST).exists()


def test_verify_names_the_file_that_differs(tmp_path):
    _, out = archived(tmp_path, "llama", "magnitude-20@attention")
    storage.verify(out)
    path = out / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"model\.safetensors is damaged .* delete"):
        storage.verify(out)
    (out / paths.MANIFEST).unlink()
    with pytest.raises(InputError, match=r"manifest\.json: missing; delete .*manifest\.json\.sha256 and run"):
        storage.verify(out)


def test_thresholds_of_other_weights_are_refused(tmp_path):
    _, out = archived(tmp_path, "llama", "magnitude-20@attention")
    cuts = json.loads((tmp_path / "thresholds.json").read_text())
    cuts["base"]["model.safetensors"] = "0" * 64
    seal.write_json(tmp_path / "thresholds.json", cuts)
    inputs = Inputs(tmp_path / "model", tmp_path / "thresholds.json")
    with pytest.raises(InputError, match="other weights"):
        archive.make_archive("m", "magnitude-20@attention", inputs, out)
    storage.verify(out)  # what was made before is still that


def test_windows_drawn_for_another_model_are_refused(tmp_path):
    """They lie under the same name for every model, so that a copy may bring them with their seal."""
    for name, kind in (("model", "llama"), ("other", "opt")):
        tiny.fetched(kind, tmp_path / name)
    calibrated(tmp_path / "windows.parquet", model=tmp_path / "other")
    inputs = Inputs(tmp_path / "model", calibration=tmp_path / "windows.parquet")
    with pytest.raises(
        InputError, match=r"windows\.parquet: was drawn with another model's .*; delete it and run again"
    ):
        archive.make_archive("m", "wanda-50@overall", inputs, tmp_path / "out")


def test_a_level_that_the_thresholds_lack_is_cut_the_same(tmp_path):
    _, out = archived(tmp_path, "llama", "magnitude-30@overall")
    before = (out / "model.safetensors").read_bytes()
    archive.make_thresholds(tmp_path / "model", [("paper", "attention", [10])], tmp_path / "other.json")
    archive.make_archive("m", "magnitude-30@overall", Inputs(tmp_path / "model", tmp_path / "other.json"), out)
    assert (out / "model.safetensors").read_bytes() == before


def test_a_disk_that_fills_up_leaves_no_half_of_a_small_file(tmp_path, monkeypatch):
    tiny.fetched("bert", tmp_path / "model")

    def fill(source, target):
        Path(target).write_bytes(Path(source).read_bytes()[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fill)
    with pytest.raises(OSError, match="No space left"):
        archive.make_archive("m", "dense", Inputs(tmp_path / "model"), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("kind", "slug", "said"),
    [
        ("llama-tied", "magnitude-20@final", False),
        ("llama-tied", "int8@overall", False),
        ("llama-tied", "magnitude-20@attention", True),
        ("llama", "magnitude-20@final", False),
        ("bert", "magnitude-20@final", False),
    ],
)
def test_a_head_that_became_a_matrix_of_its_own_is_declared_so(tmp_path, kind, slug, said):
    """transformers 5 compares the two; other readers of the archive go by config.json alone."""
    _, folder = archived(tmp_path, kind, slug)
    assert json.loads((folder / "config.json").read_text())["tie_word_embeddings"] is said
