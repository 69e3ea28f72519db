"""The workflow as a module of somebody else's: the defaults stand under what they configure."""

import yaml
from helpers.workflow import jobs, snakemake

OUTER = """
configfile: "mine.yaml"


module knowcost:
    snakefile:
        "{snakefile}"
    config:
        config


use rule * from knowcost
"""


def test_a_module_needs_only_the_keys_that_differ(root, tmp_path):
    tmp_path /= "my other study (ü)"
    tmp_path.mkdir()
    (tmp_path / "Snakefile").write_text(OUTER.format(snakefile=root / "Snakefile"))
    (tmp_path / "models.tsv").write_text("name\tfamily\tsource\nmine\tencoder\tgoogle-bert/bert-base-uncased\n")
    experiment = {"name": "p", "steps": ["magnitude"], "scopes": ["overall"], "levels": [50]}
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump({"models": "models.tsv", "study": {"experiments": [experiment]}})
    )
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("samples: of the other workflow, which is none of ours\n")
    planned = jobs(snakemake(tmp_path, "-n", "--quiet", "reason"))
    # The benchmarks are those of the workflow's own table.
    assert planned["fetch_benchmark"] == 8
    assert (planned["compress_variant"], planned["score_mine-float"], planned["report"]) == (2, 1, 1)


def test_a_module_s_scripts_read_the_defaults_too(project):
    outer = project.folder / "outer"
    outer.mkdir()
    (outer / "Snakefile").write_text(OUTER.format(snakefile=project.folder / "Snakefile"))
    (project.folder / "mine.yaml").write_text((project.folder / "config.yaml").read_text())
    assert jobs(snakemake(project.folder, "-s", "outer/Snakefile", "-n")) == {}
    manifest = project.folder / "results/one/magnitude-20@attention/manifest.json"
    before = manifest.read_bytes()
    manifest.unlink()
    snakemake(project.folder, "--cores", "1", "-s", "outer/Snakefile", str(manifest.relative_to(project.folder)))
    assert manifest.read_bytes() == before
