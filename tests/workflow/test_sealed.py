"""Nothing that one stage hands to another is believed once it is another: what `verify` names, and what jobs refuse."""

import shutil
from pathlib import Path

import pytest
import yaml
from helpers.flips import check_flips, handed_on, named, run_of

from knowcost.common import files, parquet, paths, seal
from knowcost.judge import kept
from knowcost.judge.request import Reply, Request
from knowcost.judge.rubric import load
from knowcost.report.verify import verify

FLIPS = 25  # of this small project; tests/e2e takes fifty of a finished demo


@pytest.fixture
def run(project, monkeypatch):
    """What the plan of a finished project says there is; the tests stand in its folder."""
    monkeypatch.chdir(project.folder)
    return run_of(project.folder, yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8")))


def test_any_bit_flipped_in_any_file_is_named(project, run):
    kept.write(load("mt_bench_pair"), Request("gpt", (("user", "Größe?"),), 0, 10), [Reply("[[A]]", "gpt", 3, 1)])
    kinds = {path.suffix for path in handed_on(project.folder)}
    assert kinds >= {".parquet", ".csv", ".json", ".safetensors", ".html", ".sha256", ""}
    check_flips(project.folder, run, FLIPS)


def test_a_file_that_nobody_listed_is_named(project, run):
    for name in (
        "results/one/dense/int8.model.safetensors",
        "results/one/dense/special_tokens_map.json",
        "resources/models/one/model.safetensors.index.json",
        "results/tables/old.parquet",
        "results/figures/old.svg",
        "results/explore/9.gz",
        "results/report.facts/9-0123456789ab.js",
    ):
        (project.folder / name).write_text("{}")
        assert f"{name}: is not in " in named(run)
        (project.folder / name).unlink()
    verify(run)


def test_archives_swapped_with_their_seals_are_named(project, run):
    folders = [project.folder / paths.archive_dir("one", slug) for slug in ("dense", "magnitude-40@overall")]
    folders[0].rename(project.folder / "third")
    folders[1].rename(folders[0])
    (project.folder / "third").rename(folders[1])
    said = named(run)
    assert "dense/manifest.json: is of one magnitude-40@overall, but this is the place of one dense" in said
    assert "dense/scores/first.parquet: says it is of one, magnitude-40@overall, first" in said


def test_other_weights_with_seals_of_their_own_are_named(project, run):
    """Somebody made the base anew elsewhere and copied it here: whole, sealed, and not what the archives are of."""
    path = project.folder / paths.model_source("one")
    source = seal.read_json(path)
    copied = path.with_name("config.json")
    copied.write_text(copied.read_text() + " ")
    source["files"]["config.json"] = {"sha256": files.sha256(copied), "size": copied.stat().st_size}
    seal.write_json(path, source)
    said = named(run)
    assert "thresholds.json was taken from other weights than resources/models/one" in said
    for _, variant in run.archives:
        assert f"results/one/{variant}/manifest.json was made from other weights" in said


def test_tables_of_other_cells_and_figures_of_other_tables_are_named(project, run):
    cell = paths.scores("one", "dense", "first")
    rows, about = parquet.read(cell)
    parquet.write(cell, rows.slice(1), about | {"asked": len(rows) - 1})
    assert f"results/tables was made from another {cell}" in named(run)
    shutil.copytree(project.folder / paths.TABLES, project.folder / "before")
    (project.folder / paths.TABLES / "scores.csv").write_text("by hand")
    seal.seal_folder(paths.TABLES)
    assert "results/figures was drawn from other tables" in named(run)
    assert "results/explore was made beside other tables" in named(run)


def test_what_was_not_made_yet_is_no_damage(project, run, caplog):
    shutil.rmtree(project.folder / paths.FIGURES)
    (project.folder / paths.REPORT).unlink()
    shutil.rmtree(project.folder / paths.archive_dir("one", "int8@overall"))
    verify(run)


def test_a_job_names_another_variants_archive_before_it_asks(project):
    folder = project.folder
    shutil.rmtree(folder / paths.archive_dir("one", "dense"))
    shutil.copytree(folder / paths.archive_dir("one", "int8@overall"), folder / paths.archive_dir("one", "dense"))
    run = project.snakemake("--forcerun", "score_one-float-0", "score_one-float-1", "-R", "tables", check=False)
    said = run.stdout + run.stderr
    assert run.returncode and "is of one int8@overall, but this is the place of one dense" in said


def test_a_models_folder_in_anothers_place_is_named(project, run):
    """Its source.json and all that this lists is whole, and sealed."""
    (project.folder / paths.model_dir("one")).rename(project.folder / "resources/models/two")
    shutil.copytree(project.folder / "resources/models/two", paths.model_dir("one"), symlinks=True)
    path = project.folder / paths.model_source("one")
    seal.write_json(path, seal.read_json(path) | {"name": "two"})
    assert f"{paths.model_source('one')}: is of 'two', but this is the place of 'one'" in named(run)


def test_a_page_of_other_tables_is_named_and_an_export_in_anothers_place(project, run):
    page = Path(paths.REPORT)
    page.write_text(page.read_text().replace(seal.check_folder(paths.TABLES), 64 * "0"))
    seal.seal(page)
    for slug, at in (("dense", "int8@overall"), ("int8@overall", "int8@overall")):
        exported = Path(paths.export("one", at)).parent
        shutil.copytree(paths.archive_dir("one", slug), exported, ignore=shutil.ignore_patterns("scores", ".*"))
        said = named(run)
        assert ("/int8@overall/manifest.json: is of one dense, but this is the place of" in said) == (slug == "dense")
        assert "results/report.html was written from other tables; delete it and run again" in said
        assert "results/report.facts is of another page or other facts; delete results/report.html" in said
        shutil.rmtree("exports")


def test_what_verify_says_to_delete_is_made_again(project):
    """Each of these is nothing that the page waits for, once that is there."""
    for path in (paths.TABLES, paths.EXPLORE, paths.FIGURES, paths.REPORT_FACTS):
        shutil.rmtree(project.folder / path)
    (project.folder / paths.benchmark("first")).unlink()
    (project.folder / paths.model_source("one")).unlink()
    assert {"tables", "explore", "figures", "report", "fetch_benchmark", "fetch_model"} <= project.planned().keys()


def test_files_sealed_by_hand_are_named_one_by_one(project, run):
    """As somebody does who brings results of an older version here."""
    made = [paths.thresholds("one"), paths.manifest("one", "dense"), paths.model_source("one")]
    seal.write_json(made[0], [])
    seal.write_json(made[1], seal.read_json(made[1]) | {"archive": []})
    seal.write_json(made[2], seal.read_json(made[2]) | {"files": {"config.json": 1}})
    said = named(run)
    for path in made:
        assert f"{path}: sealed, but not as this version of knowcost writes it" in said
