"""The tables of recoveries are what docs/statistics.md says, computed from the rows without knowcost."""

import runpy

import numpy as np
import pandas as pd
import pytest
from helpers import fake_results
from safetensors.numpy import save_file

from knowcost.aggregate.job import aggregate
from knowcost.common import paths, seal

BITS = "gptq-3bit@overall"
SHARES = {  # of lost facts that are right again: told by no text, told by the half, never told
    "lora-r4": (0.3, 0.3, 0.2), "lora-r4~half": (0.35, 0.9, 0.2), "prompt-3": (0.2, 0.2, 0.2),
    "prompt-3~half": (0.2, 0.25, 0.2), "lora-r4~strangers": (0.25, 0.25, 0.2), "prefix-3": (0, 0, 0.2),
}  # fmt: skip
SLUGS = ["dense", BITS, *(f"{base}^{recovery}" for base in (BITS, "dense") for recovery in SHARES)]
STORED = {
    "lora": 40,
    "prompt": 3 * 8,
    "prefix": 3 * 32,
}  # numbers; two layers with two heads of four keep 32 for each token
FACTS = {"asked": 240, "guessed": 60, "untold": 90}


def stated(name, i):
    return "never" if name == "untold" else ("half", None)[i // 4 % 2] if name == "asked" else None


def is_right(slug, name, i, random):
    """Nine of ten facts are known to the dense model, half of which the compressed one loses."""
    if name != "asked":
        return random.random() < 0.25
    known, kept = i % 10 > 0, i % 4 > 1
    base, _, recovery = slug.partition("^")
    if not known or base == "dense" or kept or not recovery:
        return known and (base == "dense" or kept)
    return random.random() < SHARES[recovery][stated(name, i) == "half"]


def rows_of(slug, name, random):
    for i in range(FACTS[name]):
        row = {
            "id": f"{name}-{i}",
            "answer": f"a{i % 4}",
            "prediction": "p",
            "correct": is_right(slug, name, i, random),
        }
        row["choice_logprobs"] = (-3 * random.random(4)).tolist()
        yield row | {"logprob": row["choice_logprobs"][0], "top_logprob": -0.1, "relation": "r"}


def write_archive(folder, slug):
    """What lies beside a variant's rows, and its manifest."""
    path = folder / paths.manifest("m", slug)
    about = fake_results.manifest("m", slug, "decoder")
    recovery = slug.partition("^")[2]
    if recovery:
        stored = STORED[recovery.partition("-")[0]]
        cached = 3 * 32 if recovery.startswith("pr") else stored
        about["parameters"] |= {"adapter": stored, "cached": cached}
        about["bytes"] |= {"adapter": 4 * stored, "cached": 4 * cached}
        for name in ("real", "loaded"):
            about["bytes"][name] += 4 * stored
        about["bytes"]["formats"]["dense"] += 4 * stored
    seal.write_json(path, about)
    if recovery:
        save_file({"weight": np.zeros((stored // 4, 4), np.float32)}, path.parent / "adapter_model.safetensors")
    seal.write_json(path.parent / "config.json",
                    {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 8})  # fmt: skip
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("run"), np.random.default_rng(1)
    files, manifests, cells = [], [write_archive(folder, slug) for slug in SLUGS], []
    for name, facts in FACTS.items():
        columns = {
            "id": [f"{name}-{i}" for i in range(facts)],
            "relation": ["r"] * facts,
            "cloze": ["x [MASK]"] * facts,
        }
        columns |= {
            "cluster": [f"{name} {i // 3}" for i in range(facts)],
            "answer": [f"a{i % 4}" for i in range(facts)],
        }
        columns |= {
            "candidates": [["a0", "a1", "a2", "a3"]] * facts,
            "stated_in": [stated(name, i) for i in range(facts)],
        }
        files.append(fake_results.write_benchmark(folder / paths.benchmark(name), name, "cloze", columns))
        for slug in SLUGS:
            path, rows = folder / paths.scores("m", slug, name), list(rows_of(slug, name, random))
            about = {"model": "m", "variant": slug, "benchmark": name, "kind": "cloze"}
            cells.append(fake_results.write_scores(path, rows, **about))
    aggregate(cells, manifests, files, folder / "results/tables", fake_results.SETTINGS)
    return folder


@pytest.fixture
def recompute(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "perf")
    return runpy.run_path(str(root / "perf/recompute_recovered.py"))["main"]


def test_the_papers_findings_on_recoveries_are_recomputed(run, root, monkeypatch, capsys):
    monkeypatch.syspath_prepend(root / "perf")
    main = runpy.run_path(str(root / "perf/recompute.py"))["main"]
    assert main(run / "results", run / "resources/benchmarks") == 0
    seen = {tuple(line.split()[:3]) for line in capsys.readouterr().out.splitlines()}
    assert {("claims", name, "1") for name in ("estimate", "low", "p", "verdict", "holm_p")} <= seen  # prefixes harm


def test_tables_of_recoveries_are_recomputed_to_the_last_digits(run, recompute, capsys):
    assert recompute(run / "results", run / "resources/benchmarks") == 0
    seen = {tuple(line.split()[:2]) for line in capsys.readouterr().out.splitlines()}
    assert {("relearned", name) for name in ("displaced_low", "taught_high", "chance_percent", "decision")} <= seen
    assert {("recovered", name) for name in ("returned_low", "net_high", "chance_by", "harmed", "needed")} <= seen
    assert {("recovered_overlap", "expected"), ("controls", "accuracy"), ("scores", "cached_parameters")} <= seen
    tables = run / "results/tables"
    means = pd.read_parquet(tables / "recovered.parquet").query("benchmark == ''")
    assert set(means["known"]) == {216} and set(means["n"]) == {300}  # what was guessed was not known
    assert "untold" not in set(pd.read_parquet(tables / "recovered_overlap.parquet")["benchmark"])


@pytest.mark.parametrize(("table", "column"), [("relearned", "displaced_high"), ("recovered", "net_low")])
def test_another_number_or_row_is_found(run, recompute, table, column, tmp_path):
    results = tmp_path / "results"
    results.symlink_to(run / "results")
    path = run / f"results/tables/{table}.parquet"
    whole = pd.read_parquet(path)
    try:
        for spoiled in (whole.assign(**{column: whole[column] + 1e-4}), whole.iloc[1:]):
            spoiled.to_parquet(path)
            assert recompute(results, run / "resources/benchmarks") == 1
    finally:
        whole.to_parquet(path)
