"""Tables and the aggregate stage: averages by hand, what is missing, and bytes that stay the same."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from helpers import fake_results
from helpers.fake_results import cell

from knowcost.aggregate import tables
from knowcost.aggregate.job import _facts, aggregate
from knowcost.common.errors import InputError
from knowcost.common.files import write_json
from knowcost.spec import families


@pytest.mark.parametrize(
    ("slug", "experiment", "method", "scope", "level"),
    [
        ("dense", "dense", "dense", "", None),
        ("magnitude-40@attention", "prune", "magnitude", "attention", 40),
        ("magnitude-20@canonical.feed_forward", "prune", "magnitude", "feed_forward", 20),
        ("int8@overall", "quantize", "int8", "overall", None),
        ("magnitude-40@overall+int8@overall", "prune_quantize", "magnitude+int8", "overall", 40),
        ("magnitude-20@final", "final_unstructured", "magnitude", "final", 20),
        ("magnitude_structured-20@final", "final_structured", "magnitude_structured", "final", 20),
        ("magnitude-40@feed_forward+int8@attention", "other", "magnitude+int8", "mixed", 40),
        ("wanda-30@overall", "prune", "wanda", "overall", 30),
        ("wanda-30@final", "prune", "wanda", "final", 30),
        ("sparsegpt-1of4@overall", "prune_pattern", "sparsegpt", "overall", 75),
        ("gptq-4bit-g128@attention", "quantize_bits", "gptq", "attention", None),
        ("gptq-3bit-actorder@overall", "quantize_bits", "gptq", "overall", None),
        ("sparsegpt-50@overall+int8@overall", "prune_quantize", "sparsegpt+int8", "overall", 50),
        ("sparsegpt-2of4@overall+int8@overall", "other", "sparsegpt+int8", "overall", 50),
        ("sparsegpt-50@overall+gptq-4bit@overall", "other", "sparsegpt+gptq", "overall", 50),
    ],
)
def test_describe(slug, experiment, method, scope, level):
    found = tables.describe(slug)
    assert [found[key] for key in ("experiment", "method", "scope", "level")] == [experiment, method, scope, level]
    assert found["grouping"] == ("" if slug == "dense" else "canonical" if "canonical" in slug else "paper")


def test_methods_in_words():
    words = {"wanda": "Wanda", "wanda~c4-seed1": "Wanda (c4-seed1)", "magnitude+int8": "magnitude pruning, then int8"}
    words |= {"sparsegpt~b+gptq~b": "sparsegpt+gptq (b)", "wanda~b+int8": "wanda+int8 (b)"}
    assert {method: families.name_of(method) for method in words} == words


def test_drops_are_averaged_over_benchmarks_then_models():
    """BERT-base, int8 attention, in the paper's Table 3: drops of 1.21242, 1.75899, -2.50250 and 2.65156 percent."""
    dense = {"TREx": 0.3027, "GoogleRe": 0.1029, "Squad": 0.12987, "Conceptnet": 0.1633}
    int8 = {"TREx": 0.29903, "GoogleRe": 0.10109, "Squad": 0.13312, "Conceptnet": 0.15897}
    rows = [cell("bert-base", slug, name, dense[name], value[name])
            for slug, value in (("dense", dense), ("int8@attention", int8)) for name in dense]  # fmt: skip
    rows += [cell("other", slug, name, 0.5, 0.5) for slug in ("dense", "int8@attention") for name in dense]
    by_model = tables.drops_by_model(tables.scores(rows)).set_index("model")
    assert by_model.loc["bert-base", "drop_percent"] == pytest.approx(3.12047 / 4, abs=1e-5)
    assert by_model.loc["bert-base", "drop_points"] == pytest.approx((0.367 + 0.181 - 0.325 + 0.433) / 4)
    family = tables.drops(by_model.reset_index())
    assert family["drop_percent"].item() == pytest.approx(3.12047 / 8, abs=1e-5)
    assert (family["models"].item(), family["pairs"].item(), family["measurable"].item()) == (2, 8, 0)


def test_an_average_over_some_benchmarks_is_left_empty():
    rows = [
        cell("m", "dense", "a", 0.5, 0.5),
        cell("m", "dense", "b", 0.4, 0.4),
        cell("m", "int8@final", "a", 0.5, 0.1),
    ]
    by_model = tables.drops_by_model(tables.scores(rows))
    assert by_model["benchmarks"].item() == 1
    assert by_model[tables.MEANS].isna().all(axis=None)
    assert tables.drops(by_model)["models"].item() == 0


def test_a_model_that_was_not_asked_a_benchmark_of_its_family_has_no_average():
    rows = [
        cell(m, slug, b, 0.5, 0.4) for m, b in (("m", "a"), ("m", "b"), ("n", "a")) for slug in ("dense", "int8@final")
    ]
    by_model = tables.drops_by_model(tables.scores(rows)).set_index("model")
    assert by_model["drop_points"].isna().to_dict() == {"m": False, "n": True}


def test_nothing_known_has_no_percentage_to_lose():
    rows = [cell("m", slug, name, dense, after) for slug, after in (("dense", None), ("int8@final", 0.1))
            for name, dense in (("a", 0.4), ("b", 0.0))]  # fmt: skip
    by_model = tables.drops_by_model(tables.scores(rows))
    assert by_model["drop_percent"].item() == pytest.approx(75)  # of a alone: 0.4 to 0.1
    assert by_model["drop_points"].item() == pytest.approx((30 - 10) / 2)


def test_majority_drop_needs_a_majority_everywhere():
    def drop(second):
        rows = [cell("m", slug, name, 0.8, 0.8, majority=majority) for slug in ("dense", "int8@final")
                for name, majority in (("a", 0.5), ("b", second))]  # fmt: skip
        return tables.drops_by_model(tables.scores(rows)).iloc[0]

    assert drop(0.6)["majority_drop_points"] == pytest.approx((30 + 20) / 2)
    assert drop(0.6)["majority_drop_percent"] == pytest.approx((37.5 + 25) / 2)
    assert pd.isna(drop(None)["majority_drop_percent"])


def test_rows_keep_the_order_of_models_and_the_papers_order_of_scopes():
    slugs = ["int8@attention", "magnitude-40@attention", "magnitude-20@attention", "magnitude-20@overall", "dense"]
    rows = [cell(model, slug, "a", 0.5, 0.5) for model in ("zeta", "alpha") for slug in slugs]
    found = tables.scores(rows)
    assert list(found["model"].unique()) == ["zeta", "alpha"]
    assert list(found["variant"][:5]) == ["dense", *slugs[3:0:-1], "int8@attention"]


def test_cheapest_keeps_enough_and_saves_most():
    names = ["variant", "kept_percent", "bytes_saved_percent", "drop_points"]
    variants = [
        ("small", 99.5, 10.0, 0.1),
        ("middle", 96.0, 40.0, 1.0),
        ("large", 80.0, 70.0, 9.0),
        ("grown", 99.9, -5.0, 0),
    ]
    frame = pd.DataFrame(variants, columns=names).assign(family="encoder", model="m")
    found = tables.cheapest(frame).set_index("keep_at_least")["variant"]
    assert found.to_dict() == {99: "small", 95: "middle", 90: "middle"}
    assert tables.cheapest(frame.iloc[2:])["variant"].isna().all()


def test_csv_text_is_fixed_and_reads_back(tmp_path):
    frame = pd.DataFrame({"model": ["NA", "b"], "n": [3, None], "accuracy": [0.5, None], "drop_points": [-0.0001, 2.5]})
    tables.write(frame, tmp_path / "one.csv")
    assert (tmp_path / "one.csv").read_bytes() == b"model,n,accuracy,drop_points\nNA,3,0.500000,0.000\nb,,,2.500\n"
    found = tables.read(tmp_path)["one"]
    assert found["model"].tolist() == ["NA", "b"]
    assert found["n"].tolist()[0] == 3
    assert found["accuracy"].isna().tolist() == [False, True]


FACTS = [{"id": str(i), "relation": "r", "answer": "x", "prediction": "x", "logprob": -1.0} for i in range(4)]


def tiny(folder, right, limit=None, ids=None):
    """A model with four facts: (cells, manifests, benchmarks), `right` being {slug: which facts are right}."""
    questions = {"id": list("0123"), "relation": ["r"] * 4, "question": ["?"] * 4, "answer": ["x", "y", "y", "y"]}
    questions["candidates"] = [["x", "y", "z"]] * 4
    benchmark = fake_results.write_benchmark(
        folder / "facts.parquet", "facts", "question", questions, {"two answers": 2}
    )
    cells, manifests = [], []
    for slug, correct in right.items():
        rows = [fact | {"correct": bool(c)} for fact, c in zip(FACTS, correct, strict=False)]
        if slug in (ids or {}):
            rows = [row | {"id": name} for row, name in zip(rows, ids[slug], strict=True)]
        about = {"model": "m", "variant": slug, "benchmark": "facts", "limit": limit, "dropped": {"too long": 1}}
        cells.append(fake_results.write_scores(folder / f"{slug}.parquet", rows, **about))
        manifests.append(folder / f"{slug}.json")
        write_json(manifests[-1], fake_results.manifest("m", slug, "decoder"))
    return cells, manifests, [benchmark]


def test_aggregate_by_hand(tmp_path):
    inputs = tiny(tmp_path, {"dense": [1, 1, 1, 0], "magnitude-40@attention": [1, 0, 0, 1]})
    made = aggregate(*inputs, tmp_path / "tables")
    assert sorted(made) == [
        "audit_final", "audit_published", "benchmarks", "cheapest", "claims", "disciplines", "domains", "drops",
        "drops_by_model", "facts", "forgotten_by", "how_asked", "matching", "matching_levels", "noise", "overlap",
        "parameters", "perplexity", "scores",
    ]  # fmt: skip
    found = tables.read(tmp_path / "tables")
    dense, pruned = found["scores"].to_dict("records")
    assert (dense["accuracy"], pruned["accuracy"], pruned["dense_accuracy"]) == (0.75, 0.5, 0.75)
    assert (pruned["forgotten"], pruned["gained"]) == (2, 1)
    assert (pruned["drop_points"], pruned["drop_percent"], pruned["kept_percent"]) == (25, 33.333, 33.333)
    assert (pruned["majority"], pruned["majority_drop_points"]) == (0.75, 0)
    assert pd.isna(dense["drop_points"])
    # 40% of 21 of 109 million weights are not stored
    assert (pruned["zeros"], pruned["sparsity"], pruned["bytes_saved_percent"]) == (8_400_000, 0.4, 7.706)
    about = found["benchmarks"].iloc[0]
    assert (about["facts"], about["asked_most"], about["dropped"]) == (4, 4, "two answers: 2")
    assert (dense["dropped"], about["not_asked"]) == ("too long: 1", "too long: 1 (m)")
    assert found["drops"]["experiment"].tolist() == ["prune"]
    (row,) = found["facts"].to_dict("records")
    assert (row["kept"], row["forgotten"], row["gained"], row["never_known"]) == (1, 2, 1, 0)
    assert (row["micro_points"], row["macro_points"], row["mcnemar_p"], row["resampled"]) == (25, 25, 1, "fact")
    assert set(found["claims"]["verdict"]) == {"undecided"}
    assert found["overlap"].empty


def test_confidence_is_the_probability_among_the_choices():
    """exp(-1) against exp(-2): 1 / (1 + 1/e); a cloze's log-probability stays as it is."""
    columns = {"id": ["a", "b"], "relation": None, "answer": "x", "logprob": [-1.0, -3.0]}
    frame = pd.DataFrame(columns | {"choice_logprobs": [np.array([-2.0, -1.0]), None]})
    assert _facts(frame)["confidence"].tolist() == pytest.approx([-np.log(1 + np.exp(-1)), -3])


def test_majority_counts_only_the_facts_that_were_asked(tmp_path):
    aggregate(*tiny(tmp_path, {"dense": [1, 1]}, limit=2), tmp_path / "tables")
    found = tables.read(tmp_path / "tables")
    assert found["scores"]["majority"].item() == 0.5  # x, y; all four would give 0.75
    assert found["benchmarks"]["limit"].item() == 2
    assert found["drops"].empty


def test_a_missing_dense_model_leaves_drops_empty(tmp_path):
    aggregate(*tiny(tmp_path, {"int8@attention": [1, 1, 0, 0]}), tmp_path / "tables")
    row = tables.read(tmp_path / "tables")["scores"].iloc[0]
    assert row["accuracy"] == 0.5
    assert pd.isna(row[["dense_accuracy", "drop_points", "drop_percent"]]).all()


def test_other_facts_than_the_dense_models_are_refused(tmp_path):
    right = {"dense": [1, 1, 1, 0], "int8@attention": [1, 1, 1, 0]}
    inputs = tiny(tmp_path, right, ids={"int8@attention": "1032"})
    with pytest.raises(InputError, match=r"int8@attention\.parquet.*dense\.parquet.*Delete"):
        aggregate(*inputs, tmp_path / "tables")


def test_missing_inputs_are_named(tmp_path):
    cells, manifests, benchmarks = tiny(tmp_path, {"dense": [1, 1, 1, 0]})
    with pytest.raises(InputError, match="no cells"):
        aggregate([], manifests, benchmarks, tmp_path / "tables")
    with pytest.raises(InputError, match="'facts'"):
        aggregate(cells, manifests, [], tmp_path / "tables")
    with pytest.raises(InputError, match="manifest"):
        aggregate(cells, [], benchmarks, tmp_path / "tables")
    pq.write_table(pq.read_table(cells[0]).drop_columns(["correct"]), cells[0])
    with pytest.raises(InputError, match="correct"):
        aggregate(cells, manifests, benchmarks, tmp_path / "tables")


def test_the_same_input_gives_the_same_bytes(tmp_path):
    inputs = fake_results.make(tmp_path, {"a": "encoder", "b": "decoder"}, facts=20, levels=(20, 40))
    made = aggregate(*inputs, tmp_path / "one")
    assert aggregate(*inputs, tmp_path / "two") == made
    for name in made:
        assert (tmp_path / "one" / f"{name}.csv").read_bytes() == (tmp_path / "two" / f"{name}.csv").read_bytes()


def test_stages_are_light_at_import(root):
    code = (
        "import sys, knowcost.aggregate, knowcost.report; print({'pandas', 'matplotlib', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "set()"
