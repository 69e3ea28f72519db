"""A version that was compressed elsewhere, from its cells to tables, figures and page."""

import logging

import pytest
from helpers import fake_results

from knowcost.aggregate import tables
from knowcost.aggregate.job import aggregate
from knowcost.common import paths, seal
from knowcost.compress.registry import name_of
from knowcost.draw import job as draw
from knowcost.report import drops, findings, paper, run, tasks

MODELS = {"a": "decoder", "b": "decoder"}
SLUG = "brought-mine.Q4"
FACTS = 400  # enough of them known to show that 95% are kept


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Tables of two models, one of which has a version of a quarter of the bytes that knows what the dense one does,
    and the same version with a tokenizer by which it was asked a fact less."""
    folder = tmp_path_factory.mktemp("made")
    benchmarks = {"trades": ("question", fake_results.QUESTIONS, 0.7)}
    cells, manifests, files = fake_results.make(folder, MODELS, facts=FACTS, levels=(20, 40), benchmarks=benchmarks)
    for slug, fewer in ((SLUG, 0), ("brought-short", 1)):
        name = slug.removeprefix("brought-")
        about = {"brought": {"name": name, "format": "GGUF Q4_K_M"}, "bits_per_parameter": 8.0, "steps": []}
        about |= {"tokenizer_differs": ["its end is another"] * fewer}
        about["bytes"] = {"disk": 120, "real": 109_000_000, "loaded": 109_000_000, "format": "packed"}
        manifests.append(folder / paths.manifest("a", slug))
        seal.write_json(manifests[-1], fake_results.manifest("a", slug, "decoder", **about))
        rows = fake_results._rows("trades", "question", 0.7, 1.0, FACTS, "a", "dense")
        cells.append(folder / paths.scores("a", slug, "trades"))
        about = {"model": "a", "variant": slug, "benchmark": "trades", "kind": "question"}
        fake_results.write_scores(cells[-1], rows[fewer:], **about)
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logging.getLogger("knowcost").addHandler(handler)
    aggregate(cells, manifests, files, folder / "tables", fake_results.SETTINGS)
    logging.getLogger("knowcost").removeHandler(handler)
    return tables.read(folder / "tables"), [seal.read_json(path) for path in manifests], messages


def test_it_is_paired_with_the_dense_model_of_its_parent_alone(made):
    data, _, _ = made
    facts = data["facts"][data["facts"]["variant"] == SLUG].to_dict("records")
    assert [(row["model"], row["n"], row["forgotten"], row["gained"]) for row in facts] == [("a", FACTS, 0, 0)]
    (cell,) = data["scores"][data["scores"]["variant"] == SLUG].to_dict("records")
    assert (cell["drop_points"], cell["kept_percent"], cell["real_bytes"]) == (0, 100, 109_000_000)
    assert (cell["loaded_bytes"], cell["format"]) == (109_000_000, "packed")
    assert cell["bytes_saved_percent"] == 75  # of 4 bytes for each of 109 million
    assert cell["experiment"] == "brought" and cell["noise_points"] == 0
    assert paper.missing(data["scores"]) == ""


def test_it_may_be_the_smallest(made):
    data, _, _ = made
    cheapest = data["cheapest"].set_index(["model", "keep_at_least"])["variant"]
    assert cheapest["a", 95] == SLUG and "brought" not in cheapest["b", 95]


def test_one_that_was_asked_other_facts_has_an_accuracy_and_no_drop(made):
    data, _, messages = made
    (cell,) = data["scores"][data["scores"]["variant"] == "brought-short"].to_dict("records")
    assert cell["n"] == FACTS - 1 and cell["accuracy"] > 0
    assert str(cell["drop_points"]) == str(cell["dense_accuracy"]) == "nan"
    assert "brought-short" not in set(data["facts"]["variant"]) | set(data["matching"]["method"])
    assert [text for text in messages if f"{FACTS - 1} facts were asked, {FACTS} of" in text]


def test_figures_and_tables_of_the_page_take_it(made):
    data, manifests, _ = made
    names = [drawn.name for drawn in draw.figures(data, 1)]
    assert "front_a" in names
    assert name_of(SLUG) == "mine.Q4"
    every = [*tasks.matching(data["matching"]), *drops.cheapest(data["cheapest"]), *drops.drops(data["drops"])]
    every += [*drops.accuracies(data["scores"]), *findings.overlap(data["overlap"]), *findings.noise(data["noise"])]
    cells = [[cell.text for cell in row] for table in every for row in table.rows]
    assert ["a", "mine.Q4", "", "", "mine.Q4"] in cells
    sources = [{"name": name, "family": "decoder", "files": {}} for name in ("a", "mine.Q4", "short", "b")]
    dense, mine, short, _ = run.models(manifests, sources)
    assert (dense["stored"], dense["differs"]) == ("", [])
    assert (mine["stored"], mine["differs"]) == ("GGUF Q4_K_M, 8.00 bits per weight of a", [])
    assert short["differs"] == ["its tokenizer is not its parent's: its end is another"]
