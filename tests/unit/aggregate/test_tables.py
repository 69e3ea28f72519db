"""Columns of the tables, and their files."""

import csv

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from knowcost.aggregate import tables
from knowcost.common.errors import InputError


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


def test_a_table_of_variants_says_what_the_study_calls_their_experiments(tmp_path):
    rows = [("encoder", "dense", "dense", 1.0), ("encoder", "a@x", "prune", 2.0), ("decoder", "a@x", "prune", 3.0)]
    frame = pd.DataFrame(rows, columns=["family", "variant", "experiment", "drop_points"])
    found = tables.with_experiments(frame, {"encoder": {"a@x": "mine, yours"}})
    assert list(found.columns) == ["family", "variant", "experiment", "study_experiments", "drop_points"]
    assert list(found["study_experiments"]) == ["", "mine, yours", ""]
    pairs = frame[["family", "experiment"]]
    assert tables.with_experiments(pairs, {}) is pairs
    tables.write(found.head(0), tmp_path, "one")
    assert pq.read_schema(tmp_path / "one.parquet").field("study_experiments").type == pa.string()


def test_csv_text_is_fixed_and_parquet_reads_back_exactly(tmp_path):
    columns = {"model": ["NA", "b"], "n": [3, None], "accuracy": [0.5, None], "drop_points": [-0.0001, 2.5]}
    tables.write(pd.DataFrame(columns | {"border": [None, "40%"]}), tmp_path, "one")
    text = "model,n,accuracy,drop_points,border\nNA,3,0.500000,0.000,\nb,,,2.500,40%\n"
    assert (tmp_path / "one.csv").read_text() == text
    tables.finish(tmp_path, {})
    found = tables.read(tmp_path)["one"]
    assert found["model"].tolist() == ["NA", "b"]
    assert found["n"].tolist()[0] == 3
    assert found["accuracy"].isna().tolist() == [False, True]
    assert found["drop_points"].tolist() == [-0.0001, 2.5]
    assert found["border"].tolist() == ["", "40%"]


def test_texts_that_a_spreadsheet_would_compute_are_defused_for_people_only(tmp_path):
    texts = ['=HYPERLINK("http://x")', "-1", "\x1b[2J"]
    tables.write(pd.DataFrame({"example": texts, "drop_points": [-1.0, 2.0, None]}), tmp_path, "one")
    with open(tmp_path / "one.csv", newline="", encoding="utf-8") as f:
        assert list(csv.reader(f))[1:] == [
            ["'=HYPERLINK(\"http://x\")", "-1.000"], ["'-1", "2.000"], [r"\x1b[2J", ""],
        ]  # fmt: skip
    tables.finish(tmp_path, {})
    assert tables.read(tmp_path)["one"]["example"].tolist() == texts


def test_parquet_has_real_types_whatever_the_table_holds(tmp_path):
    """The same for a full table, one with gaps, one of a single empty column each and one without rows."""
    full = pd.DataFrame({"model": ["a"], "n": [3], "level": [40], "made_up": [1.5]})
    cases = {
        "full": full, "gaps": pd.concat([full, pd.DataFrame({"model": ["b"]})]), "none": full.iloc[:0],
        "empty": pd.DataFrame({"model": [None], "n": [None], "level": [None], "made_up": [np.nan]}),
    }  # fmt: skip
    for name, frame in cases.items():
        tables.write(frame, tmp_path, name)
        schema = pq.read_schema(tmp_path / f"{name}.parquet")
        assert [str(field.type) for field in schema] == ["string", "int64", "double", "double"], name
        assert b"pandas" not in schema.metadata  # whose version would be in it
    with pytest.raises((TypeError, ValueError)):
        tables.write(full.assign(n=2.5), tmp_path, "wrong")


def test_a_level_keeps_its_fraction(tmp_path):
    """3 of 8 are kept, so 5 / 8 = 62.5% go; 1 of 3, so two thirds; a whole percentage stays whole."""
    slugs = ["dense", "magnitude-40@overall", "wanda-3of8@overall", "wanda-1of3@overall"]
    tables.write(pd.DataFrame([tables.describe(slug) for slug in slugs]), tmp_path, "one")
    with open(tmp_path / "one.csv", newline="") as f:
        assert [row["level"] for row in csv.DictReader(f)] == ["", "40", "62.5", "66.6667"]
    tables.finish(tmp_path, {})
    assert tables.read(tmp_path)["one"]["level"].tolist()[1:] == [40, 62.5, pytest.approx(200 / 3)]


def test_tables_of_another_version_are_refused(tmp_path):
    """Theirs have other columns: `knowcost answer` would end in a KeyError."""
    pq.write_table(pa.table({"variant": ["dense"]}), tmp_path / "drops.parquet")
    tables.finish(tmp_path, {})
    with pytest.raises(InputError, match=r"drops.parquet: made by another version .* run `snakemake -R tables`"):
        tables.read(tmp_path)


def test_text_that_is_missing_throughout_is_no_number(tmp_path):
    """As of a study of dense models alone: no claim has a contrast, and nothing is small enough."""
    tables.write(pd.DataFrame({"claim": ["a"], "contrast": [np.nan], "estimate": [None]}), tmp_path, "claims")
    tables.write(pd.DataFrame([], columns=["variant", "level", "n"]), tmp_path, "nothing")
    tables.finish(tmp_path, {})
    read = tables.read(tmp_path)
    assert read["claims"]["contrast"].tolist() == [""] and read["claims"]["estimate"].isna().all()
    assert [str(field.type) for field in pq.read_schema(tmp_path / "nothing.parquet")] == ["string", "double", "int64"]
    with pytest.raises(ValueError, match="parse string"):
        tables.write(pd.DataFrame({"colour": ["red"]}), tmp_path, "undeclared")
