"""The plan of a study: what the presets ask for."""

import os
import re
import subprocess
import sys
from dataclasses import replace

import yaml
from helpers.workflow import CONFIG, OFFLINE, facts, jobs, snakemake

from knowcost.benchmarks.formats import kind_of
from knowcost.benchmarks.kinds import KINDS
from knowcost.compress.calibration import texts
from knowcost.papers.forget_knowledge import printed
from knowcost.papers.forget_knowledge.domains import COMMON, LANGUAGE, WORLD
from knowcost.plan import asking, batching, config, design, hours, resources, writing
from knowcost.plan.writing import Written


def study(root, preset):
    return config.load(yaml.safe_load((root / f"config/presets/{preset}.yaml").read_text()))


def test_the_paper_s_matrix_by_hand(root):
    paper = study(root, "paper")
    families = [row["family"] for row in paper.models.values()]
    assert (families.count("encoder"), families.count("encoder_decoder"), families.count("decoder")) == (7, 4, 2)
    # dense + 9 levels x 3 scopes + int8 of 3 + 2 levels x 3 scopes of prune + int8 + 2 x 2 of the final layer
    assert len(design.variants(paper, "encoder")) == 1 + 27 + 3 + 6 + 4
    # and, for these, the 2 x 2 of the final layer once more, lost as in the published code
    assert len(design.variants(paper, "decoder")) == 1 + 27 + 3 + 6 + 4 + 4
    assert len(design.variants(paper, "encoder_decoder")) == 1 + 63 + 7 + 14 + 4 + 4
    assert (
        len(design.cells(paper)) == 7 * 41 * (4 + 4) + 4 * 93 * 3 + 2 * 45 * 3
    )  # LAMA as it should be and as published


def test_the_recovery_paper_s_matrix_by_hand(root):
    """Per model the dense one, and two compressions on two texts, each by itself and recovered in 3 ranks, 3 lengths of
    prompts and of prefixes, and 2 choices among prompts; nine tasks, two texts and similarity."""
    recovery = study(root, "recovery")
    assert set(recovery.models) == {"llama-7b", "opt-6.7b"}
    assert len(design.variants(recovery, "decoder")) == 1 + 2 * 2 * (1 + 3 + 3 + 3 + 2) == 49
    assert len(design.cells(recovery)) == 2 * 49 * (9 + 2 + 1)
    for experiment in recovery.config["study"]["experiments"]:  # the controls, on both texts, which both name
        experiment["recover_dense"] = True
    assert len(design.variants(recovery, "decoder")) == 49 + 2 * 11


def test_what_the_recovery_paper_printed_is_in_its_matrix(root):
    recovery = study(root, "recovery")
    asked = set(design.variants(recovery, "decoder"))
    assert {printed.slug(row) for row in printed.rows()} <= asked
    assert {row["model"] for row in printed.rows()} == set(recovery.models)
    domains = {name: row["domain"] for name, row in recovery.benchmarks.items() if row.get("domain")}
    by_mean = {"World": WORLD, "Common": COMMON, "Language": LANGUAGE}
    assert domains == {printed.TASKS[task]: by_mean[mean] for mean in by_mean for task in printed.MEANS[mean]}


def test_what_the_recovery_paper_s_matrix_asks_of_a_cluster_is_in_the_documentation(root, capsys):
    hours.main(str(root / "config/presets/recovery.yaml"), "80")
    table = "".join(capsys.readouterr().out.splitlines(keepends=True)[:-1])
    assert f"```text\n{table}```" in (root / "docs/recovery.md").read_text()


def test_llm_kick_s_matrix_by_hand(root):
    """Per model the dense one, 12 sparsities and 3 patterns of magnitude, and of Wanda and SparseGPT on three draws of
    calibration texts, 4 of GPTQ's bits on the same; in nine tasks, of which summaries are also read as published."""
    kick = study(root, "llm-kick")
    assert set(kick.models) == {"vicuna-7b", "vicuna-13b"}
    assert len(design.variants(kick, "decoder")) == 1 + 15 + 3 * (15 + 15 + 4) == 118
    assert len(design.cells(kick)) == 2 * 118 * (9 + 1)
    assert kick.benchmarks["cnn-dailymail@published"]["per_relation"] == "30" and kick.config["judge"]["model"] is None
    draws = texts.every(kick.config).values()
    assert [draw["seed"] for draw in draws] == [0, 1, 2] and len({draw["source"] for draw in draws}) == 1


def test_what_texts_take_is_in_the_hours_and_in_the_jobs(root):
    """The same job in both, and longer than one of the same cells without texts."""
    kick = study(root, "llm-kick")
    kick = replace(kick, gpu_memory_gb=80)
    batch = batching.batches(kick)[0]
    job = resources.of_batch(kick, batch, asking.to_ask(kick, batch.cells))
    asked = sum(1 + (slug == "dense") for slug in batch.variants)
    assert writing.written(kick, job.asked) == Written(
        asked * 1024 * (160 * 2048 + 80 * 1104) + asked * 90 * 256 * (1256 + 1356)
    )
    assert job in list(hours.jobs(kick))
    kinds = {cell: KINDS[kind_of(kick.benchmarks[cell.benchmark]["format"])] for cell in batch.cells}
    silent = replace(job, asked={cell: 0 if kinds[cell].writes else facts for cell, facts in job.asked.items()})
    assert resources.counted(kick, job)["runtime"] > resources.counted(kick, silent)["runtime"]


def test_both_groupings_add_only_the_scopes_they_draw_apart(root):
    demo = study(root, "demo")
    before = {family: len(design.variants(demo, family)) for family in ("encoder", "decoder")}
    demo.config["study"]["groupings"] = ["paper", "canonical"]
    # attention and feed-forward again: 3 levels, int8, 2 levels of prune + int8
    assert len(design.variants(demo, "encoder")) == before["encoder"] + 2 * (3 + 1 + 2)
    assert len(design.variants(demo, "decoder")) == before["decoder"]


def test_batches_hold_every_cell_once(root):
    demo = study(root, "demo")
    cells = [cell for batch in batching.batches(demo) for cell in batch.cells]
    # in all families dense, 3 levels, int8 and 2 levels of both in 3 scopes, 4 of the final layer, 4 of other methods
    whole = 1 + 9 + 3 + 6 + 4 + 4
    # the encoder-decoder's 4 parts of attention, 4 lost heads, 3 recovered; the decoder's 6 more of other
    # methods, 4 lost heads, and recovered 7 and 3 of two compressions, and 2 of the dense model
    encoder_decoder, decoder = whole + 4 + 4 + 3, whole + 6 + 4 + 12
    assert len(cells) == len(set(cells)) == whole * 3 + encoder_decoder * 4 + decoder * 7
    assert set(cells) == set(design.cells(demo))
    assert max(len(batch.variants) for batch in batching.batches(demo)) <= 40  # score.variants_per_job


def test_a_dry_run_shows_all_jobs_and_touches_no_network(root, tmp_path):
    """The paper's is in test_gpus.py, the demo's below."""
    options = ["--directory", str(tmp_path), "--quiet", "reason", "--configfile", "config/presets/compressors.yaml"]
    run = snakemake(root, "-n", *options, **OFFLINE)
    assert jobs(run)["compress_variant"] == len(design.archives(study(root, "compressors")))


def test_a_job_of_a_cluster_plans_itself_alone_and_as_the_whole_plan_has_it(root, tmp_path):
    """As Snakemake starts it on a node (`format_job_exec` of an executor)."""
    (tmp_path / "models.tsv").write_text("name\tfamily\tsource\nm1\tencoder\torg/one\nm10\tencoder\torg/two\n")
    (tmp_path / "benchmarks.tsv").write_text("name\tformat\tsource\tfamilies\nfirst\tcloze\tfirst.jsonl\tencoder\n")
    facts(tmp_path / "first.jsonl", 4)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(CONFIG))
    options = ["--directory", str(tmp_path), "--configfile", str(tmp_path / "mine.yaml")]
    whole = blocks(snakemake(root, "-n", *options, **OFFLINE))
    for name in ("score_m1-float-0", "tables"):
        job = ["--mode", "remote", "--allowed-rules", name, *options]
        rules = re.findall(r"^\S+", snakemake(root, *job, "--list", **OFFLINE).stdout, re.M)
        assert [rule for rule in rules if rule.startswith("score_")] == [name] * (name != "tables")
        assert ("all" in rules) == (name == "tables")
        alone = blocks(snakemake(root, *job, "-n", "--force", "--nolock", "--target-jobs", f"{name}:", **OFFLINE))
        assert alone == {name: whole[name]}


def blocks(run):
    """{rule: what a dry run says of its job, but for its number, why it runs and where its files in between lie}."""
    found = re.findall(r"^(?:local)?rule (\S+):\n((?: {4}.*\n)+)", run.stdout + run.stderr, re.M)
    drop = r" {4}(?:jobid|reason):.*\n|(?<=[ ,])tmpdir=[^\n,]*"
    return {rule: re.sub(drop, "", text) for rule, text in found}


def test_planning_loads_no_torch_and_touches_no_network(root, tmp_path):
    """A whole dry run of the demo in a fresh process and folder; the process then says what it has loaded."""
    code = (
        "import sys; from snakemake.cli import main\n"
        f"try: main(['-n', '--configfile', 'config/presets/demo.yaml', '--directory', {str(tmp_path)!r}])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'knowcost.plan.design' in sys.modules\n"
        "print(*({'torch', 'transformers', 'peft', 'lm_eval', 'datasets'} & sys.modules.keys()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=os.environ | OFFLINE, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert jobs(run)["compress_variant"] + jobs(run)["recover_variant"] == len(design.archives(study(root, "demo")))
    assert run.stdout.splitlines()[-1] == "", run.stdout


def test_no_name_of_a_model_or_benchmark_leads_to_another_s_log(root):
    """A model called benchmark-x and a benchmark called x: each rule puts a word of its own before the name."""
    rules = (root / "workflow/rules/fetch.smk").read_text()
    logs = re.findall(r'paths\.log\("fetch", "([^"]+)"\)', rules)
    assert sorted(logs) == ["benchmark-{benchmark}", "calibration-{calibration}", "model-{model}"]


def test_what_planning_imports_is_light(root):
    """The package's modules that the workflow itself imports, without Snakemake, which loads pandas on its own."""
    lines = (root / "workflow/rules/common.smk").read_text().splitlines()
    imports = [line for line in lines if line.startswith(("from knowcost", "import knowcost"))]
    assert any(line.startswith("from knowcost.plan import asking, batching, ") for line in imports)
    heavy = "{'pandas', 'pyarrow', 'scipy', 'matplotlib', 'torch', 'transformers'}"
    code = "\n".join(["import sys", *imports, f"print(*({heavy} & sys.modules.keys()))"])
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stdout + run.stderr


def test_jobs_import_only_what_they_use(root):
    """A scoring job asks nothing where every cell is valid, and the report draws nothing and tests nothing."""
    code = (
        "import sys, knowcost.score.job\n"
        "print(*({'torch', 'transformers', 'pandas'} & sys.modules.keys()))\n"
        "import knowcost.report.page\n"
        "print(*({'torch', 'transformers', 'matplotlib', 'scipy'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "\n\n"), run.stdout + run.stderr
