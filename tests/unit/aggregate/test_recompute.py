"""The tables are what the formulas of docs/statistics.md give, computed from the rows without knowcost."""

import runpy

import numpy as np
import pandas as pd
import pytest
from helpers import fake_results

from knowcost.aggregate.job import aggregate
from knowcost.common import paths, seal

VARIANTS = {  # and what each loses
    "dense": 0, "magnitude-20@overall": 0.05, "magnitude-60@overall": 0.6, "int8@overall": 0, "int8@attention": 0,
    "int8@feed_forward": 0.02, "magnitude-20@attention": 0.1, "magnitude-60@attention": 0.3,
}  # fmt: skip
BENCHMARKS = {"trades": ("question", 90), "sense": ("piqa", 80), "few": ("question", 24)}


def rows_of(benchmark, kind, facts, loss, random, asked_twice):
    """Rows of a cell: nine of ten are known to the dense model, and lose a share of `loss`."""
    for i in range(facts):
        right = random.random() < (0.97 * (1 - loss) if i < 0.9 * facts else 0.4)
        row = {"id": f"{benchmark}-{i}", "answer": "answer0", "prediction": "p", "correct": right}
        row |= {"relation": None if kind == "piqa" else f"r{i % 2}", "logprob": -random.random() * 3}
        row["choice_logprobs"] = [row["logprob"], -random.random() * 3]
        row["top_logprob"] = np.log(0.5 + random.random() / 2)
        yield row | ({"again": right if random.random() < 0.95 else not right} if asked_twice else {})


def columns_of(name, kind, facts):
    """A benchmark of which every sixth fact is in one large cluster, and the others in threes."""
    columns = {"id": [f"{name}-{i}" for i in range(facts)]}
    columns["cluster"] = [f"{name} {'large' if i % 6 == 0 else i // 3}" for i in range(facts)]
    if kind == "piqa":
        texts = {column: ["a"] * facts for column in ("goal", "sol1", "sol2")}
        return columns | {"relation": [None] * facts, **texts, "label": [int(i % 5 == 0) for i in range(facts)]}
    columns |= {"relation": [f"r{i % 2}" for i in range(facts)], "question": ["?"] * facts}
    answers = [f"answer{i % (3 + i % 4)}" for i in range(facts)]
    return columns | {"answer": answers, "candidates": [[f"answer{i}" for i in range(7)]] * facts}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("run"), np.random.default_rng(3)
    cells, manifests, files = [], [], []
    for name, (kind, facts) in BENCHMARKS.items():
        path = folder / paths.benchmark(name)
        files.append(fake_results.write_benchmark(path, name, kind, columns_of(name, kind, facts)))
    for model in ("one", "two"):
        for slug, loss in VARIANTS.items():
            manifests.append(folder / paths.manifest(model, slug))
            seal.write_json(manifests[-1], fake_results.manifest(model, slug, "decoder"))
            for name, (kind, facts) in BENCHMARKS.items():
                rows = list(rows_of(name, kind, facts, loss, random, slug in ("dense", "int8@overall")))
                path = folder / paths.scores(model, slug, name)
                about = {"model": model, "variant": slug, "benchmark": name, "kind": kind}
                cells.append(fake_results.write_scores(path, rows, **about))
    aggregate(cells, manifests, files, folder / "results/tables", fake_results.SETTINGS)
    return folder


@pytest.fixture
def recompute(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "perf")
    return runpy.run_path(str(root / "perf/recompute.py"))


def test_tables_are_recomputed_to_the_last_digits(run, recompute, capsys):
    assert recompute["main"](run / "results", run / "resources/benchmarks") == 0
    seen = {tuple(line.split()[:2]) for line in capsys.readouterr().out.splitlines()}
    for table in ("drops_by_model", "drops"):
        columns = (
            "drop_points",
            "drop_low",
            "drop_high",
            "decision",
            "kept_least",
            "lead_lost_low",
            "probability_high",
        )
        assert {(table, column) for column in columns} <= seen
    assert {("facts", "mcnemar_p"), ("facts", "holm_p")} <= seen
    assert {("probabilities", column) for column in ("log_change", "kl_high", "brier_low", "ece_high")} <= seen
    assert {("claims", "estimate"), ("claims", "p"), ("claims", "holm_p"), ("claims", "verdict")} <= seen


@pytest.mark.parametrize("made", [{"low": 1.001}, {"low": np.nan}, {"decision": "gains"}])
def test_a_number_that_is_another_is_found(made, recompute):
    printed = pd.Series({"low": 1.0, "decision": "costs"})
    compared = recompute["Comparison"]()
    compared.row("drops", printed, {"low": 1.0, "decision": "costs"})
    assert compared.report()
    compared.row("drops", printed, made)
    assert not compared.report()
