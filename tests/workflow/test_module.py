"""The workflow as a module of somebody else's: the defaults stand under what they configure."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

OUTER = """
configfile: "mine.yaml"


module knowcost:
    snakefile:
        "{snakefile}"
    config:
        config


use rule * from knowcost
"""


def snakemake(folder, *options):
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "1", *options]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def test_a_module_needs_only_the_keys_that_differ(root, tmp_path):
    (tmp_path / "Snakefile").write_text(OUTER.format(snakefile=root / "Snakefile"))
    (tmp_path / "models.tsv").write_text("name\tfamily\tsource\nmine\tencoder\tgoogle-bert/bert-base-uncased\n")
    experiment = {"name": "p", "steps": ["magnitude"], "scopes": ["overall"], "levels": [50]}
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump({"models": "models.tsv", "study": {"experiments": [experiment]}})
    )
    said = snakemake(tmp_path, "-n", "--quiet", "reason")
    jobs = {rule: int(count) for rule, count in re.findall(r"^(\S+) +(\d+)$", said, re.M)}
    # The benchmarks are those of the workflow's own table.
    assert jobs["fetch_benchmark"] == 8
    assert {rule: jobs[rule] for rule in ("compress", "score_mine-float", "report")} == dict.fromkeys(
        ("compress", "score_mine-float", "report"), 1
    ) | {"compress": 2}


def test_a_module_s_scripts_read_the_defaults_too(project):
    outer = project.folder / "outer"
    outer.mkdir()
    (outer / "Snakefile").write_text(OUTER.format(snakefile=project.folder / "Snakefile"))
    (project.folder / "mine.yaml").write_text((project.folder / "config.yaml").read_text())
    run = snakemake(project.folder, "-s", "outer/Snakefile", "-n")
    assert "Nothing to be done" in run
    manifest = project.folder / "results/one/magnitude-20@attention/manifest.json"
    before = manifest.read_bytes()
    manifest.unlink()
    snakemake(project.folder, "-s", "outer/Snakefile", str(manifest.relative_to(project.folder)))
    assert manifest.read_bytes() == before
