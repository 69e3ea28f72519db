"""Made-up cells of a text and of MMLU for the decoder of fake_results. For tests only."""

import math

import pyarrow as pa

from helpers.fake_results import asked_of, slugs, survival, write_benchmark, write_scores
from knowcost.common import parquet, paths
from knowcost.score import STAGE_VERSION

SUBJECTS = ("philosophy", "sociology", "astronomy", "virology")


def add(root, model="tiny-llama", levels=(20, 40, 60, 80)):
    """Write both benchmarks and their cells; returns (cells, benchmark files)."""
    ids = [str(i) for i in range(5)]
    text = {"id": ids, "relation": [None] * 5, "text": ["a b c"] * 5}
    files = [write_benchmark(root / paths.benchmark("prose"), "prose", "lines", text)]
    number = range(80)
    exams = {"id": [f"e{i}" for i in number], "relation": [SUBJECTS[i % 4] for i in number], "examples": [""] * 80}
    exams |= {"question": ["?"] * 80, "options": [list("abcd")] * 80, "label": [i % 3 for i in number]}
    files.append(write_benchmark(root / paths.benchmark("exams"), "exams", "mmlu", exams))
    cells = []
    for slug in slugs("decoder", levels):
        cells.append(_text(root / paths.scores(model, slug, "prose"), model, slug))
        rows = [
            {"id": f"e{i}", "relation": SUBJECTS[i % 4], "answer": "a", "prediction": "a", "logprob": -1.0,
             "choice_logprobs": [-1.0, -2.0], "correct": i < 60 * survival(slug)}
            for i in number
        ]  # fmt: skip
        cell = root / paths.scores(model, slug, "exams")
        cells.append(write_scores(cell, rows, model=model, variant=slug, benchmark="exams", kind="mmlu"))
    return cells, files


def _text(path, model, slug):
    """Windows of 10 tokens, twice as perplexing where half of the knowledge is gone."""
    logprob = -10 * math.log(3 / survival(slug))
    rows = [
        {"id": str(i), "relation": None, "logprob": logprob, "tokens": 10, "words": 8, "bytes": 40} for i in range(5)
    ]
    about = {"model": model, "variant": slug, "benchmark": "prose", "kind": "lines", "limit": None, "batch_plan": "one"}
    about |= {"version": STAGE_VERSION, "dropped": {}, "asked": 5}
    parquet.write(path, pa.Table.from_pylist(rows), about | asked_of(path))
    return path
