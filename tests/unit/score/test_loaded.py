"""Variants that are made in place are, bit for bit, those of archives that are kept and loaded whole."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import recovered, tiny
from helpers.calibrated import calibrated

from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.compress.archive import make as archive
from knowcost.compress.archive import storage
from knowcost.models.headers import read_header
from knowcost.models.load import load
from knowcost.recover.apply import apply
from knowcost.score import loaded
from knowcost.score.cells import Settings

PRUNED = "magnitude-50@attention"
HEAD = "magnitude-20@final"
LOST = "magnitude-20@final+lost@final"
INT8 = "magnitude-50@attention+int8@attention"
PACKED = "rtn-4bit@overall"
DATA = "gptq-4bit@attention"
OPTIONS = {"device": "cpu", "int8_engine": "knowcost", "int8_activations": "batch"}


@dataclass
class Study:
    """A tiny model `m` in the current folder; `expected`: the logits of archives that are kept and loaded whole."""

    options: dict
    dtype: str
    expected: dict

    def loader(self):
        return loaded.Loader("m", Settings(self.options, self.dtype))


def inputs():
    return archive.Inputs(Path(paths.model_dir("m")), paths.thresholds("m"), paths.calibration("m", "main"))


def study(kind, slugs, mode="recipe", stored=torch.float32, dtype="float32", engine="knowcost"):
    folder = Path(paths.model_dir("m"))
    tiny.fetched(kind, folder, stored)
    calibrated(Path(paths.calibration("m", "main")), model=folder)
    wanted = [("paper", scope, [20, 50]) for scope in ("attention", "overall", "final")]
    archive.make_thresholds(folder, wanted, paths.thresholds("m"))
    expected = {}
    for slug in slugs:
        archive.make_archive("m", slug, inputs(), Path(paths.archive_dir("m", slug)), storage.Keep(mode))
        archive.make_archive("m", slug, inputs(), Path("whole", slug))
        expected[slug] = tiny.logits(load(Path("whole", slug), dtype, "cpu", engine)[0])
        shutil.rmtree(Path("whole", slug))
    assert len({tuple(found.flatten().tolist()) for found in expected.values()}) >= len(slugs) - 1
    return Study(OPTIONS | {"int8_engine": engine}, dtype, expected)


def manifest(slug):
    return storage.verify(paths.archive_dir("m", slug), of=("m", slug))


def check(made, loader, slugs):
    for slug in slugs:
        assert torch.equal(tiny.logits(loader.load(manifest(slug)).module), made.expected[slug]), slug


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def loads(monkeypatch):
    """The folders that were loaded, in order."""
    calls = []
    monkeypatch.setattr(
        loaded, "load", lambda folder, *args, **more: calls.append(folder) or load(folder, *args, **more)
    )
    return calls


# Heads tied and untied, Conv1D, an encoder-decoder whose class ties; what they compute in, and their type in files.
KINDS = {
    "bert": ("float32", torch.float32, [INT8, HEAD]),
    "llama-tied": ("bfloat16", torch.float32, [LOST, "int8@final", PACKED]),
    "llama": ("float32", torch.float16, [HEAD, DATA]),
    "gpt2": ("float32", torch.float32, [INT8, PACKED]),
    "t5-tied": ("float16", torch.bfloat16, [HEAD, PACKED, INT8]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_in_whatever_order(kind, loads):
    dtype, stored, more = KINDS[kind]
    slugs = ["dense", PRUNED, *more]
    made = study(kind, slugs, "recipe", stored, dtype)
    for order in (slugs, slugs[::-1]):
        loads.clear()
        loader = made.loader()
        check(made, loader, [*order, order[0]])
        check(made, loader, order[-1:])
        assert set(loads) == {Path(paths.model_dir("m"))}, "no variant was loaded by itself"


@pytest.mark.parametrize("mode", [mode for mode in storage.MODES if mode != "recipe"])
def test_however_archives_are_kept(mode):
    slugs = [HEAD, INT8, PACKED]
    made = study("llama-tied", slugs, mode)
    check(made, made.loader(), [*slugs, *slugs[::-1]])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_with_torchs_engine_of_int8():
    slugs = [INT8, "int8@overall", PRUNED]
    made = study("bert", slugs, engine="torch")
    check(made, made.loader(), [*slugs, *slugs[::-1]])


def test_the_base_is_read_once_and_what_two_variants_share_is_left_alone(loads, monkeypatch):
    slugs = ["dense", PRUNED, "magnitude-50@attention+magnitude-20@final", PRUNED]
    made = study("llama", slugs[:3])
    loader = made.loader()
    check(made, loader, slugs[:2])
    filled, fill = [], loaded.InPlace._write
    monkeypatch.setattr(
        loaded.InPlace, "_write", lambda self, name, tensor: filled.append(name) or fill(self, name, tensor)
    )
    check(made, loader, slugs[2:])
    assert filled == ["lm_head.weight", "lm_head.weight"] and len(loads) == 1


def test_experts_that_transformers_puts_together_are_loaded_whole(loads):
    slugs = [PRUNED, INT8]
    made = study("mixtral", slugs)
    check(made, made.loader(), slugs)
    assert len(loads) == 2 and Path(paths.model_dir("m")) not in loads


def test_whole_archives_do_without_their_base(loads):
    made = study("llama", [PRUNED], "full")
    shutil.rmtree(paths.model_dir("m"))
    check(made, made.loader(), [PRUNED])
    assert loads == [Path(paths.archive_dir("m", PRUNED))]


def test_recoveries_leave_no_trace_and_do_not_read_the_base_again(loads):
    recovered.study("llama", PRUNED, keep=storage.Keep("recipe"))
    found = [f"{PRUNED}^{name}" for name in ("eora-r2", "mask_lora-r2")]
    for slug in found:
        recovered.recover(slug)
    alone = {slug: recovered.loaded(PRUNED) for slug in (PRUNED, *found)}
    for slug in found:
        apply(manifest(slug), alone[slug], Path(paths.archive_dir("m", slug)))
    loader = loaded.Loader("m", Settings(OPTIONS))
    loads.clear()
    for slug in (PRUNED, found[0], PRUNED, found[1], PRUNED, found[0]):
        assert torch.equal(tiny.logits(loader.load(manifest(slug)).module), tiny.logits(alone[slug])), slug
    assert len(loads) == 2, "once more behind what was merged into its weights"


def test_a_model_that_is_staged_is_read_from_the_node_s_own_disk(loads, monkeypatch, tmp_path):
    study("llama", ["dense", PRUNED])
    (tmp_path / "node").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "node"))
    answers = []
    for stage in (False, True):
        loader = loaded.Loader("m", Settings(OPTIONS, stage_models=stage))
        answers.append([tiny.logits(loader.load(manifest(slug)).module) for slug in ("dense", PRUNED)])
    here, there = loads[-2:]
    assert here == Path(paths.model_dir("m")) and there.is_relative_to(tmp_path / "node")
    assert all(map(torch.equal, *answers))


def flip(name="model.layers.0.self_attn.q_proj.weight"):
    """Change, in the base's file, the last bit of the largest weight of a tensor, which no pruning takes."""
    path = Path(paths.model_dir("m"), "model.safetensors")
    header, start = read_header(path)
    first, last = header[name]["data_offsets"]
    data = bytearray(path.read_bytes())
    place = start + first + 4 * int(np.abs(np.frombuffer(data[start + first : start + last], np.float32)).argmax())
    data[place] ^= 1
    with open(path, "r+b") as f:  # the same file, as somebody sees it who has it open
        f.write(data)


def test_a_base_that_changed_before_it_is_loaded():
    study("llama", ["dense"])
    flip()
    with pytest.raises(InputError, match=r"model\.safetensors"):
        loaded.Loader("m", Settings(OPTIONS)).load(manifest("dense"))


@pytest.mark.parametrize(("first", "then", "said"), [
    (PRUNED, "dense", "q_proj.weight is no longer what it was when this job loaded it"),
    ("dense", PRUNED, "tensor .*q_proj.weight has digest"),
])  # fmt: skip
def test_a_base_that_changes_under_a_job_is_found_where_it_is_read_again(first, then, said):
    made = study("llama", ["dense", PRUNED, HEAD])
    loader = made.loader()
    kept = loader.load(manifest(first)).module
    flip()
    assert torch.equal(tiny.logits(kept), made.expected[first]), "what is in memory stays what it was"
    with pytest.raises(InputError, match=said):
        loader.load(manifest(then))
    with pytest.raises(InputError, match=r"model\.safetensors"):  # it is loaded anew, not used as it is
        loader.load(manifest(HEAD))
