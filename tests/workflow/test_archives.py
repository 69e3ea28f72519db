"""What stays of the archives: changing that asks nothing again, and every hash can be checked."""

import csv
import re
import shutil

from helpers.workflow import AGGREGATES, SCORES

from knowcost.compress.archive import storage


def test_another_mode_makes_the_archives_anew_and_asks_nothing_again(project):
    cells = sorted(project.folder.glob("results/one/*/scores/first.parquet"))
    before = [cell.read_bytes() for cell in cells]
    deleted = project.folder / "results/one/magnitude-20@attention/scores/first.parquet"
    deleted.unlink()
    shutil.rmtree(deleted.parent / ".kept")
    project.write_config(lambda config: config.update(archive="recipe"))
    assert project.planned() == {"compress_variant": 6} | SCORES | AGGREGATES
    run = project.snakemake()
    assert re.findall(r"one (\S+) first: ", run.stderr) == ["magnitude-20@attention"]
    assert [cell.read_bytes() for cell in cells] == before
    assert project.planned() == {}
    with open(project.folder / "results/tables/scores.csv", newline="") as f:
        disk = {row["variant"]: int(row["disk_bytes"]) for row in csv.DictReader(f)}
    for variant, size in disk.items():
        left = sorted(path for path in (project.folder / "results/one" / variant).glob("[!.]*") if path.is_file())
        assert [path.name for path in left] == ["manifest.json", "manifest.json.sha256"]
        assert size == left[0].stat().st_size  # a seal is no part of an archive

    target = "exports/one/magnitude-20@attention/manifest.json"
    project.snakemake(target, "verify")
    assert (storage.verify((project.folder / target).parent))["files"].keys() > {"model.safetensors", "config.json"}
    base = project.folder / "resources/models/one/model.safetensors"
    data = base.read_bytes()
    base.unlink()  # a link to the local model
    base.write_bytes(data[:-1] + b"x")
    run = project.snakemake("verify", check=False)
    assert run.returncode != 0
    assert "resources/models/one/model.safetensors is damaged or was changed" in run.stdout + run.stderr


def test_a_model_s_own_mode_and_another_shard_size(project):
    project.write_config(lambda config: config.update(shard_size="1GB"))
    assert project.planned() == {"report": 1}  # which shows the configuration
    (project.folder / "models.tsv").write_text(
        "name\tfamily\tsource\tarchive\none\tencoder\t./checkpoints/bert\tchanged\n"
    )
    assert project.planned() == {"compress_variant": 6} | SCORES | AGGREGATES
