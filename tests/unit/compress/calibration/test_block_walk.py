"""The walk through a model's blocks, beside the whole model run by torch with hooks."""

import re
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from helpers import tiny
from helpers.calibrated import calibrated
from helpers.counting import growth
from helpers.seen import inputs_of
from safetensors.torch import load_file, save_file

from knowcost.common.errors import InputError
from knowcost.compress.calibration import block_walk, embedding
from knowcost.compress.method import Work
from knowcost.models.base import Base
from knowcost.models.checkpoint import Tensor
from knowcost.models.skeleton import Skeleton
from knowcost.models.torch_tensors import from_torch, to_torch
from knowcost.spec import scopes


@dataclass
class Result:
    weight: Tensor


def prepared(kind, folder, **how):
    """(in-memory model, Work, ids of the windows)."""
    model = tiny.fetched(kind, folder / "model", **how)
    ids = calibrated(folder / "windows.parquet")
    base = Base(folder / "model")
    work = Work(base, dict(base.tensors), folder, calibration=folder / "windows.parquet")
    return model, work, ids


def weights_of(work, scope, head=False):
    return [f"{n}.weight" for n in scopes.layers(work.base.model_type, work.base.modules, "paper", scope, head)]


def asked(model, ids):
    """The whole model's own forward pass over all windows."""
    with torch.no_grad():
        model(**inputs_of(model, ids))


def seen_by_hooks(model, ids):
    """{module path: all its input rows} of the whole model."""
    rows = {}
    hooks = [
        module.register_forward_pre_hook(
            lambda _, args, name=name: rows.setdefault(name, []).append(args[0].reshape(-1, args[0].shape[-1]))
        )
        for name, module in tiny.linears(model).items()
    ]
    asked(model, ids)
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(parts) for name, parts in rows.items()}


def halved(tensor):
    """A weight with its upper half of rows zero: a change that every later layer sees."""
    value = to_torch(tensor).clone()
    value[: len(value) // 2] = 0
    return from_torch(tensor.name, value)


def stage_of(path):
    """The block that a layer is in, by the first number of its path; a layer outside of blocks is its own stage."""
    found = re.match(r".*?\.\d+", path)
    return found[0] if found else path


@pytest.mark.parametrize("kind", ["albert", "t5", "llama-tied"])
def test_a_block_is_solved_from_what_the_solved_blocks_before_it_give(tmp_path, kind):
    model, work, ids = prepared(kind, tmp_path)
    seen = {}

    def half(name, weight, statistics):
        seen[name] = statistics.norms
        return Result(halved(work.base.tensors[name]))

    weights = weights_of(work, "overall")
    block_walk.solve(work, weights, half, hessian=False)
    # The same by hand: the whole model runs once per stage, with the stages before it halved.
    layers, rows = tiny.linears(model), seen_by_hooks(model, ids)
    names = {next(p for p in rows if p == n or p.endswith(f".{n}")): n for n in (w[: -len(".weight")] for w in weights)}
    order = [path for path in rows if path in names]
    for stage in dict.fromkeys(map(stage_of, order)):
        rows = seen_by_hooks(model, ids)
        for path in [path for path in order if stage_of(path) == stage]:
            name = f"{names[path]}.weight"
            torch.testing.assert_close(seen[name], rows[path].norm(dim=0), rtol=1e-4, atol=1e-5, msg=name)
        for path in [path for path in order if stage_of(path) == stage]:
            weight = work.base.tensors[f"{names[path]}.weight"]
            layers[path].weight = torch.nn.Parameter(to_torch(halved(weight)))


@pytest.mark.parametrize("kind", ["bert", "t5", "llama"])
def test_memory_holds_one_block_at_a_time_and_nothing_at_the_end(tmp_path, monkeypatch, kind):
    model, work, ids = prepared(kind, tmp_path)
    made, held, tables = [], [], {}
    load = Skeleton.load

    def noted(self, path, module):
        load(self, path, module)
        made[:] = [self]
        present = [(name, p) for name, p in self.model.named_parameters() if not p.is_meta]
        tables.update({name: len(p) for name, p in present if self.names[name] == work.base.embedding.name})
        held.append({name for name, _ in present})

    monkeypatch.setattr(Skeleton, "load", noted)
    block_walk.solve(work, weights_of(work, "overall"), lambda name, *_: Result(work.base.tensors[name]), hessian=False)
    stages = [{stage_of(name) for name in names if re.search(r"\.\d+\.", name)} for names in held]
    assert max(map(len, stages)) == 1 and len(set().union(*stages)) == (4 if kind == "t5" else 2)
    used = torch.cat([each.flatten() for each in inputs_of(model, ids).values()]).unique()
    assert set(tables.values()) == {len(used)} and len(used) < 60 < work.base.embedding.shape[0]
    assert work.base.head not in set().union(*held)
    assert all(p.is_meta for name, p in made[0].model.named_parameters() if name not in tables)


def test_blocks_behind_the_scope_are_not_run(tmp_path, monkeypatch):
    _, work, _ = prepared("t5", tmp_path)
    loaded = []
    load = Skeleton.load
    monkeypatch.setattr(Skeleton, "load", lambda self, path, module: loaded.append(path) or load(self, path, module))
    weights = weights_of(work, "encoder_attention")
    block_walk.solve(work, weights, lambda name, *_: Result(work.base.tensors[name]), hessian=False)
    assert any(path.startswith("encoder.block.1.layer.0") for path in loaded)
    assert not any(path.startswith("decoder") for path in loaded)


def statistics_of(work, prefix):
    """{name without this prefix: the InputStatistics that its solver is given} of all layers."""
    seen = {}

    def keep(name, weight, statistics):
        seen[name.removeprefix(prefix).removesuffix(".weight")] = statistics
        return Result(work.base.tensors[name])

    block_walk.solve(work, weights_of(work, "overall"), keep, hessian=True)
    return seen


def test_layers_that_read_the_same_tensor_share_their_statistics(tmp_path):
    _, work, _ = prepared("llama", tmp_path)
    seen = statistics_of(work, "model.layers.0.")
    attention = [seen[f"self_attn.{name}_proj"] for name in "qkvo"]
    assert attention[0] is attention[1] is attention[2] is not attention[3]
    assert seen["mlp.gate_proj"] is seen["mlp.up_proj"] is not seen["mlp.down_proj"]


def test_the_layers_of_an_expert_that_read_its_tokens_share_their_statistics(tmp_path):
    _, work, _ = prepared("qwen3_moe", tmp_path)
    seen = statistics_of(work, "model.layers.0.mlp.experts.")
    assert seen["0.gate_proj"] is seen["0.up_proj"] is not seen["0.down_proj"]
    assert seen["0.gate_proj"] is not seen["1.gate_proj"]


def test_experts_see_their_own_tokens_and_one_without_any_is_as_a_layer_that_is_never_reached(tmp_path, caplog):
    """One token, of which two of four experts get a copy, in each of two blocks."""
    tiny.fetched("qwen3_moe", tmp_path / "model")
    calibrated(tmp_path / "windows.parquet", 1, 1)
    base = Base(tmp_path / "model")
    work = Work(base, dict(base.tensors), tmp_path, calibration=tmp_path / "windows.parquet")
    experts = [f"model.layers.{layer}.mlp.experts.{number}" for layer in range(2) for number in range(4)]
    tokens, without = dict.fromkeys(experts, 0), []

    def keep(name, weight, statistics):
        if ".experts." in name:
            tokens[".".join(name.split(".")[:6])] += statistics.tokens
        if not statistics.tokens:
            without.append(name)
            assert statistics.scale().eq(1).all() and f"{name}: no calibration token reached it" in caplog.text
            assert statistics.factor(0.01)[0].count_nonzero() == weight.shape[1]  # white noise: a diagonal
        return Result(base.tensors[name])

    block_walk.solve(work, weights_of(work, "overall"), keep, hessian=True)
    for layer in range(2):
        assert sorted(tokens[each] for each in experts if f"layers.{layer}." in each) == [
            0,
            0,
            3,
            3,
        ]  # of 3 layers each
    assert len(without) == 2 * 2 * 3


def test_a_token_that_the_embedding_lacks_is_an_error(tmp_path):
    _, work, _ = prepared("llama", tmp_path)
    ids = torch.tensor([[3, 120]])
    with pytest.raises(InputError, match=r"has token 120, but model\.embed_tokens\.weight has 120 rows"):
        embedding.rows_of(work.base.embedding, ids.unique(), torch.float32)


def test_a_bare_checkpoint_with_old_names_is_walked_through_alike(tmp_path):
    """bert-base-uncased calls LayerNorm's parameters gamma and beta; a bare model's names have no prefix."""
    tiny.fetched("bert", tmp_path / "new")
    old = tmp_path / "old"
    tiny.fetched("bert", old)
    state = load_file(old / "model.safetensors")
    renamed = {_old(name): tensor for name, tensor in state.items()}
    save_file(renamed, old / "model.safetensors", {"format": "pt"})
    tiny.write_source(old)
    skeletons = [Skeleton(base, base.tensors, torch.device("cpu")) for base in (Base(tmp_path / "new"), Base(old))]
    found = [{p: s.tensors[n].whole().tobytes() for p, n in s.names.items()} for s in skeletons]
    assert found[0] == found[1]
    assert skeletons[1].names["bert.embeddings.LayerNorm.weight"] == "embeddings.LayerNorm.gamma"


def _old(name):
    old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    return old.removeprefix("bert.")


def test_layers_are_parted_by_block_without_comparing_all_with_all():
    def prepared(count):
        blocks = SimpleNamespace(blocks=[SimpleNamespace(path=f"h.{i}") for i in range(count)])
        linears = {f"h.{i}.{part}": (part, None) for i in range(count) for part in "ab"} | {"head": ("head", None)}
        inside, outside = block_walk.Walk._parted(blocks, linears)
        assert list(outside) == ["head"]
        assert list(inside["h.1"]) == ["h.1.a", "h.1.b"]  # and none of h.10
        return lambda: block_walk.Walk._parted(blocks, linears)

    assert growth(prepared, 20) < 2.5
