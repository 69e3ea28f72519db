"""The table `written` is what docs/statistics.md says, computed from the rows without knowcost."""

import runpy

import numpy as np
import pandas as pd
import pytest
from helpers import fake_results
from helpers.fake_answers import answer, archive, cell, conversations, stories

from knowcost.aggregate.job import aggregate
from knowcost.common import paths

LOST = {"dense": 0.0, "magnitude-40@overall": 0.5, "wanda-40@overall": 0.1, "int8@overall": 0.02}
NEWS = {f"s{i}": (("large", "small", "medium")[i % 3], " ".join(f"w{(i + j) % 9}" for j in range(6))) for i in range(9)}
CHAT = {f"q{i}": ("writing", 2) for i in range(12)}


def text(random, loss):
    """A few words, fewer and more often the same where much is lost; now and then none, or one again and again."""
    if random.random() < loss / 4:
        return ""
    words = [f"w{random.integers(2 + int(10 * (1 - loss)))}" for _ in range(random.integers(1, 20))]
    if random.random() < loss:
        words += words[-1:] * 18
    return " ".join(words) + "..." * (random.random() < 0.2)


def row(id, dense, loss, random, turn=1):
    """dense: what the dense model wrote, which a variant often writes, too."""
    wrote = dense if random.random() > 2 * loss else text(random, loss)
    again = {"again": wrote if random.random() < 0.8 else text(random, 0.0)} if loss in (0, 0.02) else {}
    return answer(id, wrote, turn, **again)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a benchmark of facts beside both."""
    folder, random = tmp_path_factory.mktemp("run"), np.random.default_rng(5)
    clusters = [f"c{i // 2 if i < 6 else i}" for i in range(len(CHAT))]
    files = [stories(folder, "news", NEWS), conversations(folder, "chat", CHAT, clusters)]
    asked = {"news": [(id, 1) for id in NEWS], "chat": [(id, turn) for id in CHAT for turn in (1, 2)]}
    dense = {name: [text(random, 0.1) for _ in each] for name, each in asked.items()}
    trades = {"id": list("0123"), "relation": ["r"] * 4, "question": ["?"] * 4, "answer": list("xyyy")}
    trades["candidates"] = [["x", "y"]] * 4
    files.append(fake_results.write_benchmark(folder / paths.benchmark("trades"), "trades", "question", trades))
    manifests, cells = [], []
    for slug, loss in LOST.items():
        manifests.append(archive(folder, "m", slug))
        for name, questions in asked.items():
            rows = [row(id, wrote, loss, random, turn)
                    for (id, turn), wrote in zip(questions, dense[name], strict=True)]  # fmt: skip
            cells.append(cell(folder, "m", slug, name, rows))
        facts = [{"id": id, "answer": "y", "prediction": "y", "correct": True, "relation": "r"} for id in "0123"]
        about = {"model": "m", "variant": slug, "benchmark": "trades", "kind": "question"}
        cells.append(fake_results.write_scores(folder / paths.scores("m", slug, "trades"), facts, **about))
    aggregate(cells, manifests, files, folder / "results/tables", fake_results.SETTINGS)
    return folder


@pytest.fixture
def recompute(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "perf")
    return runpy.run_path(str(root / "perf/recompute_written.py"))["main"]


def test_what_is_said_of_texts_is_recomputed(run, recompute, capsys):
    assert recompute(run / "results", run / "resources/benchmarks") == 0
    seen = {tuple(line.split()[:3]) for line in capsys.readouterr().out.splitlines()}
    assert {("written", "unique_tokens", "low"), ("written", "rougeL", "decision"), ("written", "kept", "high"),
            ("written", "loops", "noise")} <= seen  # fmt: skip
    table = pd.read_parquet(run / "results/tables/written.parquet")
    assert {"costs", "not precise enough"} <= set(table["decision"])
    sizes = table.query("benchmark == 'news' and variant == 'dense' and measure == 'tokens'")["part"]
    assert list(sizes) == ["", "small", "medium", "large"]


def test_texts_are_in_no_table_of_facts(run):
    tables = {path.stem: pd.read_parquet(path) for path in (run / "results/tables").glob("*.parquet")}
    with_texts = {name for name, frame in tables.items() if "news" in set(frame.get("benchmark", ()))}
    assert with_texts == {"written", "examples", "how_asked", "benchmarks"}
    asked = tables["benchmarks"].set_index("benchmark")
    assert asked.loc["chat", ["facts", "asked_least", "asked_most"]].tolist() == [12, 12, 12]
    assert set(tables["drops_by_model"]["benchmarks"]) == {1}


def test_the_claim_on_unique_tokens_is_decided(run):
    claims = pd.read_parquet(run / "results/tables/claims.parquet").set_index("claim")
    row = claims.loc["kick_unique_tokens"]
    slug = "wanda-40@overall" if row["contrast"].startswith("Wanda") else "magnitude-40@overall"
    written = pd.read_parquet(run / "results/tables/written.parquet").set_index(
        ["benchmark", "part", "measure", "variant"]
    )
    fewer = -written.loc[("chat", "", "unique_tokens", slug), "change"]
    assert (row["estimate"], row["clusters"]) == (pytest.approx(fewer), 9) and fewer > 0


def test_another_number_is_found(run, recompute):
    path = run / "results/tables/written.parquet"
    whole = pd.read_parquet(path)
    some = whole[whole["benchmark"] == "chat"]
    try:
        some.assign(value=some["value"] + 1e-4).to_parquet(path)
        assert recompute(run / "results", run / "resources/benchmarks") == 1
    finally:
        whole.to_parquet(path)
