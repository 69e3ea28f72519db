"""What calibration sees of every architecture is what an ordinary forward pass over token ids sees."""

import re
from types import SimpleNamespace

import pytest
import torch
from helpers import tiny
from helpers.calibrated import LENGTH, calibrated
from helpers.seen import Seen, seen
from safetensors.torch import load_file, save_file

from knowcost.compress.calibration import block_walk
from knowcost.compress.method import Work
from knowcost.models.base import Base
from knowcost.models.blueprint import AUTO
from knowcost.models.skeleton import Skeleton
from knowcost.models.torch_tensors import to_torch
from knowcost.spec import scopes
from knowcost.spec.architectures import family_of

WINDOWS = {"t5": 1, "albert": 5, "llama": 5}  # in one pass, where it is not 2 of the 5


def tenfold(kind, folder):
    """A fetched folder whose weights are ten times as large as transformers makes them, so that nothing hides."""
    tiny.fetched(kind, folder)
    if kind in tiny.MODELS:  # the others are made so
        path = folder / "model.safetensors"
        state = {name: 10 * tensor if tensor.dim() > 1 else tensor for name, tensor in load_file(path).items()}
        save_file(state, path, {"format": "pt"})
        tiny.write_source(folder)


def of_path(rows, path):
    """The Seen of a layer of ours by its path; experts' layers have the names that they have in files."""
    expert = re.fullmatch(r"(.*experts\.\d+)\.(\w+)", path)
    if not expert:
        return rows[path]
    return rows[f"{expert[1]}.{'out' if expert[2] in ('w2', 'down_proj') else 'into'}"]


@pytest.mark.parametrize("kind", tiny.EVERY)
def test_inputs_are_those_of_an_ordinary_forward_pass(tmp_path, monkeypatch, kind):
    tenfold(kind, tmp_path / "model")
    ids = calibrated(tmp_path / "windows.parquet", ids=(0, 16))  # what pads and what starts a text are among them
    windows = WINDOWS.get(kind, 2)
    monkeypatch.setattr(block_walk, "TOKENS", windows * LENGTH)
    base = Base(tmp_path / "model")
    work = Work(base, dict(base.tensors), tmp_path, calibration=tmp_path / "windows.parquet", device="cpu")
    weights = [f"{n}.weight" for n in scopes.layers(base.model_type, base.modules, "paper", "overall", True)]
    found = {}

    def same(name, weight, statistics):
        assert torch.equal(weight, to_torch(base.tensors[name]))
        found[name] = (
            statistics.samples,
            statistics.tokens,
            statistics.mean_square.clone(),
            statistics.hessian.clone(),
        )
        return SimpleNamespace(weight=base.tensors[name])

    assert block_walk.solve(work, weights, same, hessian=True).keys() == set(weights)
    plain = AUTO[family_of(base.model_type)].from_pretrained(tmp_path / "model", dtype=torch.float32).eval()
    rows = seen(plain, ids, windows)
    paths = Skeleton(base, base.tensors, torch.device("cpu")).linears(weights)
    assert len(paths) == len(weights) > 2
    for path, (name, _) in paths.items():
        expected: Seen = of_path(rows, path)
        samples, tokens, mean_square, hessian = found[name]
        assert tokens == expected.tokens > 0, path
        near = {"rtol": 1e-4, "atol": 1e-5 * expected.moments.abs().max().item(), "msg": path}
        torch.testing.assert_close(mean_square.double() * samples, expected.moments.diagonal(), **near)
        torch.testing.assert_close(hessian.double() * samples / 2, expected.moments, **near)
