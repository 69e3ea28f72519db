"""Bad input is a clear message, and no job starts or no result is kept."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file


def refused(project, *expected):
    """No job is planned, and the message says all of this."""
    run = project.snakemake("-n", check=False)
    text = run.stdout + run.stderr
    assert run.returncode != 0
    assert "Job stats" not in text
    for part in expected:
        assert part in text, text[-2000:]


def fails(project, *expected):
    """The run fails with this message, and leaves no report."""
    (project.folder / "results/report.html").unlink(missing_ok=True)
    run = project.snakemake(check=False)
    text = run.stdout + run.stderr
    assert run.returncode != 0
    assert not (project.folder / "results/report.html").exists()
    for part in expected:
        assert part in text, text[-3000:]


def experiment(key, value):
    return lambda config: config["study"]["experiments"][0].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.update(modles="x"), ["'modles' was unexpected", "known keys here", "models"]),
        (lambda c: c["study"].update(gruopings=[]), ["study", "'gruopings' was unexpected"]),
        (experiment("levels", [0]), ["0 is less than the minimum of 1"]),
        (experiment("levels", [100]), ["100 is greater than the maximum of 99"]),
        (experiment("steps", ["magic"]), ["no method 'magic'", "known: magnitude"]),
        (experiment("scopes", ["atention"]), ["no scope 'atention'", "known: attention"]),
        (experiment("steps", ["int8"]), ["none of int8 takes `levels`"]),
        (experiment("levels", ["2of4"]), ["'prune': magnitude needs a level from 1 to 99 (percent), not 2of4"]),
        (experiment("levels", ["4 bit"]), ["'4 bit' does not match"]),
        (experiment("steps", ["wanda", "gptq"]), ["'prune': gptq needs a level like 4bit", "not 20"]),
        (lambda c: c.update(calibration={"length": 1}), ["calibration.length: 1 is less than the minimum of 2"]),
        (lambda c: c.update(other_calibrations={"b": {"sead": 1}}), ["other_calibrations.b", "'sead' was unexpected"]),
        (lambda c: c.update(other_calibrations={"c4": {"seed": 1}}), ["'c4' is already the name of the main ones"]),
        (experiment("calibrations", ["c4"]), ["'prune': none of magnitude looks at data; remove `calibrations`"]),
        (
            lambda c: c["study"]["experiments"][0].update(steps=["wanda"], calibrations=["b"]),
            ["'prune': no calibration data 'b'; known: c4"],
        ),
        (lambda c: c.update(compress={"device": "tpu"}), ["compress.device: 'tpu' does not match"]),
        (lambda c: c.update(models="nowhere.tsv"), ["no table 'nowhere.tsv'"]),
        (lambda c: c["study"].update(tolerance=1), ["study.tolerance: 1 is greater than or equal to the maximum of 1"]),
        (lambda c: c.update(limit=0), ["limit: 0 is less than the minimum of 1"]),
        (lambda c: c.update(archive="zip"), ["archive: 'zip' is not one of ['full', 'changed', 'recipe']"]),
        (lambda c: c.update(shard_size="5 gigabytes"), ["shard_size: '5 gigabytes' does not match"]),
    ],
)
def test_a_wrong_key_or_value_starts_no_job(project, change, expected):
    project.write_config(change)
    refused(project, *expected)


@pytest.mark.parametrize(
    ("table", "cells", "expected"),
    [
        ("models.tsv", ("two", "decodr", "./x"), ["row 'two'", "'decodr' is not one of"]),
        ("models.tsv", ("one", "encoder", "./x"), ["two rows are named 'one'"]),
        ("models.tsv", ("two", "decoder", "./checkpoints/bert"), ["no benchmark asks models of family 'decoder'"]),
        (
            "benchmarks.tsv",
            ("b", "lines", "x", "encoder"),
            ["family 'encoder' cannot be asked 'lines'", "may hold decoder"],
        ),
        ("benchmarks.tsv", ("b", "arc", "x", "encoder"), ["may hold encoder_decoder, decoder"]),
        ("benchmarks.tsv", ("b", "lama_trx", "x", "encoder"), ["no format 'lama_trx'", "lama_trex"]),
    ],
)
def test_a_wrong_row_starts_no_job(project, table, cells, expected):
    project.add_row(table, *cells)
    refused(project, *expected)


def test_a_family_that_contradicts_the_architecture_starts_no_job(project):
    project.add_row("models.tsv", "two", "decoder", "./checkpoints/bert")
    project.add_row("benchmarks.tsv", "b", "boolq", "first.jsonl", "decoder")
    refused(project, "model 'two': family is 'decoder', but 'bert'", "is 'encoder'")


@pytest.mark.parametrize(
    ("step", "level", "expected"),
    [
        ("wanda", "5of10", "model 'one': wanda-5of10@overall: "),
        ("rtn", "4bit-g64", "do not divide into groups of 64; take a divisor"),
    ],
)
def test_a_level_that_a_local_model_cannot_hold_starts_no_job(project, step, level, expected):
    experiment = {"name": "x", "steps": [step], "scopes": ["overall"], "levels": [level]}
    project.write_config(lambda config: config["study"]["experiments"].append(experiment))
    refused(project, expected, "bert.encoder.layer.0")


def second_model(project):
    project.add_row("models.tsv", "two", "encoder", "./checkpoints/distilbert")
    return project.folder / "checkpoints/distilbert"


def test_a_missing_tokenizer(project):
    folder = second_model(project)
    (folder / "tokenizer.json").unlink()
    fails(project, "tokenizer")
    assert not (project.folder / "resources/models/two/source.json").exists()


def test_weights_with_nan(project):
    path = second_model(project) / "model.safetensors"
    tensors = dict(load_file(path))
    name = next(name for name in tensors if "q_lin.weight" in name)
    tensors[name] = tensors[name].copy()
    tensors[name][0, 0] = np.nan
    save_file(tensors, path, metadata={"format": "pt"})
    fails(project, name)


def test_a_truncated_shard(project):
    path = second_model(project) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    fails(project, "model.safetensors", "bytes")


@pytest.mark.parametrize("cloze", ["w1 w2 w3", "[MASK] w1 [MASK]"])
def test_a_benchmark_row_without_its_mask_or_with_two(project, cloze):
    (project.folder / "bad.jsonl").write_text(f'{{"id": "1", "cloze": "{cloze}", "answer": "w3"}}\n')
    project.add_row("benchmarks.tsv", "bad", "cloze", "bad.jsonl", "encoder")
    fails(project, "bad.jsonl:1", "[MASK]")
    assert not (project.folder / "resources/benchmarks/bad.parquet").exists()


def test_an_answer_that_is_not_one_token_is_dropped_counted_and_logged(project):
    rows = [
        '{"id": "1", "cloze": "w7 w1 [MASK]", "answer": "w3"}',
        '{"id": "2", "cloze": "w7 [MASK]", "answer": "w3 w4"}',
    ]
    (project.folder / "some.jsonl").write_text("\n".join(rows) + "\n")
    project.add_row("benchmarks.tsv", "some", "cloze", "some.jsonl", "encoder")
    project.snakemake()
    import pyarrow.parquet as pq

    table = pq.read_table(project.folder / "results/one/dense/scores/some.parquet")
    assert table["id"].to_pylist() == ["1"]
    assert b'"answer_not_one_token": 1' in table.schema.metadata[b"knowcost"]
    assert "answer_not_one_token" in (project.folder / "logs/score/one-01.log").read_text()
