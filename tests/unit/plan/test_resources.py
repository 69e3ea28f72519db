"""What jobs ask a cluster for, against sums done by hand."""

from dataclasses import replace
from math import ceil

import pytest

from knowcost.compress import registry
from knowcost.plan import resources, training
from knowcost.plan.batching import Batch
from knowcost.plan.design import Cell
from knowcost.plan.machine import Machine
from knowcost.plan.predicted import predicted
from knowcost.plan.resources import Job
from knowcost.plan.sizes import Size
from knowcost.plan.training import Training
from knowcost.plan.work import Work

LLAMA_7B = Size(6_738_415_616, 13.476831232)  # float16
BERT = Size(110_000_000, 0.44)
PAPER = Training(40_960_000, 2 * 1024, 64 * 1024)
LLAMA_70B = Size(68_976_648_192, 137.953296384)
PRUNED = "magnitude-20@overall"


def test_three_times_what_is_predicted_and_ten_minutes_are_asked_for():
    """2.72 GB of a 7B's 13.48 pass by in 67.8 seconds: 3 x 67.8 + 600 = 803; 1.5 x (0.15 + 1.35) + 1 GB."""
    asked = resources.needs(Work("compress", LLAMA_7B, methods=["magnitude"]))
    assert asked == {"mem_mb": 3247, "runtime": 14, "threads": 1, "gpu": 0, "predicted_s": 68}
    assert all(type(value) is int for value in asked.values())


def test_each_attempt_asks_for_as_much_again_and_for_no_more_gpus():
    first, third = (resources.needs(Work("score", LLAMA_7B, gpu_memory_gb=24), attempt=n) for n in (1, 3))
    assert (third["mem_mb"], third["runtime"]) == (3 * first["mem_mb"], 3 * first["runtime"])
    assert all(third[name] == first[name] for name in ("gpu", "threads", "predicted_s"))


@pytest.mark.parametrize(
    ("stage", "size", "options", "threads", "gpus"),
    [
        ("compress", LLAMA_7B, {"methods": ["magnitude"], "gpu_memory_gb": 24}, 1, 0),
        ("thresholds", LLAMA_7B, {}, 1, 0),
        ("tables", None, {"gpu_memory_gb": 24}, 1, 0),
        ("score", BERT, {}, 1, 0),
        ("score", Size(630_000_000, 2.5), {}, 2, 0),
        ("score", LLAMA_7B, {"dtype": "float16"}, 8, 0),  # 14 are too many
        # (1.1 x 13.48 + 4) / 21.6 = 0.87; with the dense model beside 1.56; in int8 1.56
        ("score", LLAMA_7B, {"dtype": "float16", "gpu_memory_gb": 24}, 2, 1),
        ("score", LLAMA_7B, {"dtype": "float16", "gpu_memory_gb": 24, "beside_dense": True}, 2, 2),
        ("score", LLAMA_7B, {"dtype": "float16", "gpu_memory_gb": 24, "methods": ["int8"]}, 2, 2),
        # (1.1 x 137.95 + 4) / 72 = 2.16
        ("score", LLAMA_70B, {"dtype": "bfloat16", "gpu_memory_gb": 80}, 2, 3),
        # compressed elsewhere, and computing on 39 GB as they are: (1.1 x 39 + 4) / 72 = 0.65
        ("score", Size(68_976_648_192, 39.0, packed=True), {"dtype": "bfloat16", "gpu_memory_gb": 80}, 2, 1),
        ("recover", LLAMA_7B, {"training": PAPER, "gpu_memory_gb": 80}, 2, 1),
        # (1.1 x 53.9 + 4) / 72 = 0.88
        ("recover", LLAMA_7B, {"training": PAPER, "gpu_memory_gb": 80, "beside_dense": True}, 2, 1),
        # blocks keep 26.55 GB: (1.1 x (26.95 + 23.78) + 4) / 36 = 1.66
        ("recover", LLAMA_7B, {"training": replace(PAPER, recomputes=False), "gpu_memory_gb": 40}, 2, 2),
    ],
)
def test_threads_and_gpus_by_hand(stage, size, options, threads, gpus):
    asked = resources.needs(Work(stage, size, **options))
    assert (asked["threads"], asked["gpu"]) == (threads, gpus)


@pytest.mark.parametrize(("gpu_memory_gb", "gpus", "threads"), [(None, 0, 8), (24, 1, 2), (8, 1, 2)])
def test_a_method_that_needs_data_gets_one_gpu_where_there_are_any(monkeypatch, gpu_memory_gb, gpus, threads):
    monkeypatch.setattr(registry.METHODS["magnitude"], "needs_data", True)
    asked = resources.needs(Work("compress", LLAMA_7B, "float16", methods=["magnitude"], gpu_memory_gb=gpu_memory_gb))
    assert (asked["threads"], asked["gpu"]) == (threads, gpus)


def test_a_job_that_gets_fewer_threads_is_predicted_to_take_longer():
    work = Work("compress", LLAMA_7B, methods=["wanda"], windows=8192)
    many, few = (resources.needs(work, threads=threads) for threads in (None, 2))
    assert few["threads"] == many["threads"] == 8
    assert few["predicted_s"] == ceil(predicted(work, Machine(0, 2)).seconds) > 3 * many["predicted_s"]


class Study:
    """A study of one model that nobody knows, which counts as one of 7e9 parameters and 14 GB."""

    def __init__(self, memory_gb=None, request="gpu", device="auto", compress_device="auto", threads="auto"):
        self.config = {
            "archive": "full",
            "calibration": {"name": "c4", "source": "c4.jsonl", "samples": 128, "length": 2048},
            "other_calibrations": {"short": {"samples": 4}},
            "compress": {"device": compress_device},
            "gpu": {"request": request},
            "recovery": {"tokens": 40_960_000, "length": 1024, "batch_size": 2, "validation": 64, "dtype": "float32",
                         "device": "auto", "join": True},
            "score": {"device": device, "threads": threads},
        }  # fmt: skip
        row = {"name": "m", "family": "decoder", "source": "org/name", "dtype": "float16"}
        self.models = self.checkpoints = {"m": row}
        self.benchmarks = {"boolq": {"format": "boolq"}, "layers": {"format": "similarity"}}
        self.gpu_memory_gb = memory_gb


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("gpu", {"nodes": 1, "gpu": 2}),
        ("gpu:a100", {"nodes": 1, "gpu": 2, "gpu_model": "a100"}),
        ("gres", {"nodes": 1, "gres": "gpu:2"}),
        ("gres:a100", {"nodes": 1, "gres": "gpu:a100:2"}),
    ],
)
def test_gpus_are_asked_for_in_the_site_s_words(request_, expected):
    job = Job("score", "m", ("dense", "int8@overall"))  # unknown: 7e9 x 4 bytes; 34.8 / 21.6
    asked = resources.of_job(Study(24, request_), job)
    assert {key: asked[key] for key in expected} == expected
    assert asked.keys() == {"mem_mb", "runtime", "threads", "predicted_s", *expected}
    assert resources.names(Study(24, request_), "score") == asked.keys() - {"threads"}
    assert asked.keys() - {"threads"} <= set(resources.NAMES)


@pytest.mark.parametrize(
    "study", [Study(), Study(80, device="cpu"), Study(80, device="mps")], ids=["no GPUs", "cpu", "mps"]
)
def test_no_gpu_is_asked_for(study):
    without_model = ("world", "tables", "explore", "figures", "report")
    for stage in ("score", "compress", "thresholds", "calibrate", "bring", *without_model):
        job = Job(stage) if stage in without_model else Job(stage, "m", ("dense",))
        assert resources.of_job(study, job).keys() == {"mem_mb", "runtime", "threads", "predicted_s"}
        assert resources.of_job(study, job)["threads"] == {"figures": 2, "score": 8}.get(stage, 1)
        if stage != "compress":  # whose device is another
            assert resources.names(study, stage) == {"mem_mb", "runtime", "predicted_s"}


@pytest.mark.parametrize(("device", "compress_device"), [("auto", "cpu"), ("cpu", "auto")])
def test_scoring_and_compressing_have_devices_of_their_own(device, compress_device):
    study = Study(80, device=device, compress_device=compress_device)
    jobs = [Job(stage, "m", ("wanda-50@overall",)) for stage in ("compress", "score")]
    asking = {job.stage for job in jobs if "gpu" in resources.of_job(study, job)}
    assert asking == {job.stage for job in jobs if "gpu" in resources.names(study, job.stage)}
    assert asking == ({"score"} if device == "auto" else {"compress"})


def test_magnitude_pruning_needs_no_gpu_and_the_configured_threads_are_taken():
    compress, score = (Job(stage, "m", (PRUNED,)) for stage in ("compress", "score"))
    assert "gpu" not in resources.of_job(Study(80), compress)
    assert resources.of_job(Study(threads=3), score)["threads"] == 3
    assert resources.of_job(Study(), score)["threads"] == 8
    assert resources.of_job(Study(threads=3), compress)["threads"] == 1


def test_a_scoring_job_takes_what_the_facts_take_that_are_still_to_be_asked():
    """14 GB read, 8 s of imports, 56 of loading, 0.15 a cell, 0.0003 a prompt, and for each of BoolQ's facts
    145 tokens of 2 x 7e9 operations, at 8 x 8e10 a second. Asked for: 600 s, three times the first hour, half as much
    again of the rest."""
    study = Study()
    batch = Batch("m", "float", (PRUNED,), ("boolq",))
    cell = Cell("m", PRUNED, "boolq")
    taken = {facts: resources.of_job(study, resources.of_batch(study, batch, {cell: facts})) for facts in (0, 30, 3270)}
    assert [each["predicted_s"] for each in taken.values()] == [15, ceil(78.57 + 95.16), ceil(78.55 + 1.96 + 10_372.03)]
    assert [each["runtime"] for each in taken.values()] == [11, 19, 362]


def test_the_memory_of_a_batch_is_that_of_its_variants_and_of_what_is_held_against_the_dense_model():
    study = Study()
    float_, int8 = Batch("m", "float", ("dense", PRUNED), ("boolq",)), Batch("m", "int8", ("int8@overall",), ("boolq",))
    beside = Batch("m", "float", (PRUNED,), ("boolq", "layers"))
    # 1.5 x (0.5 + 14) + 1; 1.5 x (0.5 + 3 x 28) + 1; 1.5 x (0.5 + 2 x 14 + 1) + 1
    asked = [
        resources.of_job(study, resources.of_batch(study, batch, dict.fromkeys(batch.cells, 0)))["mem_mb"]
        for batch in (float_, int8, beside)
    ]
    assert asked == [22_750, 127_750, 45_250]


def test_calibration_data_of_the_variant_count():
    """3 x 2 x 7e9 operations for 128 x 2,048 tokens, or for 4 of these windows, at 8 x 8e10 a second."""
    main, short = (
        resources.counted(Study(), Job("compress", "m", (f"gptq-3bit@overall{data}",)))["predicted_s"]
        for data in ("", "~short")
    )
    assert main - short == pytest.approx(3 * 2 * 7e9 * 124 * 2048 / 6.4e11, abs=1)


def test_a_recovery_takes_what_its_slug_and_the_configuration_say():
    slugs = [f"gptq-3bit@overall^{recovery}" for recovery in ("lora-r4", "lora-r4-kl", "prefix-26", "eora-r16")]
    asked = [resources.counted(Study(), Job("recover", "m", (slug,)))["mem_mb"] for slug in slugs]
    # 7e9 unknown parameters, 14 GB on disk, 28 in float32 and what a batch takes; 28 more; all of it; 0.5 + 14 + 56
    assert asked[1] - asked[0] == 42_000 and asked[3] == 1.5 * 70_500 + 1000
    taken = training.training_of(Study().config["recovery"], slugs[0])
    assert taken == Training(40_960_000, 2048, 65_536)
    assert asked[0] == ceil(1500 * (42.5 + taken.memory_gb(7e9, "float32")) + 1000)
    assert asked[2] == ceil(1500 * (42.5 + replace(taken, recomputes=False).memory_gb(7e9, "float32")) + 1000)


def test_texts_that_are_windows_of_their_own_make_more_batches():
    section = Study().config["recovery"]
    joined, apart = (training.training_of(section | {"join": join}, "dense^lora-r4") for join in (True, False))
    assert (joined.steps, apart.steps) == (20_000, 80_000)
