"""One job asks variants that differ in the final layer in one pass, and says what jobs of each alone say."""

import functools
import json
import shutil

import pytest
import torch
from helpers import tiny

from knowcost.benchmarks import prepared
from knowcost.common import paths
from knowcost.compress.archive.make import Inputs, make_archive, make_thresholds
from knowcost.score import cells, job
from knowcost.score.engines import cloze

FINAL = ("dense", "magnitude-40@final", "magnitude_structured-20@final", "magnitude_structured-60@final")
INT8 = ("int8@final", "magnitude_structured-20@final+int8@final")
OTHER = ("rtn-4bit@attention",)
NAMES = ("own", "more")
OPTIONS = {"tokens_per_batch": 48, "batch_size": "auto", "device": "cpu", "int8_engine": "knowcost"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study's folder with archives of a tiny BERT, and two benchmarks."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        tiny.fetched("bert", folder / paths.model_dir("m"))
        thresholds = folder / paths.thresholds("m")
        make_thresholds(folder / paths.model_dir("m"), [("paper", "final", [40])], thresholds)
        for variant in (*FINAL, *INT8, *OTHER):
            inputs = Inputs(folder / paths.model_dir("m"), thresholds)
            make_archive("m", variant, inputs, paths.archive_dir("m", variant))
        for name, rows in zip(NAMES, (12, 5), strict=True):
            facts = [
                {"id": str(i), "cloze": "w1 " * (i % 5) + f"w{i} [MASK]", "answer": f"w{i + 9}"} for i in range(rows)
            ]
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(fact) + "\n" for fact in facts))
            row = {"name": name, "format": "cloze", "families": "encoder"}
            prepared.prepare(row, folder / f"{name}.jsonl", paths.benchmark(name))
    return folder


@pytest.fixture(scope="module")
def alone(made):
    """A function that gives what the job of one variant says."""
    return functools.cache(lambda variant, activations: run([variant], activations))


@pytest.fixture
def computed(made, monkeypatch):
    """The sentences that each pass of the encoder's embedding was given."""
    monkeypatch.chdir(made)
    given, forward = [], torch.nn.Embedding.forward

    def counted(self, ids):
        if self.weight.shape == (120, 16):  # of words
            given.append(len(ids))
        return forward(self, ids)

    monkeypatch.setattr(torch.nn.Embedding, "forward", counted)
    return given


def run(variants, activations):
    """{(variant, benchmark): (rows, metadata)} of one job, after which nothing is kept."""
    settings = cells.Settings(options=OPTIONS | {"int8_activations": activations})
    job.score("m", variants, NAMES, settings)
    found = {(variant, name): cells.read(paths.scores("m", variant, name)) for variant in variants for name in NAMES}
    for variant in variants:
        shutil.rmtree(f"{paths.archive_dir('m', variant)}/scores")
    return found


@pytest.mark.parametrize(
    ("variants", "activations", "passes"),
    [
        (FINAL, "batch", 2),  # the dense model is asked twice, in two ways to put batches together
        ((*FINAL, *OTHER), "batch", 3),
        (FINAL[1:], "batch", 1),
        ((*FINAL, *INT8[1:]), "batch", 2),  # its body computes in float32, as theirs
        (INT8, "batch", 2),
        (INT8, "sentence", 2),
        ((*FINAL[1:], *INT8[:1]), "sentence", 3),  # sentences of one length, twice
    ],
)
def test_as_alone_in_fewer_passes(computed, alone, variants, activations, passes):
    together = run(variants, activations)
    assert sum(computed) == passes * (12 + 5)
    for variant in variants:
        expected = alone(variant, activations)
        assert {cell: together[cell] for cell in expected} == expected
    assert len({str(together[variant, "own"][0]["logprob"]) for variant in variants}) == len(variants)


def test_in_bfloat16_int8_has_a_pass_of_its_own(computed):
    settings = cells.Settings(options=OPTIONS | {"int8_activations": "batch"}, dtype="bfloat16")
    job.score("m", [FINAL[1], FINAL[2], *INT8], NAMES, settings)
    assert sum(computed) == (1 + 2) * (12 + 5)


def test_facts_are_encoded_once_a_job(computed, monkeypatch):
    counts, encode = [], cloze._encode
    monkeypatch.setattr(cloze, "_encode", lambda facts, *more: counts.append(len(facts)) or encode(facts, *more))
    run((*FINAL, *OTHER), "batch")
    assert counts == [12, 5]


def test_states_are_of_one_job(computed):
    run(FINAL[1:3], "batch")
    run(FINAL[1:3], "batch")
    assert sum(computed) == 2 * (12 + 5)
