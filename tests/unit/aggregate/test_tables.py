"""Columns of the tables, and their files."""

import subprocess
import sys

import pandas as pd
import pytest

from knowcost.aggregate import tables


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


def test_csv_text_is_fixed_and_reads_back(tmp_path):
    frame = pd.DataFrame({"model": ["NA", "b"], "n": [3, None], "accuracy": [0.5, None], "drop_points": [-0.0001, 2.5]})
    tables.write(frame, tmp_path / "one.csv")
    assert (tmp_path / "one.csv").read_bytes() == b"model,n,accuracy,drop_points\nNA,3,0.500000,0.000\nb,,,2.500\n"
    found = tables.read(tmp_path)["one"]
    assert found["model"].tolist() == ["NA", "b"]
    assert found["n"].tolist()[0] == 3
    assert found["accuracy"].isna().tolist() == [False, True]


def test_stages_are_light_at_import(root):
    code = (
        "import sys, knowcost.aggregate, knowcost.report; print({'pandas', 'matplotlib', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "set()"
