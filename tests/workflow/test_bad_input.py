"""Bad input is a clear message, and no job starts or no result is kept."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.workflow import jobs
from safetensors.numpy import load_file, save_file


def refused(project, *expected):
    """No job is planned, and the message says all of this."""
    run = project.snakemake("-n", check=False)
    text = run.stdout + run.stderr
    assert run.returncode != 0
    assert "Job stats" not in text
    for part in expected:
        assert part in text, text[-2000:]
    return run


def fails(project, *expected):
    """The run fails with this message, and leaves no report."""
    (project.folder / "results/report.html").unlink(missing_ok=True)
    run = project.snakemake("--keep-going", check=False)
    text = run.stdout + run.stderr
    assert run.returncode != 0
    assert not (project.folder / "results/report.html").exists()
    for part in expected:
        assert part in text, text[-3000:]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.update(modles="x"), ["'modles' was unexpected", "known keys here", "models"]),
        (lambda c: c["study"]["experiments"][0].update(steps=["magic"]), ["no method 'magic'", "known: magnitude"]),
    ],
)
def test_a_wrong_key_or_value_starts_no_job(project, change, expected):
    project.write_config(change)
    refused(project, *expected)


def test_a_wrong_row_starts_no_job(project):
    project.add_row("models.tsv", "two", "decodr", "./x")
    refused(project, "row 'two'", "'decodr' is not one of")


def test_a_level_that_a_local_model_cannot_hold_starts_no_job(project):
    experiment = {"name": "x", "steps": ["wanda"], "scopes": ["overall"], "levels": ["5of10"]}
    project.write_config(lambda config: config["study"]["experiments"].append(experiment))
    refused(project, "models.tsv: row 'one': wanda-5of10@overall: ", "bert.encoder.layer.0")


def test_what_tables_say_does_not_act_on_the_terminal(project):
    project.add_row("models.tsv", "two", "decoder\x1b[2J", "./x")
    assert "\x1b" not in refused(project, r"decoder\x1b[2J").stderr


def second_model(project):
    project.add_row("models.tsv", "two", "encoder", "./checkpoints/distilbert")
    return project.folder / "checkpoints/distilbert"


def test_a_broken_model_is_named_and_stops_no_other(project):
    folder = second_model(project)
    shutil.copytree(folder, project.folder / "checkpoints/sound")
    project.add_row("models.tsv", "three", "encoder", "./checkpoints/sound")
    project.add_row("models.tsv", "four", "encoder", "./nowhere")
    (folder / "config.json").write_text('{"model_type": "distil')
    fetched = [f"resources/models/{name}/source.json" for name in ("two", "three", "four")]
    wrong = ["checkpoints/distilbert/config.json: not JSON", "there is no folder nowhere"]
    planned = project.snakemake("-n", *fetched)
    assert jobs(planned) == {"fetch_model": 3}
    for row, problem in zip(("two", "four"), wrong, strict=True):
        assert f"models.tsv: row '{row}': {problem}" in planned.stderr
    run = project.snakemake("--keep-going", *fetched, check=False)
    assert run.returncode != 0
    assert [(project.folder / path).exists() for path in fetched] == [False, True, False]
    for name, problem in zip(("two", "four"), wrong, strict=True):
        assert problem in (project.folder / f"logs/fetch/model-{name}.log").read_text()


def test_unlocking_needs_no_sound_configuration(project):
    locks = project.folder / ".snakemake/locks"
    locks.mkdir()
    (locks / "0.input.lock").write_text("results/one/thresholds.json\n")
    (project.folder / "checkpoints/bert/config.json").write_text("{")
    (project.folder / "resources/models/one/source.json").write_text("")
    project.write_config(lambda config: config.update(models="nowhere.tsv", modles="x", score=None))
    project.snakemake("--unlock")
    assert not locks.exists()


def test_weights_with_nan_and_a_benchmark_row_without_its_mask(project):
    """One of each kind that only a job sees; the others are in tests/unit/fetch and tests/unit/benchmarks."""
    path = second_model(project) / "model.safetensors"
    tensors = dict(load_file(path))
    name = next(name for name in tensors if "q_lin.weight" in name)
    tensors[name] = tensors[name].copy()
    tensors[name][0, 0] = np.nan
    save_file(tensors, path, metadata={"format": "pt"})
    (project.folder / "bad.jsonl").write_text('{"id": "1", "cloze": "w1 w2 w3", "answer": "w3"}\n')
    project.add_row("benchmarks.tsv", "bad", "cloze", "bad.jsonl", "encoder")
    fails(project, name, "bad.jsonl:1", "[MASK]")
    for left in ("models/two/source.json", "benchmarks/bad.parquet"):
        assert not (project.folder / "resources" / left).exists()


def test_an_answer_that_is_not_one_token_is_dropped_counted_and_logged(project):
    rows = [
        '{"id": "1", "cloze": "w7 w1 [MASK]", "answer": "w3"}',
        '{"id": "2", "cloze": "w7 [MASK]", "answer": "w3 w4"}',
    ]
    (project.folder / "some.jsonl").write_text("\n".join(rows) + "\n")
    project.add_row("benchmarks.tsv", "some", "cloze", "some.jsonl", "encoder")
    cell = "results/one/dense/scores/some.parquet"
    project.snakemake(cell)
    table = pq.read_table(project.folder / cell)
    assert table["id"].to_pylist() == ["1"]
    assert b'"answer_not_one_token": 1' in table.schema.metadata[b"knowcost"]
    assert "answer_not_one_token" in (project.folder / "logs/score/one-float-1.log").read_text()
