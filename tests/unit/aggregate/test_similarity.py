"""The table of similarity, by hand, and that it stands beside the averages and in none."""

import math

import pandas as pd
import pyarrow as pa
import pytest
from helpers import fake_results

from knowcost.aggregate import tables
from knowcost.aggregate.job import aggregate
from knowcost.aggregate.similarity import similarity
from knowcost.common import parquet, paths, seal
from knowcost.common.errors import InputError
from knowcost.score import STAGE_VERSION
from knowcost.score.cells import weights_of
from knowcost.score.rows import LAYERS


def layers(*values):
    """Rows of a scores file: for each window (attention, activation) of each layer."""
    return [
        {"id": str(window), "layer": layer, "tokens": 8, "attention": attention, "activation": activation}
        for window, each in enumerate(values)
        for layer, (attention, activation) in enumerate(each, 1)
    ]


def cell(slug, *values):
    about = {"family": "decoder", "model": "m", "variant": slug, "benchmark": "near", "limit": None, "dropped": ""}
    return about | {"rows": pd.DataFrame(layers(*values))}


def test_a_row_per_layer_by_hand():
    windows = [[(0.9, 0.8), (0.5, 1.0)], [(0.7, 0.6), (0.5, math.nan)]]
    frame = similarity([cell("int8@overall", *windows), cell("dense", [(1, 1), (1, 1)])])
    assert frame["variant"].to_list() == ["dense", "dense", "int8@overall", "int8@overall"]
    assert frame["layer"].to_list() == [1, 2, 1, 2] and frame["n"].to_list() == [1, 1, 2, 2]
    first, second = frame.to_dict("records")[2:]
    assert (first["attention_cosine"], first["activation_cosine"]) == (pytest.approx(0.8), pytest.approx(0.7))
    assert first["attention_sd"] == first["activation_sd"] == pytest.approx(math.sqrt(2 * 0.1**2))  # n - 1 = 1
    assert (second["attention_cosine"], second["attention_sd"]) == (0.5, 0)
    assert math.isnan(second["activation_cosine"])  # one window gave no number
    assert frame["attention_sd"].isna().to_list() == [True, True, False, False]


def run_with_similarity(folder, dense=None):
    """Inputs of aggregate: a small run and a cell of similarity of each variant, held against these dense weights."""
    cells, manifests, files = fake_results.make(folder, {"m": "decoder"}, facts=10, levels=(20,))
    nothing = {"id": ["0"], "relation": [None], "text": ["a b c"]}
    files.append(fake_results.write_benchmark(folder / paths.benchmark("near"), "near", "similarity", nothing))
    dense = dense or weights_of(seal.read_json(folder / paths.manifest("m", "dense")))
    for slug in ("dense", "int8@overall"):
        path = folder / paths.scores("m", slug, "near")
        rows = pa.Table.from_pylist(layers([(0.9, 0.8), (0.7, 0.6)]), schema=LAYERS)
        about = {"model": "m", "variant": slug, "benchmark": "near", "kind": "similarity", "asked": 2, "dense": dense}
        about |= {"version": STAGE_VERSION, "dropped": {}, "limit": 1, "batch_plan": "one by one"}
        parquet.write(path, rows, about | fake_results.asked_of(path))
        cells.append(path)
    return cells, manifests, files


def test_it_has_a_table_and_is_in_no_average(tmp_path):
    aggregate(*run_with_similarity(tmp_path), tmp_path / "tables", fake_results.SETTINGS)
    made = tables.read(tmp_path / "tables")
    assert made["similarity"]["attention_cosine"].to_list() == [0.9, 0.7] * 2
    named = [name for name, frame in made.items() if (frame == "near").to_numpy().any()]
    assert named == ["benchmarks", "how_asked", "similarity"]


def test_a_cell_that_was_held_against_another_dense_model_is_refused(tmp_path):
    inputs = run_with_similarity(tmp_path, dense="0" * 64)
    with pytest.raises(InputError, match=r"near.parquet: was not asked of what .*dense/manifest.json says"):
        aggregate(*inputs, tmp_path / "tables", fake_results.SETTINGS)
