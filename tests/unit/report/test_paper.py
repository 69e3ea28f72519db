"""The report's index of the paper's tables and figures, and its Tables 2 to 5 with the printed values."""

import pandas as pd
import pytest
from helpers import fake_results

from knowcost.aggregate import tables
from knowcost.aggregate.job import aggregate
from knowcost.report import paper


def read(folder, models, leave_out=(), **more):
    """The tables of a made-up run; leave_out: ends of paths of scores that it lacks."""
    cells, manifests, benchmarks = fake_results.make(folder, models, facts=20, levels=(20, 40), **more)
    cells = [path for path in cells if not str(path).endswith(tuple(leave_out))]
    aggregate(cells, manifests, benchmarks, folder / "tables", fake_results.SETTINGS)
    return tables.read(folder / "tables")


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """One of the paper's encoders and one that is not; BERT-base lacks two cells of int8."""
    models = {"bert-base": "encoder", "mine": "encoder"}
    gone = [f"bert-base/int8@overall/scores/{name}.parquet" for name in ("trex", "google-re")]
    return read(tmp_path_factory.mktemp("papers"), models, gone, benchmarks=fake_results.THE_PAPERS)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A decoder that is not the paper's."""
    return read(tmp_path_factory.mktemp("own"), {"tiny-llama": "decoder"}, lost=True)


def by_name(index):
    return {row.name: row for row in index.rows}


FIGURES = [
    {"name": "prune", "title": "Pruning: decoder models", "paper": [4]},
    {"name": "each", "title": "Pruning: decoder models, by benchmark", "paper": [23]},
    {"name": "each_m", "title": "Pruning: decoder models, m by benchmark", "paper": [23]},
]


def test_the_index_links_what_is_there_and_says_why_the_rest_is_not(own):
    found = paper.index(own, FIGURES)
    rows = by_name(found)
    assert rows["Table 1"].links == [("table-1", "Benchmarks")]
    assert rows["Table 4"].links == [("table-4", "Quantization")]
    assert rows["Figure 4"].links == [("figure-prune", "Pruning: decoder models")]
    assert rows["Figure 23"].links == [
        ("figure-each", "Pruning: decoder models, by benchmark"),
        ("figure-each_m", "m by benchmark"),
    ]
    assert rows["Table 3"].links == []
    assert rows["Table 3"].remark == "missing: no encoder model in this run"
    assert rows["Figure 12"].remark == "missing: no encoder-decoder model in this run"
    assert rows["Figures 20 to 22"].remark == "missing: no encoder model in this run"  # the three share a row
    assert (found.here, found.missing) == (5, 25)  # Tables 1, 2 and 4, and two figures


def test_the_index_says_what_was_not_asked_and_how_many_cells_are_missing(own, papers):
    assert by_name(paper.index(own, FIGURES))["Figure 4"].remark == ("not run: 10%, 30%, 50%, 60%, 70%, 80%, 90%")
    rows = by_name(paper.index(papers, [{"name": "q", "title": "Int8", "paper": [6]}]))
    assert rows["Figure 6"].remark == "2 of 12 cells missing"  # three scopes, two models, two benchmarks
    assert rows["Table 3"].remark == "2 of 40 cells missing"  # ten variants


def test_missing_cells_are_counted_in_a_sentence(own, papers):
    cells = 2 * 3 * 20  # with the benchmark that was counted as published
    words = (
        f"2 of the {cells} cells of this run's design have no score: bert-base on trex (1), bert-base on google-re (1)."
    )
    assert paper.missing(papers["scores"]) == words
    assert paper.missing(own["scores"]) == ""


def rows_of(data, id):
    (table,) = [table for table in paper.tables(data) if table.id == id]
    names = [words for words, _ in table.columns]
    return table, [dict(zip(names, [text for text, _ in row], strict=True)) for row in table.rows]


def test_printed_values_stand_beneath_ours_and_missing_cells_are_dashes(papers):
    table, rows = rows_of(papers, "table-3")
    assert table.note.startswith("Accuracy in percent of the dense model") and "thesis" not in table.note
    assert [(row["model"], row["benchmark"]) for row in rows] == [
        *(("bert-base", "trex"), ("", "printed"), ("bert-base", "google-re"), ("", "printed")),
        *(("mine", "trex"), ("mine", "google-re")),
    ]
    ours, theirs = rows[:2]
    assert (ours["int8 overall"], theirs["int8 overall"]) == ("\N{EN DASH}", "11.536")
    assert ours["baseline"] == "30.0" and theirs["baseline"] == "30.27"  # 6 of 20


def test_without_the_papers_models_nothing_is_printed(own):
    table, rows = rows_of(own, "table-4")
    assert [row["benchmark"] for row in rows] == ["trades", "sense"]
    assert "printed" not in table.note
    assert "trades (20 facts, majority baseline" in table.note
    pairs = pd.DataFrame({"family": "decoder", "benchmark": "trades", "facts": [10], "phrasings": [20]})
    table, _ = rows_of(own | {"phrasings": pairs}, "table-4")
    assert "trades (10 facts in 2 phrasings, majority baseline" in table.note
    table, rows = rows_of(own, "table-2")
    assert len(rows) == 1 and "printed" not in table.note
    assert (rows[0]["everything"], rows[0]["linear"], rows[0]["total"]) == ("86.0", "109.0", "109.0")


def test_the_audit_has_the_printed_cells_that_the_run_lacks(papers):
    """Table 3 prints 4.374 for int8 of everything on Google-RE, of which this run has no cell."""
    cells = papers["audit_published"].set_index(["model", "variant", "benchmark"])
    at = cells.loc[("bert-base", "int8@overall", "google-re")]
    assert at["published"] == pytest.approx(4.374, abs=1e-12)
    assert at[["n", "ours", "difference"]].isna().all()


def test_printed_weights_stand_beneath_ours(papers):
    table, rows = rows_of(papers, "table-2")
    assert [row["model"] for row in rows] == ["bert-base", "printed", "mine"]
    assert [rows[1][name] for name in ("everything", "attention", "feed forward", "final", "linear", "total")] == [
        *("86", "21", "64", "23", "109", "")
    ]
    assert "slip" in table.note
