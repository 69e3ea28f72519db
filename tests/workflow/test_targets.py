"""Targets as people type them (docs/targets.md), on the dry run."""

import shutil

from helpers.workflow import SCORES, jobs

from knowcost.common import paths


def planned(project, *targets):
    """{rule: how many jobs} of a dry run of targets."""
    return jobs(project.snakemake("-n", "--quiet", "reason", *targets))


def test_targets_make_what_they_take_and_stop(project):
    shutil.rmtree(project.folder / "results")
    scored = {"thresholds": 1, "compress_variant": 6} | SCORES
    assert planned(project, "--", "score") == scored | {"score": 1} == planned(project, "--until", "score")
    assert planned(project, "--", paths.table("claims", "csv")) == scored | {"tables": 1}
    files = [paths.manifest("one", "dense"), paths.scores("one", "int8@overall", "first")]
    assert planned(project, "--", *files) == {"compress_variant": 2, "score_one-int8": 1}


def test_one_table_that_was_deleted_is_made_again(project):
    (project.folder / paths.table("claims", "csv")).unlink()
    assert "tables" in project.planned()
