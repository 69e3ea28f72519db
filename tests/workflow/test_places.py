"""Folders with odd names, a home folder that cannot be written, a locale of C: where the fixtures' project was run."""

import json
import tempfile

from helpers.workflow import jobs, snakemake

from knowcost.benchmarks import prepared
from knowcost.score.engines import lm_eval_tasks


def test_a_run_at_an_odd_place_is_a_run_like_any_other(finished):
    report = (finished.folder / "results/report.html").read_text(encoding="utf-8")
    assert "<h1>Größe der Modelle</h1>" in report
    logs = [path.read_text(encoding="utf-8") for path in (finished.folder / "logs").rglob("*.log")]
    assert len(logs) > 5 and not any("/proc/nothing" in text or "Traceback" in text for text in logs)


def test_another_folder_for_the_run(finished, root, tmp_path):
    elsewhere = tmp_path / "runs (ü) of mine"
    elsewhere.mkdir()
    for name in ("models.tsv", "benchmarks.tsv", "config.yaml", "first.jsonl"):
        (elsewhere / name).write_bytes((finished.folder / name).read_bytes())
    (elsewhere / "checkpoints").symlink_to(finished.folder / "checkpoints")
    options = ["-s", root / "Snakefile", "--directory", elsewhere, "--configfile", elsewhere / "config.yaml"]
    planned = jobs(snakemake(tmp_path, "-n", "--quiet", "reason", *options))
    assert planned["fetch_model"] == planned["report"] == 1


def test_a_folder_with_a_configuration_is_a_study_of_its_own(project, root):
    """A finished project, run again by the repository's workflow: its start says that nothing is to be asked, where the
    page is, and what another study would take away."""
    (project.folder / "config").rename(project.folder / "before")
    (project.folder / "config").mkdir()
    (project.folder / "config.yaml").rename(project.folder / "config/config.yaml")
    plain = ["-s", root / "Snakefile", "--directory", project.folder, "-n"]
    run = snakemake(root, *plain)
    assert (
        "knowcost: config/config.yaml; models models.tsv (1), benchmarks benchmarks.tsv (1), 6 variants, no limit; "
        "6 cells: all kept. Page of the last run: results/report.html"
    ) in run.stderr.splitlines()
    assert jobs(run) == {}
    run = snakemake(root, *plain, "--quiet", "all", "--config", "limit=7")
    assert "limit 7; 6 cells: 1 to be asked (7 facts), 5 kept" in run.stderr  # int8 with a scale per batch
    assert "more facts (no limit, this one: limit 7). A run to the end replaces it" in run.stderr
    run = snakemake(root, *plain, "--config", "models=config/models.tsv", check=False)
    assert f"no table 'config/models.tsv' in {project.folder}" in run.stdout + run.stderr


def test_results_that_are_no_folder_start_no_job(project):
    (project.folder / "results").rename(project.folder / "before")
    (project.folder / "results").touch()
    run = project.snakemake("-n", check=False)
    assert run.returncode != 0 and "results: a file; expected a folder" in run.stderr + run.stdout


def test_a_task_of_the_harness(finished, tmp_path, monkeypatch):
    folder = tmp_path / finished.folder.name
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    fact = {"question": "a city", "support": "", "distractor1": "b", "distractor2": "c", "distractor3": "d"}
    (folder / "sciq.jsonl").write_text(json.dumps({**fact, "correct_answer": "Größe"}), encoding="utf-8")
    prepared.prepare({"name": "sciq", "format": "sciq"}, folder / "sciq.jsonl", folder / "sciq.parquet")
    _, task, _ = lm_eval_tasks.task(str(folder / "sciq.parquet"), "")
    assert [task.doc_to_choice(doc)[task.doc_to_target(doc)] for doc in task.validation_docs()] == ["Größe"]
