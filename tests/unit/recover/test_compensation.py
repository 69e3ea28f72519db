"""EoRA: the nearest low-rank update by the layer's inputs, against other ways to find the minimum."""

import json
import logging
from pathlib import Path

import numpy as np
import peft
import pytest
import torch
from helpers import recovered, tiny
from helpers.seen import seen
from safetensors.torch import load_file

from knowcost.common import paths
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.compress.solvers import InputStatistics
from knowcost.models.checkpoint import from_array
from knowcost.recover import compensation

PRUNED, PACKED = "magnitude-50@overall", "gptq-3bit@overall"


def parts(rows, columns, tokens, seed=0):
    """(residual, inputs (columns, tokens)) of random numbers, the inputs correlated."""
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(columns, columns)) @ generator.normal(size=(columns, tokens))
    return generator.normal(size=(rows, columns)), inputs


def least(residual, inputs, rank):
    """The least ||(E - BA) X||^2 that there is at a rank: what is left of E X's singular values."""
    return float((np.linalg.svd(residual @ inputs, compute_uv=False)[rank:] ** 2).sum())


@pytest.mark.parametrize("shape", [(5, 7, 40), (9, 4, 40), (6, 6, 3)], ids=["wide", "tall", "fewer tokens than inputs"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_error_is_the_analytic_minimum(shape, rank):
    residual, inputs = parts(*shape)
    a, b = compensation.low_rank(torch.tensor(residual), torch.tensor(inputs @ inputs.T), rank)
    assert (a.shape, b.shape) == ((rank, shape[1]), (shape[0], rank))
    found = np.linalg.norm((residual - (b @ a).numpy()) @ inputs) ** 2
    assert found == pytest.approx(least(residual, inputs, rank), rel=1e-6, abs=1e-12 * np.linalg.norm(inputs) ** 2)


def test_it_is_what_the_paper_computes():
    """Projected into the eigenspace of X X^T, cut off there, and projected back."""
    residual, inputs = parts(5, 7, 40)
    values, vectors = np.linalg.eigh(inputs @ inputs.T)
    space = vectors * np.sqrt(values)
    u, s, v = np.linalg.svd(residual @ space, full_matrices=False)
    paper = (u[:, :2] * s[:2]) @ v[:2] @ np.linalg.inv(space)
    a, b = compensation.low_rank(torch.tensor(residual), torch.tensor(inputs @ inputs.T), 2)
    np.testing.assert_allclose((b @ a).numpy(), paper, atol=1e-8)


@pytest.mark.parametrize(("rows", "columns", "rank"), [(5, 7, 5), (5, 7, 9), (9, 4, 4), (9, 4, 12)])
def test_a_full_rank_restores_the_dense_layer(rows, columns, rank):
    residual, inputs = parts(rows, columns, 40)
    a, b = compensation.low_rank(torch.tensor(residual), torch.tensor(inputs @ inputs.T), rank)
    assert (a.shape, b.shape) == ((rank, columns), (rows, rank))
    np.testing.assert_allclose((b @ a).numpy(), residual, atol=1e-6)


def statistics_of(inputs):
    made = InputStatistics(len(inputs), torch.device("cpu"), hessian=True)
    made.add(torch.tensor(inputs.T, dtype=torch.float32))
    return made


def test_a_layer_that_no_token_reached_is_taken_as_if_its_inputs_were_white_noise(caplog):
    residual, _ = parts(5, 7, 1)
    tensor = from_array("layer.weight", "F32", np.zeros((5, 7), np.float32))
    with caplog.at_level(logging.WARNING):
        made = compensation.compensated(
            tensor, torch.tensor(residual), InputStatistics(7, torch.device("cpu"), hessian=True), 2
        )
    assert "layer.weight: no calibration token reached it" in caplog.text
    assert made.after == pytest.approx(least(residual, np.eye(7), 2), rel=1e-5)


def test_an_error_that_does_not_fall_is_an_exception(monkeypatch):
    residual, inputs = parts(5, 7, 40)
    tensor = from_array("layer.weight", "F32", np.zeros((5, 7), np.float32))
    monkeypatch.setattr(compensation, "low_rank", lambda e, m, r: (torch.zeros(r, 7), torch.zeros(5, r)))
    with pytest.raises(BrokenPromise, match=r"layer\.weight: its squared error was .*, and with the update it is"):
        compensation.compensated(tensor, torch.tensor(residual), statistics_of(inputs), 2)


def test_only_inputs_that_are_always_zero_lost_weights():
    residual, inputs = np.zeros((5, 7)), parts(5, 7, 40)[1]
    residual[:, 3], inputs[3] = 1, 0
    tensor = from_array("layer.weight", "F32", np.zeros((5, 7), np.float32))
    made = compensation.compensated(tensor, torch.tensor(residual), statistics_of(inputs), 2)
    assert (made.before, made.after) == (0, 0)


BLOCKS = "magnitude-50@attention"  # BERT's `overall` takes a layer behind the blocks, which has no update


@pytest.mark.parametrize(("kind", "slug"), [("llama", PACKED), ("opt", PRUNED), ("gpt2", PRUNED), ("t5", PRUNED),
                                            ("bert", BLOCKS)])  # fmt: skip
def test_a_full_rank_gives_the_dense_model_back(kind, slug, tmp_path, monkeypatch):
    """Through the whole stage and PEFT: names, transposed layers, files. All layers of 16 and 24 inputs, and enough
    tokens for them."""
    monkeypatch.chdir(tmp_path)
    dense = recovered.study(kind, slug)
    folder = recovered.recover(f"{slug}^eora-r24")
    model = recovered.loaded(slug)
    lost = (tiny.logits(model) - tiny.logits(dense)).abs().max()
    peft.PeftModel.from_pretrained(model, folder)
    left = (tiny.logits(model.eval()) - tiny.logits(dense)).abs().max()
    assert left < lost / 20


def test_the_manifest_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recovered.study("llama", PRUNED)
    folder = recovered.recover(f"{PRUNED}^eora-r3")
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", 3, 3)
    assert config["base_model_name_or_path"] is None
    assert config["target_modules"] == sorted(config["target_modules"])
    manifest = json.loads((folder / "manifest.json").read_text())
    assert "settings" not in manifest
    assert manifest["calibration"]["name"] == "random"
    assert 0 < manifest["recovery"]["error_left"] < 1
    stored = load_file(folder / "adapter_model.safetensors")
    assert manifest["parameters"]["adapter"] == sum(tensor.numel() for tensor in stored.values())
    assert manifest["recovery"]["layers"] == 14 == len(stored) / 2  # 2 blocks of 7
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    recovered.recover(f"{PRUNED}^eora-r3", tokens=10**6, learning_rate=1.0)  # training's settings are nothing to it
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_the_first_block_is_solved_by_what_a_plain_pass_gives_it(tmp_path, monkeypatch):
    """The first layers read what nothing before has changed: their minimum is known from hooks on the plain model."""
    monkeypatch.chdir(tmp_path)
    dense = recovered.study("llama", PRUNED)
    folder = recovered.recover(f"{PRUNED}^eora-r3")
    compressed = recovered.loaded(PRUNED)
    from knowcost.compress.calibration import windows

    ids = torch.from_numpy(windows.read(Path(paths.calibration("m", "main")))[0])
    path = "model.layers.0.mlp.down_proj"
    moments = seen(compressed, ids)[path].moments.numpy()
    residual = (dense.get_submodule(path).weight - compressed.get_submodule(path).weight).detach().double().numpy()
    stored = load_file(folder / "adapter_model.safetensors")
    a, b = (stored[f"base_model.model.{path}.lora_{which}.weight"].double().numpy() for which in "AB")
    left = residual - b @ a
    root = np.linalg.cholesky(moments + 1e-12 * np.eye(len(moments)))
    assert np.trace(left @ moments @ left.T) == pytest.approx(least(residual, root, 3), rel=1e-3)


def test_what_changed_no_layer_of_the_blocks_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recovered.study("llama", "magnitude-20@final")
    with pytest.raises(InputError, match="makes up for what the layers of the blocks lost"):
        recovered.recover("magnitude-20@final^eora-r4")
    with pytest.raises(InputError, match="the dense model lost nothing that eora could make up for"):
        recovered.recover("dense^eora-r4")
