"""The demo in small, to the end: a world of 100 facts, three families, every kind of experiment."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers.copies import ROOT, copy_workflow
from helpers.flips import check_flips, handed_on, run_of

LEVELS = [40, 80]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """(folder, standard output) of a run of the demo's preset, fewer levels and people."""
    folder = tmp_path_factory.mktemp("demo")
    copy_workflow(folder)
    preset = yaml.safe_load((ROOT / "config/presets/demo.yaml").read_text())
    for experiment in preset["study"]["experiments"]:
        experiment["scopes"] = [s for s in experiment["scopes"] if s in ("attention", "overall", "final")]
        if "levels" in experiment:
            fewer = {
                "prune": LEVELS,
                "prune_with_data": ["2of4"],
                "few_bits": ["4bit"],
                "few_bits_without_data": ["4bit"],
            }
            experiment["levels"] = fewer.get(experiment["name"], [40])
    preset["world"] = {"people": 20, "seed": 1}
    preset["score"]["variants_per_job"] = 40  # every job imports torch and the harness anew
    (folder / "small.yaml").write_text(yaml.safe_dump(preset))
    run(folder, "--configfile", "small.yaml", "--cores", "2", "--quiet", "rules", "host")
    return folder


def run(folder, *options):
    environment = os.environ | {"PYTHONPATH": str(folder), "HF_HUB_OFFLINE": "1"}
    snakemake = str(Path(sys.executable).with_name("snakemake"))
    done = subprocess.run(
        [snakemake, *options], cwd=folder, env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


def scores(folder):
    with open(folder / "results/tables/scores.csv", newline="") as f:
        return list(csv.DictReader(f))


def test_every_cell_has_a_row_and_dense_models_know_their_world(demo):
    rows = scores(demo)
    # dense, 2 scopes x 2 levels, int8 x 2, prune + int8 x 2, final x 2, four methods of a torch kind; three benchmarks
    # for the encoder, four for the encoder-decoder, five for the decoder, those of the last two also asked with the 2
    # final layers lost; lines have a table of their own
    assert len(rows) == (1 + 4 + 2 + 2 + 2 + 4) * (3 + 4 + 5) + 2 * (4 + 5)
    assert all(float(row["accuracy"]) >= 0.9 for row in rows if row["variant"] == "dense")


def test_all_families_are_asked_the_same_ranked_facts_and_know_them_unprompted_too(demo):
    dense = [row for row in scores(demo) if row["benchmark"] == "world-ranked" and row["variant"] == "dense"]
    assert len(dense) == 3 and {row["n"] for row in dense} == {"20"}
    assert all(float(row["unprompted"]) >= 0.9 for row in dense)


def test_pruning_most_of_a_model_costs_it_most_of_what_it_knew(demo):
    cloze = {row["variant"]: float(row["accuracy"]) for row in scores(demo) if row["benchmark"] == "world-cloze"}
    assert cloze["magnitude-80@overall"] < cloze["magnitude-40@overall"] - 0.2
    assert cloze["int8@attention"] > 0.9


def test_the_report_is_one_page_that_needs_nothing_else(demo):
    page = (demo / "results/report.html").read_text()
    assert all(name in page for name in ("world-bert", "world-t5", "world-llama", "magnitude"))
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert "The papers' findings" in page and "Matching" in page
    figures = list((demo / "results/figures").glob("*.svg"))
    assert "perplexity_decoder" in {figure.stem for figure in figures}
    assert len(figures) >= 9
    assert all(figure.with_suffix(".png").stat().st_size > 5000 for figure in figures)


def test_nothing_is_left_to_do_and_nothing_half_written_lies_about(demo):
    text = run(demo, "--configfile", "small.yaml", "--cores", "2", "-n")
    assert "Nothing to be done" in text
    assert not list(demo.glob("results/**/*.tmp"))


def test_a_flipped_bit_in_any_of_fifty_files_is_named(demo):
    found = handed_on(demo)
    assert {path.suffix for path in found} >= {".arrow", ".csv", ".html", ".jsonl", ".parquet", ".png", ".svg"}
    check_flips(demo, run_of(demo, yaml.safe_load((demo / "small.yaml").read_text())), count=50)
