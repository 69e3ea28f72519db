"""What jobs ask a cluster for, against sums done by hand."""

import json
import math
from dataclasses import replace

import pytest

from knowcost.compress import registry
from knowcost.plan import resources
from knowcost.plan.resources import Job, Size, Work
from knowcost.plan.training import Training

LLAMA_7B = Size(6_738_415_616, 13.476831232)  # float16
BERT = Size(110_000_000, 0.44)
PAPER = Training(40_960_000, 2 * 1024, 64 * 1024)
LLAMA_70B = Size(68_976_648_192, 137.953296384)


@pytest.mark.parametrize(
    ("stage", "size", "options", "expected"),
    [
        # 1 GB + 13.48 / 10; 15 + 2 x 13.48 minutes
        ("compress", LLAMA_7B, {"methods": ["magnitude"]}, (2348, 42, 1, 0)),
        ("compress", LLAMA_7B, {"methods": ["rtn"]}, (3348, 42, 1, 0)),
        ("thresholds", BERT, {}, (1044, 16, 1, 0)),
        # 3 GB + 0.44 + 4 x 0.11; 30 + 4 cells x (4 + 0.22 + 2 x 1.1e8 x 5e5 / 3e10 / 60 = 61.11 minutes); one thread
        ("score", BERT, {"cells": 4}, (3880, 292, 1, 0)),
        # 3 + 13.48 + 13.48 GB; 8 threads, 14 are too many; 34 + 6.74 + 2 x 6.74e9 x 5e5 / 2.4e11 / 60 = 467.95 minutes
        ("score", LLAMA_7B, {"dtype": "float16"}, (29954, 509, 8, 0)),
        # the dense model beside: 13.48 GB more, and 1
        ("score", LLAMA_7B, {"dtype": "float16", "beside_dense": True}, (44431, 509, 8, 0)),
        # and (1.1 x 26.95 + 4) / 21.6 = 1.56 GPUs
        (
            "score",
            LLAMA_7B,
            {"dtype": "float16", "gpu_memory_gb": 24, "cells": 24, "beside_dense": True},
            (44431, 423, 2, 2),
        ),
        # int8 computes in float32: 3 + 13.48 + 3 x 26.95; and is asked twice
        ("score", LLAMA_7B, {"dtype": "float16", "methods": ["int8"]}, (97338, 977, 8, 0)),
        # one GPU of 24: (1.1 x 13.48 + 4) / 21.6 = 0.87; 2 x 6.74e9 x 5e5 / 2e13 / 60 = 5.62: 16.35 minutes a cell
        ("score", LLAMA_7B, {"dtype": "float16", "gpu_memory_gb": 24, "cells": 24}, (29954, 423, 2, 1)),
        # with an int8 variant among them (1.1 x 26.95 + 4) / 21.6 = 1.56; 34 + 6.74 + 11.23
        ("score", LLAMA_7B, {"dtype": "float16", "gpu_memory_gb": 24, "methods": ["int8"]}, (97338, 52, 2, 2)),
        # (1.1 x 137.95 + 4) / 72 = 2.16; 34 + 68.98 + 57.48
        ("score", LLAMA_70B, {"dtype": "bfloat16", "gpu_memory_gb": 80}, (278907, 161, 2, 3)),
        # compressed elsewhere, and computing on 39 GB as they are: (1.1 x 39 + 4) / 72 = 0.65; 34 + 19.5 + 2 x 57.48
        (
            "score",
            Size(68_976_648_192, 39.0, packed=True),
            {"dtype": "bfloat16", "gpu_memory_gb": 80, "brought": True},
            (81000, 169, 2, 1),
        ),
        # not trained: 6 + 13.48 + 2 x 26.95 GB in float32; 60 + 30 x 6.738 minutes
        ("recover", LLAMA_7B, {}, (73385, 263, 8, 0)),
        # 4 + 13.48 + 26.95 GB, 1.10 for what 32.5 blocks of 4,158 read of 2,048 tokens, 0.82 for one that is computed
        # again, 1.23 of logits; 30 + 6.74e9 x (6 x 40.96e6 + 2 x 11 x 65,536) / 2e13 / 60 minutes; one GPU
        ("recover", LLAMA_7B, {"training": PAPER, "gpu_memory_gb": 80}, (47584, 1419, 2, 1)),
        # beside the dense model 26.95 GB more, and 2 x (40.96e6 + 11 x 65,536) tokens; (1.1 x 53.9 + 4) / 72 = 0.88
        ("recover", LLAMA_7B, {"training": PAPER, "gpu_memory_gb": 80, "beside_dense": True}, (74537, 1887, 2, 1)),
        # a prefix computes nothing twice: blocks keep 26.55 GB; 4 x 40.96e6; (1.1 x (26.95 + 23.78) + 4) / 36 = 1.66
        (
            "recover",
            LLAMA_7B,
            {"training": replace(PAPER, recomputes=False), "gpu_memory_gb": 40},
            (72213, 959, 2, 2),
        ),
        # 4 + 0.44 + 0.44 GB, 1.71 that 8.2 blocks of 1,055 keep, 1.23 of logits; 4 x 1.1e8 x 1e6 / 3e10 / 60
        ("recover", BERT, {"training": Training(1_000_000, 2048)}, (7818, 275, 1, 0)),
        ("aggregate", None, {"cells": 20_000}, (14000, 460, 1, 0)),
        ("world", None, {}, (4001, 61, 1, 0)),
        # it has a model, but holds the whole data and a tokenizer: 4 GB + 2000 x 0.5 MB; 60 + 2000 / 50 minutes
        ("calibrate", BERT, {"cells": 2000}, (5000, 100, 1, 0)),
    ],
)
def test_needs_by_hand(stage, size, options, expected):
    asked = resources.needs(Work(stage, size, **options))
    assert tuple(asked[key] for key in ("mem_mb", "runtime", "threads", "gpu")) == expected
    assert all(type(value) is int for value in asked.values())


def test_each_attempt_asks_for_as_much_again_and_for_no_more_gpus():
    first, third = (resources.needs(Work("score", LLAMA_7B, gpu_memory_gb=24), attempt=n) for n in (1, 3))
    assert (third["mem_mb"], third["runtime"]) == (3 * first["mem_mb"], 3 * first["runtime"])
    assert (third["gpu"], third["threads"]) == (first["gpu"], first["threads"])


@pytest.mark.parametrize(("gpu_memory_gb", "gpus", "threads"), [(None, 0, 8), (24, 1, 2), (8, 1, 2)])
def test_a_method_that_needs_data_gets_one_gpu_where_there_are_any(monkeypatch, gpu_memory_gb, gpus, threads):
    monkeypatch.setattr(registry.METHODS["magnitude"], "needs_data", True)
    work = Work("compress", LLAMA_7B, "float16", methods=["magnitude"], gpu_memory_gb=gpu_memory_gb)
    asked = resources.needs(work)
    # 4 + 13.48 + 13.48 GB; 60 + 30 x 6.74 minutes
    assert asked == {"mem_mb": 30954, "runtime": 263, "threads": threads, "gpu": gpus}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def row(source="org/name", **cells):
    return {"name": "m", "family": "decoder", "source": source, "dtype": "", **cells}


def test_a_model_that_nobody_knows_counts_as_a_7b(here):
    assert resources.size(row()) == Size(7_000_000_000, 14)
    assert resources.size(row("./nowhere")) == Size(7_000_000_000, 14)


def test_a_local_folder_is_measured_by_its_files(here):
    (here / "x").mkdir()
    for shard in (1, 2):
        (here / f"x/model-0000{shard}-of-00002.safetensors").write_bytes(bytes(3_000_000))
    (here / "x/model.safetensors.index.json").touch()
    (here / "x/pytorch_model.bin").write_bytes(bytes(9_000_000))  # not taken when there are safetensors
    for key, parameters in (("dtype", 3_000_000), ("torch_dtype", 3_000_000), ("nothing", 1_500_000)):
        (here / "x/config.json").write_text(json.dumps({key: "bfloat16"}))
        assert resources.size(row("./x")) == Size(parameters, 0.006)


def test_a_fetched_model_is_measured_by_its_source_file_even_after_it_changed(here):
    folder = here / "resources/models/m"
    folder.mkdir(parents=True)
    (here / "x").mkdir()  # what it was fetched from, and what is no longer there
    (here / "x/config.json").write_text("{}")
    (here / "x/model.safetensors").write_bytes(bytes(12))
    for parameters in (1000, 2000):
        sizes = {"model.safetensors": {"size": 2 * parameters}, "tokenizer.json": {"size": 10**9}}
        (folder / "new.json").write_text(json.dumps({"parameters": parameters, "files": sizes}))
        (folder / "new.json").replace(folder / "source.json")
        assert resources.size(row("./x")) == Size(parameters, 2 * parameters / 1e9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        *(f'{{"parameters": {what}, "files": {{}}}}' for what in ('"many"', "0", "Infinity")),
        "[" * 10**5,
    ],
    ids=lambda text: text[:30],
)
def test_a_damaged_source_file_does_not_stop_the_plan(here, text):
    (here / "resources/models/m").mkdir(parents=True)
    (here / "resources/models/m/source.json").write_text(text)
    assert resources.size(row()).parameters == resources.UNKNOWN


class Study:
    def __init__(self, memory_gb=None, request="gpu", device="auto", compress_device="auto", threads="auto"):
        self.config = {
            "compress": {"device": compress_device},
            "gpu": {"request": request},
            "score": {"device": device, "threads": threads},
        }
        self.checkpoints = {"m": row(dtype="float16")}
        self.gpu_memory_gb = memory_gb


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("gpu", {"nodes": 1, "gpu": 2}),
        ("gpu:a100", {"nodes": 1, "gpu": 2, "gpu_model": "a100"}),
        ("gres", {"nodes": 1, "gres": "gpu:2"}),
        ("gres:a100", {"nodes": 1, "gres": "gpu:a100:2"}),
    ],
)
def test_gpus_are_asked_for_in_the_site_s_words(here, request_, expected):
    job = Job("score", "m", ("dense", "int8@overall"))  # unknown: 7e9 x 4 bytes; 34.8 / 21.6
    asked = resources.of_job(Study(24, request_), job)
    assert {key: asked[key] for key in expected} == expected
    assert asked.keys() == {"mem_mb", "runtime", "threads", *expected}


@pytest.mark.parametrize(
    "study", [Study(), Study(80, device="cpu"), Study(80, device="mps")], ids=["no GPUs", "cpu", "mps"]
)
def test_no_gpu_is_asked_for(here, study):
    for stage in ("score", "compress", "thresholds", "world", "aggregate"):
        job = Job(stage) if stage in ("world", "aggregate") else Job(stage, "m", ("dense",))
        assert resources.of_job(study, job).keys() == {"mem_mb", "runtime", "threads"}


@pytest.mark.parametrize(("device", "compress_device"), [("auto", "cpu"), ("cpu", "auto")])
def test_scoring_and_compressing_have_devices_of_their_own(here, device, compress_device):
    study = Study(80, device=device, compress_device=compress_device)
    jobs = [Job(stage, "m", ("wanda-50@overall",)) for stage in ("compress", "score")]
    asking = {job.stage for job in jobs if "gpu" in resources.of_job(study, job)}
    assert asking == ({"score"} if device == "auto" else {"compress"})


def test_magnitude_pruning_needs_no_gpu_and_the_configured_threads_are_taken(here):
    compress, score = (Job(stage, "m", ("magnitude-40@overall",)) for stage in ("compress", "score"))
    assert "gpu" not in resources.of_job(Study(80), compress)
    assert resources.of_job(Study(threads=3), score)["threads"] == 3
    assert resources.of_job(Study(), score)["threads"] == 8
    assert resources.of_job(Study(threads=3), compress)["threads"] == 1


def test_the_plan_of_a_batch_takes_its_variants_methods(here):
    variants = ("dense", "magnitude-40@attention+int8@attention")
    alone, with_int8 = (resources.of_job(Study(), Job("score", "m", taken, 2)) for taken in (variants[:1], variants))
    assert with_int8["mem_mb"] - alone["mem_mb"] == 3 * 28_000 - 14_000


def test_a_version_that_was_compressed_elsewhere_is_asked_twice(here):
    once, twice = (resources.of_job(Study(), Job("score", "m", (slug,))) for slug in ("dense", "brought-m"))
    # 7e9 unknown parameters on 8 threads: 34 + 7 + 2 x 7e9 x 5e5 / 2.4e11 / 60 = 486.1 minutes, and as many again
    assert (once["runtime"], twice["runtime"]) == (528, 1014)


def test_a_recovery_asks_for_what_its_slug_and_the_configuration_say(here):
    study = Study()
    study.config["recovery"] = {"tokens": 40_960_000, "length": 1024, "batch_size": 2, "validation": 64}
    study.config["recovery"] |= {"dtype": "float32", "device": "auto"}
    slugs = [f"gptq-3bit@overall^{recovery}" for recovery in ("lora-r4", "lora-r4-kl", "prefix-26", "eora-r16")]
    asked = [resources.counted(study, Job("recover", "m", (slug,)))["mem_mb"] for slug in slugs]
    # 7e9 unknown parameters, 14 GB on disk: 4 + 14 + 28 GB and what a batch takes; 28 more; all of it; 6 + 14 + 56
    assert asked[1] - asked[0] == 28_000 and asked[3] == 76_000
    taken = Training(40_960_000, 2048, 65_536)
    assert asked[0] == math.ceil(1000 * (46 + taken.memory_gb(7e9, "float32")))
    assert asked[2] == math.ceil(1000 * (46 + replace(taken, recomputes=False).memory_gb(7e9, "float32")))
