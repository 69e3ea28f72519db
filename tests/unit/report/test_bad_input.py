"""From files to sentences where next to nothing can be said: a sentence each, no exception and no claim."""

import re

import pytest
from helpers import fake_results

from knowcost.aggregate import tables
from knowcost.aggregate.job import aggregate
from knowcost.report.answer import answer_lines
from knowcost.report.page import _tables

CLAIM = re.compile(r"costs? \d|gains? |cost (a small|[\d.]+ points)|practically equal|\d+% fewer bytes")
SHARE, GUESSED = {"trades": ("question", ("decoder",), 0.7)}, {"sense": ("piqa", ("decoder",), 0.5)}


def sentences(folder, benchmarks, facts=60, without=""):
    """The answer of a decoder's run, of which every table is made, too; without: a variant that has no cells."""
    cells, *rest = fake_results.make(folder, {"m": "decoder"}, facts, (20, 40), benchmarks=benchmarks)
    cells = [cell for cell in cells if not without or without not in cell.parts]
    aggregate(cells, *rest, folder / "tables", fake_results.SETTINGS)
    data = tables.read(folder / "tables")
    assert _tables(data)
    return answer_lines(data)


def test_one_fact(tmp_path):
    lines = sentences(tmp_path, SHARE, facts=1)
    assert lines and not [line for line in lines if CLAIM.search(line)]


def test_no_dense_cell(tmp_path):
    assert sentences(tmp_path, SHARE, without="dense") == [
        "Nothing can be said of m (decoder): the uncompressed model was not asked, so there is nothing to compare with."
    ]


def test_a_model_at_chance_everywhere(tmp_path):
    assert sentences(tmp_path, GUESSED) == [
        "Nothing can be said of m (decoder): uncompressed it is not shown to know anything beyond guessing (sense), so "
        "there is nothing to lose."
    ]


def test_a_benchmark_of_which_nothing_is_known(tmp_path):
    lines = sentences(tmp_path, {"trades": ("question", ("decoder",), 0.0)})
    assert lines[0].startswith("Nothing can be said of m (decoder): uncompressed it is not shown to know anything")


def test_a_benchmark_of_which_everything_is_known(tmp_path):
    lines = sentences(tmp_path, {"trades": ("question", ("decoder",), 1.0)}, facts=400)
    assert lines[0].startswith("m (decoder) answers 100.0% right uncompressed. ")
    assert any(line.startswith("The largest loss seen on m: ") for line in lines)


def test_one_cluster(tmp_path, monkeypatch):
    written = fake_results.write_benchmark

    def together(path, name, kind, rows, dropped=None):
        return written(path, name, kind, rows | {"cluster": ["all"] * len(rows["id"])}, dropped)

    monkeypatch.setattr(fake_results, "write_benchmark", together)
    lines = sentences(tmp_path, SHARE)
    assert lines and not [line for line in lines if CLAIM.search(line)]


@pytest.mark.parametrize("gone", [("logprob", "top_logprob", "choice_logprobs"), ("choice_logprobs",)])
def test_probabilities_that_are_missing(tmp_path, monkeypatch, gone):
    written = fake_results.write_scores

    def silent(path, rows, **about):
        return written(path, [{name: row[name] for name in row if name not in gone} for row in rows], **about)

    monkeypatch.setattr(fake_results, "write_scores", silent)
    lines = sentences(tmp_path, SHARE | {"sense": ("piqa", ("decoder",), 0.8)}, facts=400)
    assert lines[0].startswith("m (decoder) answers 75.0% right uncompressed. ")
    assert any(line.startswith("The largest loss seen on m: ") for line in lines)
    assert not [line for line in lines if "nan" in line]
