"""Judging in the workflow: one job for the whole study, run again by what changes judgements alone."""

import pytest
from helpers import judging
from helpers.judge_server import JudgeServer
from helpers.workflow import jobs

from knowcost.common import paths

CELLS = [paths.judgements("m", variant, "chat") for variant in ("dense", judging.VARIANT)]


@pytest.fixture
def study(project):
    """A project with a model that writes, whose texts and benchmark are here already."""
    (project.folder / "models.tsv").write_text("name\tfamily\tsource\nm\tdecoder\tacme/m\n")
    project.add_row("benchmarks.tsv", "chat", "conversation", "chat.jsonl", "decoder")
    project.add_row("benchmarks.tsv", "facts", "boolq", "facts.jsonl", "decoder")
    for name in ("chat", "facts"):
        (project.folder / f"{name}.jsonl").write_text("")
    judging.study(project.folder, count=1, turns=1)
    return project


def configure(study, **changes):
    experiment = {"name": "prune", "steps": ["wanda"], "scopes": ["overall"], "levels": [50]}
    asked = {"model": "judge", "rubrics": ["mt_bench_pair"]} | changes
    study.write_config(lambda config: (config.update(judge=asked), config["study"].update(experiments=[experiment])))


def planned(study, *targets, **changes):
    """What a dry run would do, and what it says on stderr."""
    configure(study, **changes)
    run = study.snakemake("--quiet", "reason", "-n", *targets)
    return jobs(run), run.stderr


def test_judging_is_one_job_and_runs_again_by_what_is_asked_alone(study, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key-of-this-test")
    configure(study)
    with JudgeServer() as judge:
        monkeypatch.setenv("OPENAI_BASE_URL", judge.url)
        run = study.snakemake(*CELLS)
        assert len(judge.bodies) == 4
    assert jobs(run) == {"judge": 1}
    said = "judge judge: 4 of 4 judgements are missing. They take at most so many requests (limit 20,000), and one more"
    assert said in run.stderr
    assert not any(b"sk-a-key-of-" in path.read_bytes() for path in study.folder.rglob("*") if path.is_file())
    faster = {"requests": 9, "tokens": 10**6, "parallel": 1, "seconds": 9, "allow_self": True}
    made, said = planned(study, *CELLS, **faster)
    assert made == {} and "judge judge: all of 4 judgements are kept; nothing is asked\n" in said
    made, said = planned(study, "tables", rubrics=["mt_bench_pair", "mt_bench_single"])
    assert made["judge"] == made["tables"] == 1 and "judge judge: 2 of 6 judgements are missing." in said
