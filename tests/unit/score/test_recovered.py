"""Recovered variants are asked as they are, however what they stand on is kept."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers import recovered

from knowcost.benchmarks import prepared
from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.compress.archive import storage
from knowcost.score import cells
from knowcost.score import job as score

PRUNED = "magnitude-50@overall"
EORA, MASKED = f"{PRUNED}^eora-r24", f"{PRUNED}^mask_lora-r2"
WORDS = ["w9", "w10", "w11"]
OPTIONS = {"tokens_per_batch": 512, "batch_size": "auto", "device": "cpu", "int8_engine": "knowcost",
           "int8_activations": "batch"}  # fmt: skip


def asked(*slugs):
    """{slug: the answers' log-probabilities} of these variants, asked three clozes."""
    score.score("m", slugs, ["own"], cells.Settings(OPTIONS))
    return {slug: pq.read_table(paths.scores("m", slug, "own"))["logprob"].to_pylist() for slug in slugs}


def study(keep):
    recovered.study("llama", PRUNED, keep=storage.Keep(keep))
    rows = [
        json.dumps({"id": str(i), "cloze": f"w{i} w3 [MASK]", "answer": "w9", "candidates": WORDS}) + "\n"
        for i in range(3)
    ]
    Path("own.jsonl").write_text("".join(rows))
    prepared.prepare({"name": "own", "format": "cloze", "families": "decoder"}, "own.jsonl", paths.benchmark("own"))
    recovered.recover(EORA)
    recovered.recover(MASKED)


def test_from_full_archives_and_recipes_alike(tmp_path, monkeypatch):
    found = {}
    for keep in ("full", "recipe"):
        (tmp_path / keep).mkdir()
        monkeypatch.chdir(tmp_path / keep)
        study(keep)
        found[keep] = asked("dense", PRUNED, EORA, MASKED)
    assert found["full"] == found["recipe"]
    of = found["full"]
    assert of[PRUNED] != pytest.approx(of["dense"], abs=1e-3)
    assert of[EORA] == pytest.approx(of["dense"], abs=1e-3)  # a full rank gives the dense model back
    assert of[MASKED] != pytest.approx(of[PRUNED], abs=1e-4)
    recovered.give_other_weights(PRUNED, "magnitude-20@overall")
    with pytest.raises(InputError, match="was recovered from other weights than those of"):
        score.score("m", [EORA], ["own"], cells.Settings(OPTIONS | {"batch_size": 1}))
