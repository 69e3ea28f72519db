"""The paper's five tables: their shape, what was printed beside them, and what a run lacks."""

from pathlib import Path

import pandas as pd
import pytest
from helpers import fake_results
from helpers.fake_results import cell

from knowcost.aggregate import drops, paper_tables


def test_int8_table_has_the_papers_shape():
    slugs = ["dense", "int8@overall", "int8@attention", "magnitude-20@overall+int8@overall", "magnitude-20@overall"]
    rows = [
        cell("m", slug, "a", 0.5, accuracy) for slug, accuracy in zip(slugs, (0.5, 0.25, 0.45, 0.2, 0.3), strict=True)
    ]
    rows += [cell("m", "dense", "b", 0.4, 0.4)]
    wide = paper_tables.int8(drops.scores(rows), "encoder", "paper")
    names = ["model", "benchmark", "baseline", "int8_overall", "int8_attention", "prune20_int8_overall"]
    assert list(wide.columns) == names
    assert wide.iloc[0, 2:].tolist() == pytest.approx([50, 25, 45, 20])
    assert wide.iloc[1, 2] == pytest.approx(40)
    assert wide.iloc[1, 3:].isna().all()  # not run: empty
    assert paper_tables.int8(drops.scores(rows), "decoder", "paper").empty
    assert paper_tables.int8(drops.scores(rows), "encoder", "canonical").empty


def test_canonical_grouping_borrows_the_scopes_it_draws_alike():
    slugs = ["dense", "int8@overall", "int8@attention", "int8@canonical.attention"]
    rows = [cell("m", slug, "a", 0.5, accuracy) for slug, accuracy in zip(slugs, (0.5, 0.2, 0.4, 0.3), strict=True)]
    wide = paper_tables.int8(drops.scores(rows), "encoder", "canonical")
    assert wide[["int8_overall", "int8_attention"]].iloc[0].tolist() == pytest.approx([20, 30])


def test_int8_table_has_a_row_for_every_benchmark_of_the_family():
    cells = [("m", "a"), ("m", "b"), ("n", "b")]
    rows = [cell(m, slug, b, 0.5, 0.4) for m, b in cells for slug in ("dense", "int8@overall")]
    wide = paper_tables.int8(drops.scores(rows), "encoder", "paper").set_index(["model", "benchmark"])
    assert list(wide.index) == [("m", "a"), ("m", "b"), ("n", "a"), ("n", "b")]
    assert wide.loc[("n", "a")].isna().all()
    assert wide.drop(index=("n", "a")).notna().all(axis=None)


def test_printed_values_stand_in_columns_of_their_own():
    """Table 3, BERT-base on T-REx: 30.27, int8 of everything 11.536, after pruning 20% of it 5.552."""
    slugs = ["dense", "int8@overall", "magnitude-20@overall+int8@overall", "magnitude-60@overall+int8@overall"]
    rows = [cell(model, slug, "trex", 0.3, 0.2) for model in ("bert-base", "mine") for slug in slugs]
    wide = paper_tables.int8(drops.scores(rows), "encoder", "paper")
    names = ["baseline", "int8_overall", "prune20_int8_overall"]  # 60% was not printed
    assert list(wide.columns[6:]) == [f"printed_{name}" for name in names]
    assert wide.iloc[0, 6:].tolist() == pytest.approx([30.27, 11.536, 5.552])
    assert wide.iloc[1, 6:].isna().all()


def test_a_missing_cell_keeps_its_printed_value():
    rows = [cell(model, "dense", "trex", 0.3, 0.3) for model in ("bert-base", "roberta-base")]
    rows.append(cell("roberta-base", "int8@overall", "trex", 0.3, 0.1))
    wide = paper_tables.int8(drops.scores(rows), "encoder", "paper").set_index("model")
    assert pd.isna(wide.loc["bert-base", "int8_overall"])
    assert wide.loc["bert-base", "printed_int8_overall"] == pytest.approx(11.536)


def test_grid_holds_a_row_for_each_cell_of_the_design():
    cells = [("m", "dense", "a"), ("m", "dense", "b"), ("m", "int8@final", "a"), ("n", "dense", "a"),
             ("n", "magnitude-20@final+lost@final", "b"), ("n", "dense", "a@published")]  # fmt: skip
    rows = [cell(m, v, b, 0.5, 0.4, majority=0.25, n=7) for m, v, b in cells]
    for row, (_, _, benchmark) in zip(rows, cells, strict=True):
        row["experiment"] = "as_published" if benchmark == "a@published" else row["experiment"]
    scores = drops.scores([*rows, cell("d", "dense", "c", 0.5, 0.4, family="decoder")])
    whole = paper_tables.grid(scores)
    assert list(whole.columns) == list(scores.columns)
    assert len(whole) == 2 * 3 * 3 + 1  # models x variants x benchmarks of the encoders; the decoder's one cell
    at = whole.set_index(["model", "variant", "benchmark"])
    assert at["accuracy"].notna().sum() == 7
    gone = at.loc[("m", "int8@final", "b")]
    assert (gone["experiment"], gone["scope"], gone["grouping"]) == ("quantize", "final", "paper")
    assert (gone["dense_accuracy"], gone["majority"]) == (0.5, 0.25)
    assert gone[["n", "accuracy", "drop_points", "drop_percent"]].isna().all()
    assert set(whole[whole["benchmark"] == "a@published"]["experiment"]) == {"as_published"}
    assert at.loc[("n", "magnitude-20@final+lost@final", "a"), "experiment"] == "as_published"
    pd.testing.assert_frame_equal(paper_tables.grid(whole), whole)


def test_what_was_compressed_elsewhere_is_missing_for_no_other_model():
    cells = [
        ("m", "dense", "a"),
        ("m", "dense", "b"),
        ("m", "brought-x", "a"),
        ("n", "dense", "a"),
        ("n", "dense", "b"),
    ]
    whole = paper_tables.grid(drops.scores([cell(*each, 0.5, 0.4) for each in cells]))
    gone = whole[whole["accuracy"].isna()]
    assert gone[["model", "variant", "benchmark", "experiment"]].values.tolist() == [["m", "brought-x", "b", "brought"]]
    pd.testing.assert_frame_equal(paper_tables.grid(whole), whole)


def test_parameters_in_millions():
    manifests = [fake_results.manifest("m", "dense", "decoder"), fake_results.manifest("m", "int8@final", "decoder")]
    row = paper_tables.parameters({"m": "decoder", "unseen": "encoder"}, manifests).set_index("model")
    assert row.loc["m", ["overall", "attention", "feed_forward", "final", "total"]].tolist() == [86, 21, 65, 23, 109]
    assert row.loc["unseen"].drop("family").isna().all()
    assert row.loc["m", "linear"] == 86 + 23
    assert "self_attention" not in row
    assert not [name for name in row if name.startswith("printed")]


def test_printed_parameters_stand_beside_ours():
    """Table 2: BERT-base 86, 21, 64, 23, 109; the last is the sum of linear layers, not of all weights."""
    manifests = [fake_results.manifest("bert-base", "dense", "encoder")]
    row = paper_tables.parameters({"bert-base": "encoder", "mine": "encoder"}, manifests).set_index("model")
    names = ["overall", "attention", "feed_forward", "final", "linear"]
    assert row.loc["bert-base", [f"printed_{name}" for name in names]].tolist() == [86, 21, 64, 23, 109]
    assert "printed_total" not in row
    assert pd.isna(row.loc["mine", "printed_final"])


def asked(*names):
    rows = [cell("m", "dense", name, 0.5, 0.5, dropped="", limit=None, majority=0.6) for name in names]
    return paper_tables.benchmarks(drops.scores(rows), {}, {"boolq": ("Is it?", "yes")}, {}).set_index("benchmark")


def test_printed_benchmarks_stand_beside_ours():
    """Table 1: BoolQ, "Mix", 3.2k; captions of Tables 4 and 5: 0.621."""
    found = asked("boolq", "mine")
    assert found.loc["boolq", ["example", "example_answer"]].tolist() == ["Is it?", "yes"]
    printed = ["printed_type", "printed_examples", "printed_majority"]
    assert found.loc["boolq", printed].tolist() == ["Mix", "3.2k", 0.621]
    assert found.loc["mine", printed].isna().all()
    assert not set(printed) & set(asked("mine"))


CHOICES = {"options": [["ice", "fire"]], "label": [1]}


@pytest.mark.parametrize(
    ("kind", "columns", "expected"),
    [
        ("cloze", {"cloze": ["A [MASK]."], "answer": ["b"], "candidates": [None]}, ("A [MASK].", "b")),
        ("question", {"question": ["Who?"], "answer": ["I"], "candidates": [["I", "he"]]}, ("Who?", "I")),
        ("boolq", {"question": ["Is it?"], "passage": ["p"], "label": [1]}, ("Is it?", "yes")),
        ("boolq", {"question": ["Is it?"], "passage": ["p"], "label": [0]}, ("Is it?", "no")),
        ("piqa", {"goal": ["cut"], "sol1": ["knife"], "sol2": ["spoon"], "label": [0]}, ("cut", "knife")),
        ("piqa", {"goal": ["cut"], "sol1": ["knife"], "sol2": ["spoon"], "label": [1]}, ("cut", "spoon")),
        ("winogrande", {"sentence": ["_ fell"], "option1": ["he"], "option2": ["she"], "answer": ["2"]},
         ("_ fell", "she")),
        ("arc", {"question": ["Hot?"], **CHOICES}, ("Hot?", "fire")),
        ("hellaswag", {"activity_label": ["L"], "ctx_a": ["He"], "endings": [["a", "b"]], "label": [0]}, ("He", "a")),
        ("triviaqa", {"question": ["Who?"], "answers": [["Bo", "Bob"]]}, ("Who?", "Bo")),
        ("lambada", {"text": ["one two" * 90]}, (("one two" * 90)[:300], "two")),
        ("text", {"text": ["one two"]}, ("one two", "")),
    ],
)  # fmt: skip
def test_an_example_is_the_first_fact_and_its_answer(tmp_path, kind, columns, expected):
    path = fake_results.write_benchmark(Path(tmp_path, "b.parquet"), "b", kind, {"id": ["1"], **columns})
    assert paper_tables.example(path) == expected
