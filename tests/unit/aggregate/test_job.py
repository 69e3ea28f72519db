"""The aggregate stage: tables of four facts by hand, what is missing, and bytes that stay the same."""

import hashlib
import json
import math
from dataclasses import replace

import pandas as pd
import pytest
from helpers import fake_results

from knowcost.aggregate import gather, names, tables
from knowcost.aggregate.job import aggregate
from knowcost.benchmarks.kinds import KINDS
from knowcost.common import parquet, paths, seal
from knowcost.common.errors import BrokenPromise, InputError

FACTS = [{"id": str(i), "relation": "r", "answer": "x", "prediction": "x", "logprob": -1.0} for i in range(4)]


def tiny(folder, right, limit=None, ids=None):
    """A model with four facts: (cells, manifests, benchmarks), `right` being {slug: which facts are right}."""
    questions = {"id": list("0123"), "relation": ["r"] * 4, "question": ["?"] * 4, "answer": ["x", "y", "y", "y"]}
    questions["candidates"] = [["x", "y", "z"]] * 4
    benchmark = fake_results.write_benchmark(
        folder / paths.benchmark("facts"), "facts", "question", questions, {"two answers": 2}
    )
    cells, manifests = [], []
    for slug, correct in right.items():
        rows = [fact | {"correct": bool(c)} for fact, c in zip(FACTS, correct, strict=False)]
        if slug in (ids or {}):
            rows = [row | {"id": name} for row, name in zip(rows, ids[slug], strict=True)]
        about = {"model": "m", "variant": slug, "benchmark": "facts", "limit": limit, "dropped": {"too long": 1}}
        manifests.append(folder / paths.manifest("m", slug))
        seal.write_json(manifests[-1], fake_results.manifest("m", slug, "decoder"))
        cells.append(fake_results.write_scores(folder / paths.scores("m", slug, "facts"), rows, **about))
    return cells, manifests, [benchmark]


def test_aggregate_by_hand(tmp_path):
    old = tmp_path / "tables/of_another_run.parquet"
    old.parent.mkdir()
    old.touch()
    inputs = tiny(tmp_path, {"dense": [1, 1, 1, 0], "magnitude-40@attention": [1, 0, 0, 1]})
    made = aggregate(*inputs, tmp_path / "tables", fake_results.SETTINGS)
    assert not old.exists()
    assert sorted(made) == [
        "affordable", "answer_bias", "audit_final", "audit_published", "benchmarks", "capacity", "cheapest", "claims",
        "claims_levels", "controls", "disciplines", "domains", "drops", "drops_by_model", "examples", "facts",
        "forgotten_by", "forgotten_first", "front", "halves", "how_asked", "int8_decoder", "int8_decoder_canonical",
            "int8_encoder", "int8_encoder_canonical", "int8_encoder_decoder", "int8_encoder_decoder_canonical",
            "judged", "judges", "matching",
        "matching_levels", "noise", "overlap",
        "parameters", "perplexity", "phrasings", "probabilities", "recovered", "recovered_overlap", "relearned",
        "scores", "similarity", "training", "written",
    ]  # fmt: skip
    found = tables.read(tmp_path / "tables")
    dense, pruned = found["scores"].to_dict("records")
    assert (dense["accuracy"], pruned["accuracy"], pruned["dense_accuracy"]) == (0.75, 0.5, 0.75)
    assert (pruned["forgotten"], pruned["gained"]) == (2, 1)
    assert (pruned["drop_points"], pruned["drop_percent"], pruned["kept_percent"]) == (
        25,
        pytest.approx(100 / 3, rel=1e-12),
        pytest.approx(100 / 3, rel=1e-12),
    )
    assert (pruned["majority"], pruned["majority_drop_points"]) == (0.75, 0)
    assert pd.isna(dense["drop_points"])
    # 40% of 21 of 109 million weights are not stored, for a bit each; the dense model answers three facts
    assert (pruned["zeros"], pruned["sparsity"]) == (8_400_000, 0.4)
    assert pruned["bytes_saved_percent"] == pytest.approx(100 * (4 * 8.4 - 21 / 8) / (4 * 109), rel=1e-12)
    assert (pruned["real_bytes"], pruned["loaded_bytes"]) == (405_025_000, 436_000_000)
    assert (pruned["format"], dense["format"]) == ("bitmask", "dense")
    of_model = found["drops_by_model"].iloc[0]
    assert (of_model["facts_kept"], of_model["bits_per_fact_kept"], of_model["format"]) == (
        1,
        8 * 405_025_000,
        "bitmask",
    )
    about = found["benchmarks"].iloc[0]
    assert (about["facts"], about["asked_most"], about["dropped"]) == (4, 4, "two answers: 2")
    assert (dense["dropped"], about["not_asked"]) == ("too long: 1", "too long: 1 (m)")
    assert found["drops"]["experiment"].tolist() == ["prune"]
    (row,) = found["facts"].to_dict("records")
    assert (row["kept"], row["forgotten"], row["gained"], row["never_known"]) == (1, 2, 1, 0)
    assert (row["drop_points"], row["macro_points"], row["mcnemar_p"], row["clusters"]) == (25, 25, 1, 4)
    assert set(found["claims"]["verdict"]) == {"not run"}
    assert found["overlap"].empty and found["int8_decoder"].empty
    files = {path.name for path in (tmp_path / "tables").iterdir()}
    assert files == {path.rpartition("/")[2] for path in names.FILES}  # which Snakemake waits for


def test_probabilities_are_those_of_each_cell_beside_the_dense_models(tmp_path, monkeypatch):
    """Half as likely as before on every fact; in the audit's cells nothing is forgotten by compression."""
    cells, manifests, benchmarks = tiny(tmp_path, {"dense": [1, 1, 1, 0], "magnitude-40@attention": [1, 0, 0, 0]})
    rows, about = parquet.read(cells[1])
    rows = [row | {"logprob": row["logprob"] - math.log(2)} for row in rows.to_pylist()]
    fake_results.write_scores(cells[1], rows, **about)
    aggregate(cells, manifests, benchmarks, tmp_path / "tables", fake_results.SETTINGS)
    dense, pruned = tables.read(tmp_path / "tables")["probabilities"].to_dict("records")
    assert (dense["experiment"], dense["probability"]) == ("dense", pytest.approx(math.exp(-1)))
    assert pd.isna([dense["probability_points"], dense["forgotten"]]).all() and dense["probability_decision"] == ""
    assert (pruned["scope"], pruned["forgotten"], pruned["gained"], pruned["changed"]) == ("attention", 2, 0, 0)
    assert pruned["probability_points"] == pytest.approx(50 * math.exp(-1), rel=1e-6)
    assert pruned["log_change"] == pytest.approx(math.log(2), rel=1e-6)
    assert pruned["n_probability"] == pruned["n"] == 4 and pd.isna(pruned["kl_mean"])
    monkeypatch.setattr(gather, "is_published", lambda name: name == "facts")
    aggregate(cells, manifests, benchmarks, tmp_path / "tables", fake_results.SETTINGS)
    assert tables.read(tmp_path / "tables")["probabilities"].empty


def test_majority_counts_only_the_facts_that_were_asked(tmp_path):
    aggregate(*tiny(tmp_path, {"dense": [1, 1]}, limit=2), tmp_path / "tables", fake_results.SETTINGS)
    found = tables.read(tmp_path / "tables")
    assert found["scores"]["majority"].item() == 0.5  # x, y; all four would give 0.75
    assert found["benchmarks"]["limit"].item() == 2
    assert found["drops"].empty


def test_a_missing_dense_model_leaves_drops_empty(tmp_path):
    aggregate(*tiny(tmp_path, {"int8@attention": [1, 1, 0, 0]}), tmp_path / "tables", fake_results.SETTINGS)
    row = tables.read(tmp_path / "tables")["scores"].iloc[0]
    assert row["accuracy"] == 0.5
    assert pd.isna(row[["dense_accuracy", "drop_points", "drop_percent"]]).all()


def test_other_facts_than_the_dense_models_are_refused(tmp_path):
    right = {"dense": [1, 1, 1, 0], "int8@attention": [1, 1, 1, 0]}
    inputs = tiny(tmp_path, right, ids={"int8@attention": "1032"})
    with pytest.raises(InputError, match=r"int8@attention/scores/facts\.parquet.*dense/scores/facts\.parquet.*Delete"):
        aggregate(*inputs, tmp_path / "tables", fake_results.SETTINGS)


def test_other_prompts_than_the_dense_models_are_refused(tmp_path):
    cells, manifests, benchmarks = tiny(tmp_path, {"dense": [1, 1, 1, 0], "int8@attention": [1, 1, 1, 0]})
    about = {"model": "m", "benchmark": "facts"}
    for path, slug, prompts in zip(cells, ("dense", "int8@attention"), ("aa", "bb"), strict=True):
        rows = [fact | {"correct": True} for fact in FACTS]
        fake_results.write_scores(path, rows, variant=slug, prompts_sha256=prompts, **about)
    with pytest.raises(InputError, match=r"int8@attention/scores/.*prompts of .*dense/scores/.*Delete"):
        aggregate(cells, manifests, benchmarks, tmp_path / "tables", fake_results.SETTINGS)


def test_other_facts_are_said_before_other_prompts(tmp_path):
    cells, manifests, benchmarks = tiny(tmp_path, {"dense": [1, 1, 1, 0], "int8@attention": [1, 1, 1, 0]})
    about = {"model": "m", "benchmark": "facts"}
    for path, slug, prompts, count in zip(cells, ("dense", "int8@attention"), ("aa", "bb"), (4, 3), strict=True):
        rows = [fact | {"correct": True} for fact in FACTS[:count]]
        fake_results.write_scores(path, rows, variant=slug, prompts_sha256=prompts, **about)
    with pytest.raises(InputError, match="these are not the facts of"):
        aggregate(cells, manifests, benchmarks, tmp_path / "tables", fake_results.SETTINGS)


def test_missing_inputs_are_named(tmp_path):
    cells, manifests, benchmarks = tiny(tmp_path, {"dense": [1, 1, 1, 0]})
    with pytest.raises(InputError, match="no cells"):
        aggregate([], manifests, benchmarks, tmp_path / "tables", fake_results.SETTINGS)
    with pytest.raises(InputError, match="'facts'"):
        aggregate(cells, manifests, [], tmp_path / "tables", fake_results.SETTINGS)
    with pytest.raises(InputError, match=r"scores of .m. .dense., but no file"):
        aggregate(cells, [], benchmarks, tmp_path / "tables", fake_results.SETTINGS)
    rows, about = parquet.read(cells[0])
    parquet.write(cells[0], rows.drop_columns(["correct"]), about)
    with pytest.raises(InputError, match="correct"):
        aggregate(cells, manifests, benchmarks, tmp_path / "tables", fake_results.SETTINGS)


def test_a_measure_without_a_table_is_named(tmp_path, monkeypatch):
    inputs = tiny(tmp_path, {"dense": [1, 1, 1, 0]})
    monkeypatch.setitem(KINDS, "cloze", replace(KINDS["cloze"], measure="toxicity"))  # what those cells are of
    with pytest.raises(BrokenPromise, match=r"scores/facts\.parquet: measures toxicity, of which aggregate makes no"):
        aggregate(*inputs, tmp_path / "tables", fake_results.SETTINGS)


def test_the_same_input_gives_the_same_bytes(tmp_path):
    inputs = fake_results.make(tmp_path, {"a": "encoder", "b": "decoder"}, facts=20, levels=(20, 40))
    made = aggregate(*inputs, tmp_path / "one", fake_results.SETTINGS)
    assert aggregate(*inputs, tmp_path / "two", fake_results.SETTINGS) == made
    for name in made:
        for suffix in ("csv", "parquet"):
            one, two = (tmp_path / folder / f"{name}.{suffix}" for folder in ("one", "two"))
            assert one.read_bytes() == two.read_bytes()


def swap(one, other):
    """Exchange two files and their seals."""
    for a, b in ((one, other), (seal.beside(one), seal.beside(other))):
        a.rename(a.with_name("third"))
        b.rename(a)
        a.with_name("third").rename(b)


def test_cells_that_do_not_belong_to_what_lies_beside_them_are_refused(tmp_path):
    """Answers of other weights, to another benchmark, or in another's place; archives in another's place."""
    slugs = {"dense": [1, 1, 1, 0], "int8@attention": [1, 1, 1, 0]}
    cells, manifests, benchmarks = inputs = tiny(tmp_path, slugs)
    aggregate(*inputs, tmp_path / "tables", fake_results.SETTINGS)

    def refused(match):
        with pytest.raises(InputError, match=match):
            aggregate(*inputs, tmp_path / "tables", fake_results.SETTINGS)

    swap(*cells)
    refused(r"dense/scores/facts\.parquet: says it is of m, int8@attention, facts; move it back")
    swap(*cells)
    swap(*manifests)
    refused(r"dense/manifest\.json: is of m int8@attention, but this is the place of m dense")
    swap(*manifests)
    other = fake_results.manifest("m", "dense", "decoder", files={"model.safetensors": {"sha256": "01" * 32}})
    before = manifests[0].read_bytes()
    seal.write_json(manifests[0], other)
    refused(r"dense/scores/facts\.parquet: was not asked of what .*m/dense/manifest\.json says")
    manifests[0].write_bytes(before)
    seal.seal(manifests[0])
    parquet.write(benchmarks[0], parquet.read(benchmarks[0])[0].slice(0, 3), parquet.about(benchmarks[0]))
    refused(r"dense/scores/facts\.parquet: was not asked of what .*facts\.parquet says")


def test_kinds_that_there_are_not_are_refused(tmp_path):
    inputs = cells, _, benchmarks = tiny(tmp_path, {"dense": [1, 1, 1, 0]})
    for path in (cells[0], benchmarks[0]):
        parquet.write(path, parquet.read(path)[0], parquet.about(path) | {"kind": "riddle"})
        with pytest.raises(InputError, match=rf"{path}: no kind 'riddle'; known: cloze.*or delete it"):
            aggregate(*inputs, tmp_path / "tables", fake_results.SETTINGS)


def test_fewer_rows_than_were_asked_are_refused(tmp_path):
    cells, *others = tiny(tmp_path, {"dense": [1, 1, 1, 0]})
    parquet.write(cells[0], parquet.read(cells[0])[0].slice(0, 3), parquet.about(cells[0]))
    with pytest.raises(InputError, match=r"dense/scores/facts\.parquet: 3 rows, 4 were asked; delete"):
        aggregate(cells, *others, tmp_path / "tables", fake_results.SETTINGS)


def test_tables_say_what_they_were_made_from(tmp_path):
    inputs = tiny(tmp_path, {"dense": [1, 1, 1, 0]})
    aggregate(*inputs, tmp_path / "tables", fake_results.SETTINGS)
    said = json.loads((tmp_path / "tables/made_from.json").read_text())
    assert said == {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for paths_ in inputs for path in paths_}
    text = (tmp_path / "tables/scores.csv").read_text()
    (tmp_path / "tables/scores.csv").write_text(text.replace("0.75", "0.85"))
    with pytest.raises(InputError, match=r"tables/scores\.csv is damaged or was changed .* delete .*tables and run"):
        tables.read(tmp_path / "tables")


def test_answers_and_phrasings_from_cells_to_tables(tmp_path):
    """Two yes-no questions in two phrasings each: pruned, the model says no to all and keeps their order."""
    names = ["a1", "a2", "b1", "b2"]
    asked = {"id": names, "relation": [None] * 4, "question": ["?"] * 4, "passage": ["."] * 4, "label": [1, 1, 0, 0]}
    asked |= {"fact": ["a", "a", "b", "b"], "cluster": ["a", "a", "b", "b"], "phrasing": ["1", "2", "1", "2"]}
    benchmark = fake_results.write_benchmark(tmp_path / paths.benchmark("asked"), "asked", "boolq", asked)
    cells, manifests = [], []
    for slug, odds in {"dense": [2, 1, -1, -2], "magnitude-40@attention": [0.5, -1, -2, -3]}.items():
        rows = [
            {"id": name, "answer": "yes" if yes else "no", "prediction": "yes" if each > 0 else "no",
             "correct": (each > 0) == yes, "logprob": -1.0, "choice_logprobs": [0.0, each]}
            for name, each, yes in zip(names, odds, asked["label"], strict=True)
        ]  # fmt: skip
        manifests.append(tmp_path / paths.manifest("m", slug))
        seal.write_json(manifests[-1], fake_results.manifest("m", slug, "decoder"))
        about = {"model": "m", "variant": slug, "benchmark": "asked", "kind": "boolq"}
        cells.append(fake_results.write_scores(tmp_path / paths.scores("m", slug, "asked"), rows, **about))
    aggregate(cells, manifests, [benchmark], tmp_path / "tables", fake_results.SETTINGS)
    found = tables.read(tmp_path / "tables")
    dense, pruned = found["answer_bias"].to_dict("records")
    assert (dense["given_percent"], pruned["answer"], pruned["given_percent"]) == (50, "no", 75)
    assert (pruned["accuracy"], pruned["accuracy_at_threshold"]) == (0.75, 1)
    assert (pruned["drop_points"], pruned["explained_points"], pruned["left_points"]) == (25, 25, 0)
    dense, pruned = found["phrasings"].to_dict("records")
    assert (dense["all_percent"], pruned["all_percent"], pruned["any_percent"]) == (100, 50, 100)
    assert (pruned["consistency_percent"], pruned["forgotten"], pruned["known_elsewhere_percent"]) == (50, 1, 100)
    dense, pruned = found["scores"].to_dict("records")
    assert (dense["lead_points"], pruned["lead_points"], dense["not_guessed_percent"]) == (50, 25, 100)
    assert pd.isna(pruned["lead_lost_percent"])  # two facts show no lead
