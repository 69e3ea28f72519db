"""Judging in the workflow: one local job for the whole study, run again by what changes judgements alone."""

import pytest
from helpers import judging
from helpers.copies import copy_workflow
from helpers.judge_server import JudgeServer
from helpers.workflow import Project, jobs

from knowcost.common import paths

CELLS = [paths.judgements("m", variant, "chat") for variant in ("dense", judging.VARIANT)]


@pytest.fixture
def study(tmp_path):
    """A project with a model that writes, whose texts and benchmark are here already."""
    copy_workflow(tmp_path)
    (tmp_path / "models.tsv").write_text("name\tfamily\tsource\nm\tdecoder\tacme/m\n")
    table = (
        "name\tformat\tsource\tfamilies\nchat\tconversation\tchat.jsonl\tdecoder\nfacts\tboolq\tfacts.jsonl\tdecoder\n"
    )
    (tmp_path / "benchmarks.tsv").write_text(table)
    for name in ("chat", "facts"):
        (tmp_path / f"{name}.jsonl").write_text("")
    judging.study(tmp_path, count=1, turns=1)
    return Project(tmp_path)


def configure(study, **changes):
    experiment = {"name": "prune", "steps": ["wanda"], "scopes": ["overall"], "levels": [50]}
    asked = {"model": "judge", "rubrics": ["mt_bench_pair"]} | changes
    study.write_config(lambda config: (config.update(judge=asked), config["study"].update(experiments=[experiment])))


def planned(study, **changes):
    """What a dry run for the judgements would do, and what it says of judges."""
    configure(study, **changes)
    run = study.snakemake("--quiet", "reason", "-n", *CELLS)
    return jobs(run), [line for line in run.stderr.splitlines() if line.startswith("judge ")]


def test_judging_is_one_job_and_runs_again_by_what_is_asked(study, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key-of-this-test")
    with JudgeServer() as judge:
        monkeypatch.setenv("OPENAI_BASE_URL", judge.url)
        made, said = planned(study)
        assert made == {"judge": 1}
        assert said == ["judge judge: 4 of 4 judgements are missing. They take at most so many requests (limit 20,000), "
                        "and one more for each reply that cannot be read; these hold about 2,008 tokens and are answered by "
                        "4,096 at most (limit 50,000,000)."]  # fmt: skip
        study.snakemake(*CELLS)
        assert len(judge.bodies) == 4
    assert not any("sk-a-key" in path.read_text(errors="replace") for path in study.folder.rglob("*.log"))
    assert planned(study) == ({}, ["judge judge: all of 4 judgements are kept; nothing is asked"])
    assert planned(study, requests=9, tokens=10**6, parallel=1, seconds=9, allow_self=True)[0] == {}
    made, said = planned(study, rubrics=["mt_bench_pair", "mt_bench_single"])
    assert made == {"judge": 1} and said[0].startswith("judge judge: 2 of 6 judgements are missing.")
    assert planned(study, model="other")[0] == {"judge": 1}


def test_without_a_judge_there_is_nothing_of_it_and_with_one_the_tables_wait_for_it(study):
    configure(study, model=None)
    run = study.snakemake("--quiet", "reason", "-n")
    assert "judge" not in jobs(run) and "judge" not in run.stderr.replace("test_judged", "")
    configure(study)
    run = study.snakemake("--quiet", "reason", "-n", paths.TABLES)
    assert jobs(run)["judge"] == 1
    assert "OPENAI_API_KEY is not set" in run.stderr
