"""The tasks' tables from cells to page: what a text, a domain and a discipline say beside the facts."""

import math

import pandas as pd
import pytest
from helpers import fake_results, fake_texts

from knowcost.aggregate import tables
from knowcost.aggregate.job import Settings, aggregate
from knowcost.common.errors import InputError
from knowcost.report import tasks


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    cells, manifests, benchmarks = fake_results.make(root, {"tiny-llama": "decoder"}, facts=100)
    texts, files = fake_texts.add(root)
    domains = {"trades": "world", "sense": "common", "exams": "world"}
    aggregate([*cells, *texts], manifests, [*benchmarks, *files], root / "tables", Settings(0.1, 1, domains))
    return tables.read(root / "tables")


def texts(table, first):
    """{column: text} of the first row that begins with these texts."""
    row = next(row for row in table.rows if [text for text, _ in row[: len(first)]] == list(first))
    return {name: text for (name, _), (text, _) in zip(table.columns, row, strict=True)}


def test_perplexity_is_no_fact(data):
    assert "prose" not in set(data["scores"]["benchmark"]) | set(data["claims"]["benchmarks"])
    assert set(data["perplexity"]["benchmark"]) == {"prose"}
    dense = data["perplexity"].iloc[0]
    assert (dense["variant"], dense["perplexity"], dense["n"]) == ("dense", pytest.approx(3, rel=1e-5), 5)
    listed = data["benchmarks"].set_index("benchmark")
    assert listed.loc["prose", ["kind", "asked_most"]].tolist() == ["lines", 5]
    assert "prose" in set(data["how_asked"]["benchmark"])
    (table,) = tasks.perplexity(data["perplexity"])
    assert texts(table, ["dense"]) == {"variant": "dense", "prose": "3"}
    assert table.folded


def test_perplexity_of_fewer_tokens_is_told(data):
    frame = data["perplexity"].copy()
    (table,) = tasks.perplexity(frame)
    assert "fewer tokens" not in table.note
    frame.loc[frame["variant"] == "magnitude-60@overall", "tokens"] -= 1
    (table,) = tasks.perplexity(frame)
    assert table.note.endswith("and so not to be held against it: everything pruned by 60%.")
    (table,) = tasks.perplexity(frame[frame["variant"] != "dense"])
    assert "fewer tokens" not in table.note  # there is nothing to compare with


def test_domains_and_disciplines_on_the_page(data):
    (table,) = tasks.domains(data["domains"])
    found, rows = (
        texts(table, ["everything pruned by 60%"]),
        data["scores"].set_index(["variant", "benchmark"])["accuracy"],
    )
    each = rows["magnitude-60@overall"]
    assert found["world"] == f"{50 * (each['trades'] + each['exams']):.1f}"
    assert found["all of these"] == f"{100 * each.mean():.1f}" and found["common"] == f"{100 * each['sense']:.1f}"
    (table,) = tasks.disciplines(data["disciplines"])
    assert [name for name, _ in table.columns[1:]] == ["STEM", "humanities", "other", "social sciences"]
    assert texts(table, ["dense"])["STEM"] == "75.0"


def test_the_tolerance_of_the_config_draws_the_border(data):
    levels = data["matching_levels"]
    assert ((levels["drop_percent"] <= 10 + 1e-3) == (levels["matches"] == 1)).all()
    assert levels["match_share"].between(0, 1).all()
    whole, parts = tasks.matching(data["matching"])
    assert (whole.folded, parts.folded) == (False, True)
    borders = data["matching"].set_index(["method", "scope", "benchmark"])
    row = borders.loc[("magnitude", "overall", "trades")]
    assert texts(whole, ["tiny-llama", "magnitude pruning", "sparsity", "everything"])["trades"].startswith(
        row["border"]
    )


def test_words_of_a_border():
    row = {"model": "m", "benchmark": "b", "method": "magnitude", "grouping": "paper", "scope": "overall",
           "kind": "sparsity", "dense_accuracy": 0.5, "majority": math.nan, "strongest": "80%", "gaps": "",
           "border": "40%", "border_low": "20%", "border_high": "40%", "shown": "20%", "lead_border": ""}  # fmt: skip
    same = {name: "80%" for name in ("border", "border_low", "border_high")}
    none = dict.fromkeys(same, "none")
    rows = [row, row | same | {"benchmark": "c", "gaps": "60%", "majority": 0.3, "lead_border": "none"}]
    rows += [row | none | {"benchmark": "d", "majority": 0.5}]
    (table,) = tasks.matching(pd.DataFrame(rows))
    int8 = dict.fromkeys([*same, "strongest"], "int8") | {"method": "int8", "kind": ""}
    (alone,) = tasks.matching(pd.DataFrame([row | int8]))
    assert alone.rows[0][4:] == [("int8", "")]
    assert "Grey: the dense model" in table.note and "Grey" not in alone.note
    assert table.rows[0][4:] == [
        ("40% (20% to 40%)", ""),
        ("80%, the strongest that was run, not 60%", ""),
        ("none", "quiet"),
    ]
    assert [cell.below for cell in table.rows[0][4:6]] == ["shown: 20%", "shown: 20%, of the lead none"]


def test_texts_alone_are_not_enough(tmp_path):
    _, manifests, benchmarks = fake_results.make(tmp_path, {"tiny-llama": "decoder"}, facts=4, levels=(20, 40))
    texts, files = fake_texts.add(tmp_path, levels=(20, 40))
    with pytest.raises(InputError, match="no cell asks for facts"):
        prose = [path for path in texts if "prose" in str(path)]
        aggregate(prose, manifests, [*benchmarks, *files], tmp_path / "t", fake_results.SETTINGS)


def test_similarity_is_the_mean_over_layers():
    values = {
        ("int8@overall", 1): (0.9, 0.7),
        ("int8@overall", 2): (0.8, 0.8),
        ("dense", 1): (1, 1),
        ("dense", 2): (1, 1),
    }
    frame = pd.DataFrame(
        {"model": "m", "variant": slug, "benchmark": "near", "attention_cosine": one, "activation_cosine": two}
        for (slug, _), (one, two) in values.items()
    )
    (table,) = tasks.similarity(frame)
    assert table.title == "Similarity to the dense model: m" and table.folded
    expected = {"variant": "everything in int8", "near, attention": "0.8500", "near, activation": "0.7500"}
    assert texts(table, ["everything in int8"]) == expected
    assert not list(tasks.similarity(frame[:0]))
