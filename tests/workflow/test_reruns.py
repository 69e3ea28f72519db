"""What runs again when something changes, and what does not."""

import json
import os
import re
import shutil
import time

import pyarrow.parquet as pq
import pytest
from helpers import tiny
from helpers.workflow import AGGREGATES, SCORES, jobs

BATCH_OF_DENSE = ["dense", "magnitude-40@attention", "magnitude-40@overall"]


def version_of(project, stage, version):
    path = project.folder / "knowcost" / stage
    text = path.read_text()
    changed = re.sub(r'STAGE_VERSION = ".*"', f'STAGE_VERSION = "{version}"', text)
    assert changed != text
    path.write_text(changed)


def test_a_finished_run_has_nothing_to_do_even_when_a_script_or_a_rule_is_touched(project):
    """Or a constant of what is predicted is mended."""
    machine = project.folder / "knowcost/plan/machine.py"
    machine.write_text(machine.read_text().replace("CPU_SPEED = 8e10", "CPU_SPEED = 8"))
    assert "CPU_SPEED = 8 " in machine.read_text()
    assert (project.folder / "results/report.html").stat().st_size > 1000
    now = time.time() + 5
    for path in [*project.folder.glob("workflow/scripts/*.py"), *project.folder.glob("workflow/rules/*.smk")]:
        os.utime(path, (now, now))
    assert project.planned() == {}


def test_raising_a_stage_version_reruns_that_stage_and_what_follows(project):
    version_of(project, "report/__init__.py", "next")
    assert project.planned() == {"report": 1}
    version_of(project, "draw/__init__.py", "next")
    assert project.planned() == {"figures": 1, "report": 1}  # a caption makes no table again
    version_of(project, "aggregate/__init__.py", "next")
    assert project.planned() == AGGREGATES
    version_of(project, "score/__init__.py", "next")
    assert project.planned() == SCORES | AGGREGATES
    version_of(project, "compress/__init__.py", "next")
    assert project.planned() == {"thresholds": 1, "compress_variant": 6} | SCORES | AGGREGATES


def test_another_name_of_an_experiment_makes_the_tables_anew_and_nothing_else(project):
    path = project.folder / "config.yaml"
    text = path.read_text()
    path.write_text(text.replace("name: prune", "name: cut", 1))
    assert path.read_text() != text
    assert project.planned() == AGGREGATES


def test_a_new_model_runs_its_own_cells_and_the_aggregates(project):
    project.add_row("models.tsv", "two", "encoder", "./checkpoints/distilbert")
    scores = {rule.replace("one", "two"): 1 for rule in SCORES}
    assert project.planned() == {"fetch_model": 1, "thresholds": 1, "compress_variant": 6} | scores | AGGREGATES


def test_a_version_that_was_compressed_elsewhere_runs_its_own_jobs_and_the_aggregates(project):
    rows = ["one\tencoder\t./checkpoints/bert\t", "two\tencoder\t./checkpoints/bert\tone"]
    (project.folder / "models.tsv").write_text("\n".join(["name\tfamily\tsource\tparent", *rows, ""]))
    assert project.planned() == {"fetch_model": 1, "bring": 1, "score_one-brought-two": 1} | AGGREGATES
    run = project.snakemake("results/one/brought-two/manifest.json")
    assert jobs(run) == {"fetch_model": 1, "bring": 1}
    assert "one brought-two: weights as floats, 32.00 bits per parameter" in run.stderr


def test_a_new_benchmark_compresses_nothing_and_asks_only_what_is_new(project):
    project.add_row("benchmarks.tsv", "second", "cloze", "second.jsonl", "encoder")
    before = (project.folder / "results/one/dense/scores/first.parquet").read_bytes()
    run = project.snakemake("--omit-from", "tables")
    assert jobs(run) == {"fetch_benchmark": 1} | SCORES
    assert len(re.findall(r"one \S+ second: ", run.stderr)) == 6
    assert not re.findall(r"one \S+ first: ", run.stderr)
    assert (project.folder / "results/one/dense/scores/first.parquet").read_bytes() == before
    assert project.planned() == AGGREGATES


def with_levels(*levels):
    return lambda config: config["study"]["experiments"][0].update(levels=list(levels))


@pytest.mark.parametrize(
    ("levels", "batches"),
    [((10, 20, 40), ("10", "11")), ((20, 40, 60), ("00", "01")), ((40, 20), ())],
    ids=["front", "end", "another order"],
)
def test_a_new_level_plans_only_the_batches_that_its_variants_fall_into(project, levels, batches):
    """Two variants are new, and would make one batch too large: it is halved, and the other two stay. (A level in the
    middle: below.)"""
    project.write_config(with_levels(*levels))
    scores = {f"score_one-float-{bits}": 1 for bits in batches}
    assert project.planned() == ({"compress_variant": 2} | scores | AGGREGATES if batches else {"report": 1})


def test_a_new_level_compresses_and_asks_only_its_variants(project):
    project.write_config(with_levels(20, 30, 40))
    run = project.snakemake("--omit-from", "tables")
    assert jobs(run) == {"compress_variant": 2, "score_one-float-00": 1, "score_one-float-01": 1}
    asked = re.findall(r"one (\S+) first: ", run.stderr)
    assert sorted(asked) == ["magnitude-30@attention", "magnitude-30@overall"]
    assert project.planned() == AGGREGATES


def test_what_changes_no_answer_asks_nothing_again(project):
    project.write_config(lambda config: config["score"].update(threads=2, device="cpu"))
    (project.folder / "models.tsv").write_text("name\tfamily\tsource\tnote\none\tencoder\t./checkpoints/bert\tmine\n")
    assert project.planned() == {"report": 1}  # which shows the configuration
    table = "name\tformat\tsource\tfamilies\tdomain\nfirst\tcloze\tfirst.jsonl\tencoder\tworld knowledge\n"
    (project.folder / "benchmarks.tsv").write_text(table)
    assert project.planned() == AGGREGATES
    project.write_config(lambda config: config["score"].update(tokens_per_batch=64))
    assert project.planned() == SCORES | AGGREGATES


def test_another_prompt_asks_again_those_whom_the_harness_asks(project):
    tiny.fetched("llama", project.folder / "checkpoints/llama")
    project.add_row("models.tsv", "two", "decoder", "./checkpoints/llama")
    rows = [{"id": str(i), "question": f"w{i}", "answer": "w1", "candidates": ["w1", "w2"]} for i in range(3)]
    (project.folder / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    project.add_row("benchmarks.tsv", "asked", "question", "asked.jsonl", "decoder")
    cells = [f"results/two/{variant}/scores/asked.parquet" for variant in ("dense", "magnitude-20@attention")]
    project.write_config(lambda config: config["study"]["experiments"][0].update(levels=[20], scopes=["attention"]))
    project.snakemake(*cells)
    assert "Nothing to be done" in str(project.snakemake("-n", *cells))
    path = project.folder / "knowcost/score/tasks/question.yaml"
    path.write_text(path.read_text().replace("Question:", "Question :"))
    assert jobs(project.snakemake("-n", *cells)) == {"score_two-float": 1}


def test_only_methods_that_look_at_data_depend_on_it(project):
    texts = project.folder / "texts.jsonl"
    texts.write_text("".join(f'{{"text": "w{i} w{i + 1} w3 w4"}}\n' for i in range(60)))

    def with_data(config):
        wanda = {"name": "wanda", "steps": ["wanda"], "scopes": ["overall"], "levels": ["2of4"]}
        config["study"]["experiments"].append(wanda)
        config["calibration"] = {"name": "mine", "source": "texts.jsonl", "join": True, "samples": 4, "length": 16}

    project.write_config(with_data)
    halved = {"score_one-float-10": 1, "score_one-float-11": 1}
    run = project.snakemake("--omit-from", "tables")
    assert jobs(run) == {"fetch_calibration": 1, "calibrate": 1, "compress_variant": 1} | halved
    assert project.planned() == AGGREGATES
    manifests = project.folder / "results/one"
    about = json.loads((manifests / "wanda-2of4@overall/manifest.json").read_text())["calibration"]
    assert (about["samples"], about["length"], len(about["sha256"])) == (4, 16, 64)
    assert "calibration" not in json.loads((manifests / "magnitude-20@overall/manifest.json").read_text())
    project.write_config(lambda config: (with_data(config), config["calibration"].update(seed=5)))
    assert project.planned() == {"calibrate": 1, "compress_variant": 1, "score_one-float-10": 1} | AGGREGATES

    def with_two(config):
        with_data(config)
        config["other_calibrations"] = {"again": {"seed": 5}}
        config["study"]["experiments"][-1]["calibrations"] = ["mine", "again"]

    project.write_config(with_two)
    assert project.planned() == {"calibrate": 1, "compress_variant": 1, "score_one-float-0": 1} | AGGREGATES
    manifest = manifests / "wanda-2of4@overall~again/manifest.json"
    project.snakemake(str(manifest.relative_to(project.folder)))
    assert project.planned() == {"score_one-float-0": 1} | AGGREGATES
    again = json.loads(manifest.read_text())["calibration"]
    assert (again["name"], again["seed"]) == ("again", 5)
    assert again["sha256"] != about["sha256"]


def test_a_tokenizer_that_is_edited_in_place_is_fetched_and_asked_again(project):
    folder = project.folder / "checkpoints/bert"
    for path in folder.iterdir():
        os.utime(path)
    assert project.planned() == {}  # touched, and the same
    again = {"fetch_model": 1, "thresholds": 1, "compress_variant": 6} | SCORES | AGGREGATES
    (folder / "added_tokens.json").write_text("{}")
    assert project.planned() == again
    (folder / "added_tokens.json").unlink()
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer | {"model_max_length": 17}))
    assert project.planned() == again
    project.snakemake("resources/models/one/source.json")
    del again["fetch_model"]
    assert project.planned() == again


def test_a_line_added_inside_the_folder_of_a_benchmark_is_read_again(project):
    squad = project.folder / "lama/Squad/test.jsonl"
    squad.parent.mkdir(parents=True)
    line = '{"id": "%s", "masked_sentences": ["w7 w1 [MASK]"], "obj_label": "w3"}\n'
    squad.write_text(line % "a")
    project.add_row("benchmarks.tsv", "squad", "lama_squad", "./lama", "encoder")
    prepared = "resources/benchmarks/squad.parquet"
    project.snakemake(prepared)
    squad.write_text(line % "a" + line % "b")
    assert jobs(project.snakemake(prepared)) == {"fetch_benchmark": 1}
    assert set(pq.read_table(project.folder / prepared)["id"].to_pylist()) == {"a", "b"}


def test_a_deleted_cell_comes_back_and_its_neighbours_are_kept(project):
    """Of two variants of one batch: all that the stage keeps of one, and of the other what Snakemake knows of."""
    cells = [
        project.folder / f"results/one/magnitude-20@{scope}/scores/first.parquet" for scope in ("attention", "overall")
    ]
    before = [cell.read_bytes() for cell in cells]
    shutil.rmtree(cells[0].parent)
    cells[1].unlink()
    assert project.planned() == {"score_one-float-0": 1} | AGGREGATES
    run = project.snakemake(*(str(cell.relative_to(project.folder)) for cell in cells))
    assert re.findall(r"one (\S+) first: ", run.stderr) == ["magnitude-20@attention"]
    assert [cell.read_bytes() for cell in cells] == before


def test_a_job_that_fails_after_a_change_leaves_no_old_results_and_loses_no_new_ones(project):
    """Snakemake notes a failed job's new parameters, and with `update` puts the old files back under them."""
    project.write_config(lambda config: config.update(limit=7, score={**config["score"], "tokens_per_batch": 300}))
    code = project.folder / "knowcost/score/job.py"
    text = code.read_text()
    line = "    from knowcost.score import ask as asking\n"
    failing = text.replace(line, f'    if "int8" in manifest["variant"]:\n        raise OSError\n{line}')
    assert failing != text
    code.write_text(failing)
    cells = {variant: f"results/one/{variant}/scores/first.parquet" for variant in ("int8@overall", *BATCH_OF_DENSE)}
    run = project.snakemake("--keep-going", *cells.values(), check=False)
    assert run.returncode != 0
    asked = set(re.findall(r"one (\S+) first: ", run.stderr))  # the failed job's log is shown again
    assert asked == set(BATCH_OF_DENSE)
    code.write_text(text)
    assert project.planned() == {"score_one-int8": 1, "score_one-float-0": 1} | AGGREGATES
    run = project.snakemake(cells["int8@overall"])
    assert re.findall(r"one (\S+) first: ", run.stderr) == ["int8@overall"]
    assert {len(pq.read_table(project.folder / cell)) for cell in cells.values()} == {7}


def test_a_cell_cut_short_is_never_taken_for_a_result(project):
    cell = project.folder / "results/one/dense/scores/first.parquet"
    before = cell.read_bytes()
    cell.write_bytes(before[: len(before) // 2])
    project.snakemake(str(cell.relative_to(project.folder)), "--forcerun", "score_one-float-1")
    assert cell.read_bytes() == before


def test_a_run_killed_in_the_middle_of_a_write_goes_on(project):
    """What kill -9 leaves: temporary files, an archive without its manifest, and Snakemake's own marks."""
    archive = project.folder / "results/one/magnitude-20@attention"
    before = {p.name: p.read_bytes() for p in archive.iterdir() if p.is_file()}
    (archive / "manifest.json").unlink()
    shard = archive / "model.safetensors"
    (archive / ".model.safetensors.x.tmp").write_bytes(shard.read_bytes()[:100])
    shard.unlink()
    project.snakemake("--omit-from", "tables")
    assert {p.name: p.read_bytes() for p in archive.iterdir() if p.is_file()} == before
    assert project.planned() == {}  # the same bytes: no table is made again


def test_recoveries_run_what_is_new_and_depend_on_what_they_are_made_of(project):
    (project.folder / "texts.jsonl").write_text("".join(f'{{"text": "w{i} w{i + 1} w3 w4"}}\n' for i in range(60)))
    slugs = ("magnitude-40@attention^eora-r2", "magnitude-40@attention^lora-r2")

    def with_recoveries(config, **other):
        config["calibration"] = {"name": "mine", "source": "texts.jsonl", "join": True, "samples": 4, "length": 16}
        config["recovery"] = {"tokens": 64, "length": 8, "batch_size": 2, "validation": 1} | other
        pruned = {"name": "recover", "steps": ["magnitude"], "scopes": ["attention"], "levels": [40]}
        config["study"]["experiments"].append(pruned | {"recover": ["lora-r2", "eora-r2"]})

    project.write_config(with_recoveries)
    run = project.snakemake(*(f"results/one/{slug}/manifest.json" for slug in slugs))
    assert jobs(run) == {"fetch_calibration": 1, "calibrate": 1, "recover_variant": 2}
    project.write_config(lambda config: with_recoveries(config, learning_rate=0.1))
    # EoRA is not trained, nothing is compressed, and what was asked before is not asked again.
    assert project.planned() == {"recover_variant": 1, "score_one-recovered": 1} | AGGREGATES
