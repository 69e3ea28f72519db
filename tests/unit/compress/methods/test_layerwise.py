"""Archives of the methods that solve layer by layer: what was promised is in them."""

import numpy as np
import pytest
import torch
from helpers import tiny
from helpers.calibrated import calibrated

from knowcost.common import files, paths
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.compress import registry
from knowcost.compress.archive import make as archive
from knowcost.compress.archive import rebuild, storage, write
from knowcost.compress.archive.write import SCRATCH
from knowcost.compress.method import Archived
from knowcost.compress.methods.layerwise import Layerwise, Solved
from knowcost.models import checkpoint, formats
from knowcost.models.checkpoint import Checkpoint
from knowcost.models.load import load
from knowcost.models.torch_tensors import from_torch, to_torch
from knowcost.spec import scopes
from knowcost.spec.variants import parse


def archived(folder, kind, slug, dtype=torch.float32, **keep):
    """(the base's Checkpoint, the archive's folder, its manifest); keep: of storage.Keep."""
    tiny.fetched(kind, folder / "model", dtype)
    windows = folder / "windows.parquet"
    calibrated(windows, model=folder / "model")
    inputs = archive.Inputs(folder / "model", calibration=windows)
    archive.make_archive("m", slug, inputs, folder / "out", storage.Keep(**keep))
    return Checkpoint(folder / "model"), folder / "out", files.read_json(folder / "out" / paths.MANIFEST)


def weights(base, scope="overall"):
    return [f"{name}.weight" for name in scopes.layers(base.model_type, base.modules, "paper", scope)]


class Same(Layerwise):
    """Solves every layer with itself."""

    name = "same"
    needs_data = True

    def solve(self, step, weight, statistics, pruned):
        return weight

    def tensors(self, name, result, dtype):
        made = from_torch(name, result, dtype)
        return made, [made]

    def verify(self, step, before, archived, prepared):
        pass


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("bert", torch.float32), ("albert", torch.float32), ("t5", torch.bfloat16), ("llama-tied", torch.float16)],
)
def test_solved_with_itself_an_archive_is_its_base(tmp_path, monkeypatch, kind, dtype):
    monkeypatch.setitem(registry.METHODS, "same", Same())
    base, out, _ = archived(tmp_path, kind, "same-50@overall", dtype=dtype)
    found = Checkpoint(out).tensors
    assert found.keys() == base.tensors.keys()
    assert all(checkpoint.same_bytes(found[name], base.tensors[name]) for name in found)


@pytest.mark.parametrize(
    ("kind", "method"),
    [("albert", "sparsegpt"), ("opt", "sparsegpt"), ("t5", "wanda"), ("opt", "magnitude_layer")],
)
def test_two_of_four_weights_are_kept_everywhere(tmp_path, kind, method):
    base, out, manifest = archived(tmp_path, kind, f"{method}-2of4@overall")
    found = Checkpoint(out).tensors
    for name in weights(base):
        groups = found[name].whole().reshape(-1, 4)
        assert ((groups != 0).sum(axis=1) <= 2).all()
        assert (groups != 0).mean() > 0.45 or "fc2" in name  # OPT's ReLU leaves inputs that are always zero
    assert manifest["parameters"]["scope"]["overall"]["sparsity"] >= 0.5
    assert sorted(p.name for p in out.iterdir() if p.is_dir()) == []


def test_wanda_prunes_the_same_share_of_every_row(tmp_path):
    base, out, manifest = archived(tmp_path, "llama", "wanda-30@overall")
    found = Checkpoint(out).tensors
    for name in weights(base):
        rows = found[name].whole().reshape(found[name].shape)
        assert ((rows == 0).sum(axis=1) == int(0.3 * rows.shape[1])).all()
        kept = rows != 0
        assert np.array_equal(rows[kept], base.tensors[name].whole().reshape(rows.shape)[kept])
    about = manifest["calibration"]
    assert about["name"] == "random"


@pytest.mark.parametrize(
    ("kind", "slug"),
    [
        *((kind, "gptq-4bit@overall") for kind in ("bert", "t5-tied", "llama")),
        *((kind, "gptq-2bit-g8-actorder@final") for kind in ("bert", "t5-tied", "llama-tied")),
        *((kind, "rtn-3bit-g8@overall") for kind in ("albert", "t5", "opt")),
    ],
)
def test_weights_of_few_bits_lie_on_their_grids_and_load(tmp_path, kind, slug):
    base, out, manifest = archived(tmp_path, kind, slug)
    module, _ = load(out, device="cpu")
    state, held = module.state_dict(), formats.floats(Checkpoint(out))
    bits = int(slug.partition("bit")[0][-1])
    for name in manifest["touched"]:
        value = to_torch(held[name])
        (path,) = [key for key in state if key == name or key.endswith(f".{name}")]
        assert torch.equal(state[path], value)
        for group in value.reshape(-1, 8 if "g8" in slug else value.shape[1]):
            assert len(group.unique()) <= 2**bits
    untouched = [name for name in base.tensors if name not in manifest["touched"]]
    assert all(checkpoint.same_bytes(held[name], base.tensors[name]) for name in untouched)
    assert torch.isfinite(tiny.logits(module)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_rounding_to_nearest_is_off_by_half_a_step_at_most_and_saves_bytes(tmp_path, dtype):
    base, out, manifest = archived(tmp_path, "llama", "rtn-4bit-g8@overall", dtype=dtype)
    held, stored = formats.floats(Checkpoint(out)), Checkpoint(out).tensors
    for name in manifest["touched"]:
        before, after = to_torch(base.tensors[name]).float(), to_torch(held[name]).float()
        assert held[name].dtype == base.tensors[name].dtype
        groups = before.reshape(-1, 8)
        step = (groups.amax(1).clamp(min=0) - groups.amin(1).clamp(max=0)) / 15
        assert ((after - before).reshape(-1, 8).abs().amax(1) <= step * (0.51 if dtype == torch.float32 else 0.6)).all()
        rows, columns = before.shape
        assert stored[f"{name}_packed"].shape == (rows, columns * 4 // 32)
    whole = sum(base.tensors[name].nbytes for name in manifest["touched"])
    parts = sum(
        t.nbytes for n, t in stored.items() if n.rpartition("_")[0] in manifest["touched"] or n.endswith("point")
    )
    dense = sum(tensor.nbytes for tensor in base.tensors.values())
    assert manifest["bytes"]["real"] == manifest["bytes"]["loaded"] == dense - whole + parts
    assert manifest["bytes"]["formats"] == {"dense": dense - whole, "packed": parts}
    assert manifest["bytes"]["format"] == "packed"


def test_packed_archives_may_have_several_shards(tmp_path):
    held = []
    for size in (5 * 10**9, 6000):
        folder = tmp_path / str(size)
        folder.mkdir()
        _, out, _ = archived(folder, "llama", "gptq-4bit@overall", shard_size=size)
        held.append({name: t.whole().tobytes() for name, t in formats.floats(Checkpoint(out)).items()})
    assert len(list(out.glob("*.safetensors"))) > 2 and held[0] == held[1]
    load(out, device="cpu")


@pytest.mark.parametrize("kind", ["bert", "t5", "llama"])
def test_what_sparsegpt_pruned_is_still_zero_after_gptq_and_int8(tmp_path, kind):
    zeros = {}
    for last in ("", "+gptq-4bit@overall", "+int8@overall"):
        (tmp_path / f"a{last}").mkdir()
        base, out, _ = archived(tmp_path / f"a{last}", kind, f"sparsegpt-50@overall{last}")
        held = formats.floats(Checkpoint(out))
        zeros[last] = {name: held[name].whole() == 0 for name in weights(base)}
        load(out, device="cpu")
    for name, pruned in zeros[""].items():
        assert pruned.mean() >= 0.5
        assert zeros["+gptq-4bit@overall"][name][pruned].all() and zeros["+int8@overall"][name][pruned].all()


def test_the_same_input_gives_the_same_bytes(tmp_path):
    runs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        _, out, _ = archived(tmp_path / name, "t5", "sparsegpt-50@overall+gptq-4bit@overall")
        runs.append({p.name: p.read_bytes() for p in out.iterdir()})
    assert runs[0] == runs[1]


def test_what_an_interrupted_run_left_is_removed(tmp_path):
    (tmp_path / "out" / SCRATCH).mkdir(parents=True)
    (tmp_path / "out" / SCRATCH / "rest.safetensors").write_text("x")
    _, out, _ = archived(tmp_path, "llama", "wanda-50@overall")
    assert not (out / SCRATCH).exists()


@pytest.mark.parametrize(
    ("slug", "message"),
    [
        (
            "wanda-2of5@overall",
            r"wanda-2of5@overall: model\.layers\.0\.mlp\.down_proj\.weight: its 24 inputs do not divide",
        ),
        (
            "sparsegpt-50@attention+gptq-4bit-g16@overall",
            r"down_proj\.weight: its 24 inputs do not divide into groups of 16",
        ),
        ("rtn-4bit-g3@attention", "16 inputs do not divide into groups of 3"),
        ("wanda-50@cross_attention", "scope 'cross_attention' has no linear layer in architecture 'llama'"),
    ],
)
def test_impossible_levels_and_scopes_are_refused_before_any_work(tmp_path, monkeypatch, slug, message):
    monkeypatch.setattr(write, "_apply", lambda *args: pytest.fail("work has begun"))
    with pytest.raises(InputError, match=message):
        archived(tmp_path, "llama", slug)


@pytest.mark.parametrize("slug", ["wanda-2of4@overall", "magnitude_layer-2of4@overall"])
@pytest.mark.parametrize("mode", ["full", "recipe"])
def test_an_archive_that_does_not_hold_what_was_solved_is_noticed(tmp_path, monkeypatch, slug, mode):
    compress = Layerwise.compress

    def careless(self, tensor, prepared):
        """One pruned weight comes back on the way into the archive."""
        made = compress(self, tensor, prepared)
        return [revived(t) if t.name.endswith("0.self_attn.k_proj.weight") else t for t in made]

    def revived(tensor):
        value = to_torch(tensor)
        value.view(-1)[(value.view(-1) == 0).nonzero()[0]] = 1.0
        return from_torch(tensor.name, value)

    monkeypatch.setattr(Layerwise, "compress", careless)
    with pytest.raises(BrokenPromise, match=r"model\.layers\.0\.self_attn\.k_proj\.weight has 127 zeros, not 128"):
        archived(tmp_path, "llama", slug, mode=mode)
    assert not (tmp_path / "out" / paths.MANIFEST).exists()


@pytest.mark.parametrize(
    ("slug", "kept"), [("sparsegpt-50@attention+gptq-4bit@attention", "changed"), ("rtn-4bit@attention", "recipe")]
)
def test_a_recipe_with_calibration_data_keeps_what_no_other_machine_would_compute(tmp_path, slug, kept):
    (tmp_path / "full").mkdir()
    _, _, whole = archived(tmp_path / "full", "llama", slug)
    base, out, manifest = archived(tmp_path, "llama", slug, mode="recipe")
    assert manifest["archive"]["keep"] == kept and manifest["files"] == whole["files"]
    with rebuild.full(storage.verify(out), out, tmp_path / "model") as folder:
        module, _ = load(folder, device="cpu")
    expected, _ = load(tmp_path / "full" / "out", device="cpu")
    assert torch.equal(tiny.logits(module), tiny.logits(expected))
    assert len(base.tensors) > len(manifest["touched"]) == 8


def promise(slug, solved, zeros, rounded=False, held=None):
    """Verify a pruner's layer of 4 x 8; solved: the weight its solver left; held: the archive's, with so many zeros."""
    step = parse(slug).steps[0]
    made, archived = from_torch("w", solved), from_torch("w", solved if held is None else held)
    before = {"w": from_torch("w", torch.ones(4, 8))}
    what = Archived({"w": archived}, {"w": zeros}, rounded)
    registry.METHODS[step.method].verify(step, before, what, {"w": Solved(made, [made], False)})


def with_zeros(per_row):
    weight = torch.ones(4, 8)
    weight[:, :per_row] = 0
    return weight


def test_a_layer_has_the_zeros_that_its_solver_left_no_fewer_and_no_more():
    """50% of 4 x 8 are 16 zeros."""
    promise("wanda-50@overall", with_zeros(4), 16)
    promise("wanda-50@overall", with_zeros(5), 20)  # a layer with zeros before
    for zeros in (0, 15, 17, 32):
        with pytest.raises(BrokenPromise, match=f"w has {zeros} zeros, not 16"):
            promise("wanda-50@overall", with_zeros(4), zeros)
    for zeros in (16, 17, 32):
        promise("wanda-50@overall", with_zeros(4), zeros, rounded=True)
    with pytest.raises(BrokenPromise, match="w has 15 zeros, not 16"):
        promise("wanda-50@overall", with_zeros(4), 15, rounded=True)


def test_a_solver_that_leaves_too_few_zeros_is_noticed():
    with pytest.raises(BrokenPromise, match="the solver left 12 zeros, expected 16"):
        promise("wanda-50@overall", with_zeros(3), 12)


def test_patterns_hold_in_every_group():
    """2:4: zeros enough in all, but one group of four keeps three."""
    even = torch.tensor([0.0, 0, 1, 1] * 8).reshape(4, 8)
    promise("wanda-2of4@overall", even, 16)
    uneven = even.clone()
    uneven[3, 4:] = torch.tensor([0.0, 1, 1, 1])
    uneven[0, :4] = torch.tensor([0.0, 0, 0, 1])
    assert (uneven == 0).sum() == 16
    with pytest.raises(BrokenPromise, match="w keeps 3 of 4 weights, not 2"):
        promise("wanda-2of4@overall", uneven, 16)
