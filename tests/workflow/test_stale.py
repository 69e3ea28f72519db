"""The target `stale`: what a study no longer names is listed, and removed when the number of that list is given."""

import re

GONE = ["magnitude-40@attention", "magnitude-40@overall"]


def test_levels_that_were_taken_out_are_listed_and_removed_and_nothing_runs_again_for_it(project):
    project.write_config(lambda config: config["study"]["experiments"][0].update(levels=[20]))
    planned, results = project.planned(), project.folder / "results/one"
    run = project.snakemake("stale")
    *listed, last = re.findall(r"[MkG]B  (\S+)", run.stderr)
    assert sorted(listed) == [f"results/one/{slug}" for slug in GONE] and last == "in"  # the largest first
    number = re.search(r"--config delete=(s[0-9a-f]{6})$", run.stderr, re.M)[1]
    assert len(list(results.glob("*/manifest.json"))) == 6, "listing removes nothing"
    run = project.snakemake("stale", "--config", f"delete={number}")
    assert re.search(r"Removed \d+ files; \d.* are free\.$", run.stderr, re.M), run.stderr[-5000:]
    kept = {"dense", "int8@overall", "magnitude-20@attention", "magnitude-20@overall"}
    assert {path.name for path in results.iterdir() if path.is_dir()} == kept
    assert project.planned() == planned
